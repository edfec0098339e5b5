"""Reading a configuration file: what can't be is told with its file and the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatctl.cli.config_file import ConfigError, parse


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[sned]", "there is no section [sned]: did you mean [send]?"),
        ("[send]\nnik = 'x'", "there is no key 'nik' in [send]: did you mean 'nick'?"),
        ("[send]\nqqqqqqq = 1", "there is no key 'qqqqqqq' in [send]: known are nick, print-id"),
        ("nick = 'x'", "'nick' stands in no section: [default] is the one for all commands"),
        ("[defualt]", "there is no section [defualt]: did you mean [default]?"),
        ("[default]\nnik = 'x'", "there is no key 'nik' in [default]: did you mean 'nick'?"),
        ("[default]\ntimeout = '1s'", "there is no key 'timeout' in [default]"),
        ("[server.work]\nhots = 'x'", "there is no key 'hots' in [server.work]: did you mean 'host'?"),
        ("[server.work]\nport = '5500'", "port in [server.work] has to be a number"),
        ("[server.work]\nport = 0", "port in [server.work] is not in the range"),
        ("[server]\nwork = 'x'", "a named server is a section of its own, as [server.work]"),
        ("[send]\nnick = { a = 1 }", "nick in [send] can be a string"),
        ("nick = ", "Invalid value"),
        ("[send]\nnick = bob", 'Invalid value (at line 2, column 8); a text needs quotes: nick = "rajat"'),
        (b"\xff", "utf-8"),
    ],
)
def test_what_can_t_be_names_the_file_and_the_nearest_name(text: str | bytes, complaint: str) -> None:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(ConfigError) as caught:
        parse(data, Path("/etc/c.toml"), {"send": {"nick": "nick", "print-id": "print_id"}})
    assert caught.value.text.startswith("/etc/c.toml: ")
    assert complaint in caught.value.text
