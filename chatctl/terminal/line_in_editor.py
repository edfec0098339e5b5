"""Ctrl-X Ctrl-E: the line in an editor of the user's own, and back.

Lives here: what becomes of the line and of the edited text; neither is ever lost. Does not live here: running the
editor (external_editor.py), who has the terminal (terminal_loan.py).
"""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document

from chatctl.errors import reason_of
from chatctl.terminal.external_editor import Edited, ExternalEditor
from chatctl.terminal.line_history import bring_back
from chatctl.terminal.terminal_loan import TerminalLoan


class LineInEditor:
    """Edits the line of the prompt."""

    def __init__(
        self,
        editor: ExternalEditor,
        loan: TerminalLoan,
        buffer: Buffer,
        fits: Callable[[str], str | None],
        refuse: Callable[[str], object],
    ) -> None:
        """Edit nothing yet.

        Args:
            editor: runs the editor.
            loan: lends it the terminal.
            buffer: holds the line.
            fits: returns why a text can't stand in the line; None if it can.
            refuse: tells why something was not taken.
        """
        self._editor = editor
        self._loan = loan
        self._buffer = buffer
        self._fits = fits
        self._refuse = refuse

    async def run(self) -> None:
        """Have the line edited. It changes if that succeeds, and is not sent."""
        try:
            async with self._loan.lent():
                edited = await self._editor.edit(self._buffer.text)
                self._loan.is_lost = edited.killed
        except OSError as error:
            kept = f"; the text is in {self._editor.kept}" if self._editor.kept else ""
            self._refuse(f"cannot run your editor: {reason_of(error)}{kept}")
        except ValueError as error:
            self._refuse(f"cannot run your editor: {error}".lower())
        else:
            self._take(edited)

    def _take(self, edited: Edited) -> None:
        if self._editor.stopped:  # the program ends: what is in memory alone is lost
            self._refuse(f"your editor was ended: what was written is in {self._editor.kept}")
            return
        why_not = self._fits(edited.text)
        if why_not is not None:
            self._refuse(f"{why_not}: it is kept in {self._editor.kept}, Ctrl-X Ctrl-E opens it again")
            return
        self._editor.done()
        if not edited.failure:
            if self._buffer.text != edited.text:
                self._buffer.save_to_undo_stack()
                self._buffer.document = Document(edited.text, len(edited.text))
            return
        if edited.text:
            bring_back(self._buffer, edited.text)
        saved = "; Up brings back what was saved" if edited.text else ""
        self._refuse(f"{edited.failure}: the line is as it was{saved}")
