"""The public forms over TLS: both know a server by its certificate, and send nothing to another."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatctl.client.address import Address
from chatctl.errors import Untrusted
from tests.client.conftest import Form
from tests.support import clean_env
from tests.tls.common import TlsServer


def test_it_speaks_to_the_server_of_its_pin_alone(form: Form, tmp_path: Path) -> None:
    server = TlsServer("--tls", "self", env=clean_env(tmp_path / "server"))
    try:
        right = Address("127.0.0.1", server.tls_port, tls=True, pin=server.pin)
        with form.connect(right, nick="ci") as here, here.follow() as entries:
            assert here.say("hi").seq == 1
            assert next(entries).text == "hi"
        with pytest.raises(Untrusted, match="nothing was sent"):
            form.connect(right._replace(pin="SHA256:" + "A" * 43), nick="ci")
    finally:
        server.stop()
