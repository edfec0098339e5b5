"""The dates of a certificate: who forgot to renew it hears of it for two weeks before its clients do."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from chatctl.errors import ChatError
from chatctl.hub.event_log import Log
from chatctl.server.certificate_dates import DAY, LOOK_SECONDS, CertificateWatch, trouble_with
from chatctl.server.certificates import Certificate, Dates, Tls

NOW = 1_700_000_000.0
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def certificate(ends: float, begins: float = -DAY, chain: tuple[Dates, ...] = ()) -> Certificate:
    """Return a certificate that ends so many seconds from NOW."""
    return Certificate(CONTEXT, b"", (Dates("CN=chat", NOW + begins, NOW + ends), *chain))


@pytest.mark.parametrize(
    ("shown", "trouble"),
    [
        (certificate(14 * DAY + 1), None),
        (certificate(14 * DAY), ("the certificate expires soon", "CN=chat ends in 14d")),
        (certificate(3600), ("the certificate expires soon", "CN=chat ends in 1h")),
        (certificate(0), ("the certificate has expired", "CN=chat ended 1s ago")),
        (certificate(-DAY), ("the certificate has expired", "CN=chat ended 1d ago")),
        (certificate(90 * DAY, 3600), ("the certificate is not valid yet", "CN=chat begins in 1h")),
        (
            certificate(90 * DAY, chain=(Dates("CN=ca", NOW - DAY, NOW + DAY),)),
            ("the certificate expires soon", "CN=ca ends in 1d"),
        ),
    ],
)
def test_what_is_wrong_with_dates(shown: Certificate, trouble: tuple[str, str] | None) -> None:
    assert trouble_with(shown, NOW) == trouble


class House:
    """A loop, a wall clock and a certificate, all turned by hand."""

    def __init__(self, shown: Certificate) -> None:
        self.now = NOW
        self.current = shown
        self.path = Path("cert.pem")
        self.next = shown
        self.fails = False
        self.lines: list[str] = []
        self.due: list[tuple[float, Callable[[], None]]] = []
        log = Log(write=lambda _, line: self.lines.append(line.split(" ", 2)[2]), clock=lambda: 0.0)
        self.watch = CertificateWatch(cast(Tls, self), log, cast(Any, self), lambda: self.now)

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> House:
        self.due.append((self.now + delay, callback))
        return self

    def cancel(self) -> None:
        self.due.clear()

    def reload(self) -> None:
        if self.fails:
            raise ChatError("there is no certificate")
        self.current = self.next

    def pass_hours(self, hours: int) -> list[str]:
        """Let time pass, an hour at a time; return what was logged."""
        self.lines.clear()
        for _ in range(hours):
            self.now += LOOK_SECONDS
            ripe = [callback for when, callback in self.due if when <= self.now]
            self.due = [(when, callback) for when, callback in self.due if when > self.now]
            for callback in ripe:
                callback()
        return self.lines


def test_it_is_warned_of_daily_from_two_weeks_before() -> None:
    house = House(certificate(20 * DAY))
    house.watch.start()
    assert house.lines == []
    assert house.pass_hours(5 * 24) == []
    assert len(house.pass_hours(24 * 14)) == 14
    assert house.lines[0] == "warning: the certificate expires soon path=cert.pem why=CN=chat ends in 14d"
    assert "has expired" in house.pass_hours(24)[0]
    house.watch.stop()
    assert house.pass_hours(48) == []


def test_a_certificate_that_expired_is_told_at_the_start_and_at_each_reload() -> None:
    house = House(certificate(-DAY))
    house.watch.start()
    assert ["has expired" in line for line in house.lines] == [True]
    house.watch.reload()
    assert ["has expired" in line for line in house.lines] == [True, True]
    house.next = certificate(90 * DAY)
    house.watch.reload()
    assert len(house.lines) == 2
    assert house.pass_hours(24) == []


def test_a_reload_that_fails_changes_nothing() -> None:
    house = House(certificate(90 * DAY))
    house.watch.start()
    house.fails = True
    with pytest.raises(ChatError, match="no certificate"):
        house.watch.reload()
    assert house.lines == []


def test_a_certificate_whose_dates_can_not_be_read_is_shown_all_the_same() -> None:
    """OpenSSL takes some that other parsers refuse."""
    assert trouble_with(Certificate(CONTEXT, b"", ()), NOW) is None


def test_the_dates_are_read_from_the_file_chain_included(tmp_path: Path) -> None:
    from chatctl.server.certificates import VALID_DAYS, self_signed

    one, other = (self_signed(tmp_path / name, "localhost") for name in ("one", "other"))
    one.write_bytes(one.read_bytes() + other.read_bytes()[other.read_bytes().index(b"-----BEGIN CERT") :])
    dates = Tls(one).current.dates
    assert [found.subject for found in dates] == ["CN=chatctl", "CN=chatctl"]
    assert dates[0].ends - dates[0].begins == (VALID_DAYS + 1) * DAY
