"""By which names a client's signature may call this server."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatctl.server.places import places_of

ELSEWHERE = ("tcp:203.0.113.7:5501", "unix:/run/other")


@pytest.mark.parametrize(
    ("sockname", "channel", "places"),
    [
        (("192.0.2.1", 5500), b"", ("tcp:192.0.2.1:5500", ELSEWHERE[0])),
        (("::1", 5500, 0, 0), b"", ("tcp:::1:5500", ELSEWHERE[0])),
        (("192.0.2.1", 5501), b"\xab\xcd", ("tls:abcd",)),
        (b"\0hidden", b"", ("unix:@hidden", ELSEWHERE[1])),
        ("", b"", (ELSEWHERE[1],)),
    ],
)
def test_a_place_is_how_it_was_reached_or_one_that_it_was_told(
    sockname: str | bytes | tuple[object, ...], channel: bytes, places: tuple[str, ...]
) -> None:
    """With TLS it is the certificate alone, and a path is nothing to who came by TCP."""
    assert places_of(sockname, channel, ELSEWHERE) == places


def test_links_to_a_socket_are_followed_once(tmp_path: Path) -> None:
    """One that is changed later is another server's."""
    (tmp_path / "real").touch()
    (tmp_path / "link").symlink_to("real")
    assert places_of(str(tmp_path / "link"), b"", ()) == (f"unix:{tmp_path}/real",)
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("another")
    assert places_of(str(tmp_path / "link"), b"", ()) == (f"unix:{tmp_path}/real",)


def test_connections_to_one_address_share_its_names() -> None:
    """There may be ten thousand of them."""
    assert places_of(("192.0.2.1", 5500), b"", ELSEWHERE) is places_of(("192.0.2.1", 5500), b"", ELSEWHERE)
