"""Every example of docs/api.md is run as it stands there, but for the port, and prints what stands there."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatctl.core.limits import ServerLimits
from tests.support.environment import ROOT
from tests.support.in_process_server import in_process_server
from tests.support.wire import Wire

PAGE = (ROOT / "docs" / "api.md").read_text()


def examples() -> list[tuple[str, str]]:
    """Return each example with what it prints: one or two stand before their output."""
    found: list[tuple[str, str]] = []
    waiting: list[str] = []
    for kind, text in re.findall(r"^```(python|text)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        if kind == "python":
            waiting.append(text)
        else:
            found += [(example, text) for example in waiting]
            waiting = []
    assert not waiting, "an example without what it prints"
    return found


@contextmanager
def nadia(port: int) -> Iterator[None]:
    """Have somebody in the room who does what is asked for."""
    wire = Wire(("127.0.0.1", port)).greeted().enter("nadia")

    def answer() -> None:
        while True:
            frame = wire.next_frame()
            if frame["type"] == "pong":
                return
            if "say 'stop'" in frame.get("text", ""):
                wire.say("stop")
            elif "(answer with" in frame.get("text", ""):
                wire.say("1")

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        wire.say_frame(type="ping")
        thread.join()
        wire.close()


def test_each_call_has_an_example_in_both_forms() -> None:
    blocking = [text for text, _ in examples() if "asyncio" not in text]
    paired = [text for text, _ in examples() if "asyncio" in text]
    for call in ("connect(", "room.say(", "room.follow(", "room.search(", "room.ask("):
        assert any(call in text for text in blocking), call
        assert any(call in text for text in paired), call


@pytest.mark.parametrize(("example", "printed"), examples())
def test_it_prints_what_the_page_says(
    example: str,
    printed: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    with in_process_server(ServerLimits(rate=0)) as port, nadia(port):
        assert ":5500" in example
        exec(compile(example.replace(":5500", f":{port}"), "docs/api.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == printed
