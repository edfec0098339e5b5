"""What becomes of the line and of the edited text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.input import DummyInput
from prompt_toolkit.output import DummyOutput

from chatctl.terminal.external_editor import Edited
from chatctl.terminal.line_history import LineHistory
from chatctl.terminal.line_in_editor import LineInEditor


class FakeEditor:
    """Ends as it is told."""

    def __init__(self, outcome: Edited | Exception, *, stopped: bool = False) -> None:
        self.outcome, self.stopped = outcome, stopped
        self.kept = "/t/message.txt"

    async def edit(self, _text: str) -> Edited:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def done(self) -> None:
        self.kept = ""


class FakeLoan:
    is_lost = False

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        yield


def edit(editor: FakeEditor) -> tuple[Buffer, list[str], FakeLoan]:
    """Edit the line ``old``, of which 10 characters can be sent."""
    told: list[str] = []
    loan = FakeLoan()
    with create_app_session(DummyInput(), DummyOutput()):
        buffer = Buffer(document=Document("old"), history=LineHistory(None))
        why_not = lambda text: "it is too long" if len(text) > 10 else None  # noqa: E731
        asyncio.run(LineInEditor(editor, loan, buffer, why_not, told.append).run())  # type: ignore[arg-type]
    return buffer, told, loan


def test_the_text_stands_in_the_line_with_the_cursor_behind_it() -> None:
    """It is not sent. An undo brings the old line back."""
    buffer, told, _ = edit(editor := FakeEditor(Edited("new\nline")))
    assert (buffer.text, buffer.cursor_position, told, editor.kept) == ("new\nline", 8, [], "")
    buffer.undo()
    assert buffer.text == "old"


@pytest.mark.parametrize(
    ("outcome", "told", "kept"),
    [
        (Edited("", "vi ended with status 1"), "vi ended with status 1: the line is as it was", ""),
        (FileNotFoundError(2, "No such file or directory"), "cannot run your editor: no such file or directory", ""),
        (ValueError("No closing quotation"), "cannot run your editor: no closing quotation", ""),
        (
            OSError(27, "File too large"),
            "cannot run your editor: file too large; the text is in /t/message.txt",
            "/t/message.txt",
        ),
        (
            Edited("x" * 11),
            "it is too long: it is kept in /t/message.txt, Ctrl-X Ctrl-E opens it again",
            "/t/message.txt",
        ),
    ],
)
def test_a_failure_leaves_the_line(outcome: Edited | Exception, told: str, kept: str) -> None:
    """And what was written, where that is too long for the line."""
    editor = FakeEditor(outcome)
    if not kept:
        editor.done()
    buffer, said, _ = edit(editor)
    assert (buffer.text, said, editor.kept) == ("old", [told], kept)


def test_what_was_saved_before_a_failure_comes_back_with_up() -> None:
    """Also if a signal ended it; then nobody knows how the terminal is."""
    buffer, said, loan = edit(FakeEditor(Edited("saved", "vi was ended by signal 9", killed=True)))
    assert said == ["vi was ended by signal 9: the line is as it was; Up brings back what was saved"]
    assert loan.is_lost
    assert buffer.text == "old"
    buffer.history_backward()
    assert buffer.text == "saved"


def test_at_the_end_of_the_program_the_file_stays() -> None:
    """What is in memory alone would be lost."""
    editor = FakeEditor(Edited("saved", "vi was ended by signal 15", killed=True), stopped=True)
    buffer, said, _ = edit(editor)
    assert (buffer.text, editor.kept) == ("old", "/t/message.txt")
    assert said == ["your editor was ended: what was written is in /t/message.txt"]
