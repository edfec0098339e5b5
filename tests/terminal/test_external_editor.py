"""The editor of the line: which one, its file, its end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatctl.terminal.external_editor import MOST_BYTES, Edited, ExternalEditor


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose files are in a folder of its own, ``work``."""
    (tmp_path / "work").mkdir()
    return {"TMPDIR": str(tmp_path / "work")}


def script(folder: Path, name: str, body: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def edit(editor: ExternalEditor, text: str) -> Edited:
    return asyncio.run(editor.edit(text))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ('echo new >"$1"', Edited("new")),
        ('printf "a\\r\\nb\\n\\n" >"$1"', Edited("a\nb")),
        ('printf "gr\\374n" >"$1"', Edited("gr\ufffdn")),
        ('echo more >>"$1"', Edited("old\nline\nmore")),
        ("true", Edited("old\nline")),
        ('rm "$1"', Edited("")),
        ('echo new >"$1.x"; mv "$1.x" "$1"', Edited("new")),
        ("exit 3", Edited("", "my-editor ended with status 3")),
        ('echo new >"$1"; exit 3', Edited("new", "my-editor ended with status 3")),
        ('echo new >"$1"; kill -9 $$', Edited("new", "my-editor was ended by signal 9", killed=True)),
    ],
)
def test_what_becomes_of_the_text(tmp_path: Path, environ: dict[str, str], body: str, wanted: Edited) -> None:
    name = script(tmp_path, "my-editor", body)
    edited = edit(editor := ExternalEditor(environ | {"EDITOR": name}), "old\nline")
    assert edited._replace(failure=edited.failure.replace(name, "my-editor")) == wanted
    assert Path(editor.kept).parent.parent == tmp_path / "work"
    editor.done()
    assert list((tmp_path / "work").iterdir()) == []


def test_the_file_is_nobody_elses(tmp_path: Path, environ: dict[str, str]) -> None:
    """Nor are the copies that editors make beside it."""
    name = script(tmp_path, "e", 'stat -c %a "$1" "$(dirname "$1")" >"$1.modes"; cat "$1.modes" >"$1"; touch "$1~"')
    editor = ExternalEditor(environ | {"EDITOR": name})
    assert edit(editor, "a secret") == Edited("600\n700")
    editor.done()
    assert list((tmp_path / "work").iterdir()) == []


def test_which_editor(tmp_path: Path, environ: dict[str, str]) -> None:
    """Its variable may hold options; no shell sees it."""
    one = script(tmp_path, "one", 'echo "$1" >"$2"')
    two = script(tmp_path, "two", 'echo two >"$1"')
    assert edit(ExternalEditor(environ | {"VISUAL": f"{one} '$HOME; ls'", "EDITOR": two}), "") == Edited("$HOME; ls")
    assert edit(ExternalEditor(environ | {"VISUAL": "", "EDITOR": two}), "") == Edited("two")


def test_there_is_none(tmp_path: Path, environ: dict[str, str]) -> None:
    """Nothing is left behind."""
    with pytest.raises(FileNotFoundError):
        edit(ExternalEditor(environ | {"EDITOR": "there-is-no-such-editor"}), "text")
    with pytest.raises(ValueError, match="closing quotation"):
        edit(ExternalEditor(environ | {"EDITOR": "vi 'a"}), "text")
    with pytest.raises(FileNotFoundError):
        edit(ExternalEditor({"TMPDIR": str(tmp_path / "nowhere"), "EDITOR": "true"}), "text")
    assert list((tmp_path / "work").iterdir()) == []


def test_what_is_kept_is_opened_again(tmp_path: Path, environ: dict[str, str]) -> None:
    """A text that is too long for the line stays in the file until it has been made shorter."""
    editor = ExternalEditor(environ | {"EDITOR": script(tmp_path, "e", 'echo more >>"$1"')})
    assert edit(editor, "one") == Edited("one\nmore")
    assert edit(editor, "another line") == Edited("one\nmore\nmore")
    editor.done()
    assert editor.kept == ""
    assert edit(editor, "another line") == Edited("another line\nmore")


def test_a_file_that_is_too_long_to_be_read_stays(tmp_path: Path, environ: dict[str, str]) -> None:
    name = script(tmp_path, "e", f'head -c {MOST_BYTES + 1} /dev/zero | tr "\\0" x >"$1"')
    editor = ExternalEditor(environ | {"EDITOR": name})
    with pytest.raises(OSError, match="more than 1048576 bytes"):
        edit(editor, "one")
    assert Path(editor.kept).stat().st_size == MOST_BYTES + 1


def test_one_that_does_not_end_is_ended_with_the_program(tmp_path: Path, environ: dict[str, str]) -> None:
    """First it is asked, so that it can save what it has."""
    name = script(
        tmp_path, "e", 'trap "echo saved >>\\"$1\\"; exit 1" TERM; echo begun >"$1"; while :; do sleep 0.01; done'
    )
    editor = ExternalEditor(environ | {"EDITOR": name})

    async def run() -> Edited:
        task = asyncio.get_running_loop().create_task(editor.edit(""))
        while not editor.kept or "begun" not in Path(editor.kept).read_text():  # noqa: ASYNC240
            await asyncio.sleep(0.01)
        editor.stop()
        return await task

    assert asyncio.run(run()).text == "begun\nsaved"
    assert editor.stopped
