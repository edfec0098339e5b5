"""The log is for operators: it tells who came and went, and nothing that was said or that proves who somebody is."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.support.environment import clean_env
from tests.support.server_process import Server
from tests.support.wire import Wire

TOKEN = "feedface" * 4
KEY = base64.b64encode(b"SECRET-KEY-THAT-IS-32-BYTES-LONG").decode()
WORDS = ("s3cr3t-said", "s3cr3t-whispered", "s3cr3t-scram", "s3cr3t-epoch", "s3cr3t-id", "s3cr3t-pasted", TOKEN, KEY)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_and_nothing_that_was_said_is_logged(tmp_path: Path, form: str) -> None:
    """At the level that tells the most."""
    server = Server("--verbose", "--log-format", form, env=clean_env(tmp_path))
    nadia = server.member("nadia", token=TOKEN, resume={"epoch": "s3cr3t-epoch", "after": 0})
    nadia.say("s3cr3t-said", id="s3cr3t-id").frame("ack")
    nadia.say_frame(type="whisper", to="nadia", text="s3cr3t-whispered")
    nadia.send(b's3cr3t-pasted {"token":"%s"}\n' % TOKEN.encode()).frame("error")
    for more in ({"scram": "n,,n=,r=s3cr3t-scram"}, {"key": KEY}):
        wire = server.wire().say_frame(type="hello", v=1, nick="omar", **more)
        wire.next_frame()
        wire.send(b'{"type":"proof","signature":"%s","scram":"s3cr3t-scram"}\n' % KEY.encode())
        wire.close()
    server.wire().send(b"\x16\x03\x01s3cr3t-pasted").rest()
    server.wire().send(b"GET /s3cr3t-pasted HTTP/1.1\r\n\r\n").rest()
    Wire.close_all()
    log = server.stop()
    assert "nadia" in log
    assert [word for word in WORDS if word in log] == []
    if form == "json":
        assert all({"time", "level", "event"} <= json.loads(line).keys() for line in log.splitlines())
