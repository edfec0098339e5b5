"""The part of a long line that can be on the screen: a key costs the same however long the line is.

prompt-toolkit lays the whole line out for each key, character by character. Here it gets as much of the line as fills a
screen before the cursor and behind it; the rest is neither measured nor drawn.
"""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.data_structures import Size
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput


class VisiblePart(Processor):
    """Leaves out of each line what is more than a screen away from the cursor."""

    def __init__(self, size: Callable[[], Size]) -> None:
        """``size`` returns the size of the terminal. What prompt-toolkit hands in is a dummy while it asks for rows."""
        self._get_size = size

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """Return the part of one line, and where its columns are in it."""
        given = transformation_input
        size = self._get_size()
        screen = size.columns * size.rows
        length = sum(len(fragment[1]) for fragment in given.fragments)
        if length <= 3 * screen:
            return Transformation(given.fragments)
        row, column = given.document.cursor_position_row, given.document.cursor_position_col
        if given.lineno == row:
            # In steps of a screen: text that moved with each key could not be read.
            start = max(0, (given.source_to_display(column) // screen - 1) * screen)
        else:
            start = length - screen if given.lineno < row else 0
        part = _part(given.fragments, start, start + 3 * screen)
        return Transformation(part, lambda at: min(max(at - start, 0), 3 * screen), lambda at: at + start)


def _part(fragments: StyleAndTextTuples, start: int, end: int) -> StyleAndTextTuples:
    found: StyleAndTextTuples = []
    at = 0
    for fragment in fragments:
        text = fragment[1]
        if at < end and at + len(text) > start:
            found.append((fragment[0], text[max(0, start - at) : end - at]))
        at += len(text)
    return found
