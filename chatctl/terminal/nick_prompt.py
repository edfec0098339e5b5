"""Coming in where a password is wanted: a person is asked for it, a script never is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from chatctl.client.core.prover import Secrets
from chatctl.client.security.key_files import Ask, ask_on_terminal
from chatctl.common.text import clean
from chatctl.errors import PasswordWanted, PasswordWrong

MOST_TRIES = 3
MAX_WAIT = 600.0
"""Seconds: no server of ours makes anybody wait longer for the next try."""


def enter(credentials: Secrets, talk: Callable[[], int], ask: Ask = ask_on_terminal) -> int:
    """Talk, and give the exit code; ``ask`` for the password if the server wants one, up to three times.

    Raises:
        ChatError: we could not get in.
    """
    not_before, left = 0.0, MOST_TRIES
    while True:
        try:
            return talk()
        except PasswordWanted:
            left -= 1
        except PasswordWrong as error:
            if not 0 < left < MOST_TRIES:  # it was not typed here, or typed often enough
                raise
            left -= 1
            not_before = time.monotonic() + min(error.retry_after or 0.0, MAX_WAIT)
            print(f"chatctl: {clean(error.text)}", file=sys.stderr)  # noqa: T201
        credentials.password = ask("password of the room: ")
        _wait_until(not_before)


def _wait_until(moment: float) -> None:
    """Wait as long as the server would not listen."""
    left = moment - time.monotonic()
    if left > 0:
        print(f"(the server hears the next one in {left:.0f} s)", file=sys.stderr)  # noqa: T201
        time.sleep(left)
