"""Draft, cursor and outbox of a room: what must survive, without a connection."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from chatctl.client.core.address import Address
from chatctl.client.core.outbox import Message
from chatctl.client.saved_state import SavedState
from chatctl.protocol import Resume, Say
from tests.support.killed import killed_at_the_rename

HERE = Address("127.0.0.1", 5500)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_draft_and_cursor(state: Path) -> None:
    keep = SavedState.open(HERE, "lobby", "nadia")
    keep.save_draft("half a\nline é")
    keep.save_cursor(Resume("epoch", 12))
    again = SavedState(next(state.glob("rooms/*/*/nadia")))
    assert again.draft() == "half a\nline é"
    assert again.cursor() == Resume("epoch", 12)
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in state.rglob("*"))


def test_what_a_killed_process_has_left_half_written_does_not_stay(state: Path) -> None:
    keep = SavedState.open(HERE, "lobby", "nadia")
    folder = next(state.glob("rooms/*/*/nadia"))
    for name in ("draft.new", "cursor.json.new"):
        (folder / name).write_bytes(b"half of i")
    keep.save_draft("whole")
    keep.save_cursor(Resume("epoch", 12))
    assert not list(folder.glob("*.new"))


def test_what_has_not_changed_is_not_written_again(state: Path) -> None:
    keep = SavedState.open(HERE, "lobby", "nadia")
    keep.save_draft("same")
    (path,) = state.glob("rooms/*/*/nadia/draft")
    path.unlink()
    keep.save_draft("same")
    assert not path.exists()
    keep.save_draft("other")
    assert path.read_text() == "other"


def test_servers_of_the_same_rooms_have_one_keep_in_whichever_order_they_are_named(state: Path) -> None:
    other = Address("192.0.2.1", 5500)
    keep = SavedState.open(HERE._replace(others=(other,)), "lobby", "nadia")
    keep.save_draft("half a line")
    keep.close()
    there = SavedState.open(other._replace(others=(HERE,)), "lobby", "nadia")
    assert there.draft() == "half a line"
    assert SavedState.open(other, "lobby", "nadia").draft() == "", "it is not told that they have the same rooms"


def test_one_process_at_a_time_has_a_keep(state: Path) -> None:
    """A second one keeps nothing, rather than to mix two drafts. Another nickname or room is another keep."""
    first = SavedState.open(HERE, "lobby", "nadia")
    first.save_draft("first")
    second = SavedState.open(HERE, "lobby", "Nadia")
    second.save_draft("second")
    assert first.draft() == "first"
    assert second.draft() == ""
    assert SavedState.open(HERE, "ops", "nadia").history_file is not None


def test_what_another_process_left_is_taken_over_once_it_has_ended(state: Path) -> None:
    """Its unsent lines before our own, each once; its unfinished line."""
    script = (
        "import sys\nfrom chatctl.client.core.address import Address\nfrom chatctl.client.core.outbox import Message\n"
        "from chatctl.client.saved_state import SavedState\nfrom chatctl.protocol import Say\n"
        "kept = SavedState.open(Address('127.0.0.1', 5500), 'lobby', 'nadia')\n"
        "kept.save_draft('half a line')\nkept.outbox.add(Message(Say('theirs', id='1')))\n"
        "kept.outbox.add(Message(Say('both', id='2')))\n"
        "print('locked', flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        keep = SavedState.open(HERE, "lobby", "nadia")
        keep.outbox.add(Message(Say("both", id="2")))
        keep.outbox.add(Message(Say("ours", id="3")))
        assert not keep.kept
        assert not keep.try_again()
        assert keep.why_not == "another chatctl has this nickname's files open"
    assert keep.try_again()
    assert not keep.try_again()
    assert [message.frame.text for message in keep.adopted] == ["theirs"]
    assert (keep.found_draft, keep.why_not) == ("half a line", "")
    (path,) = state.glob("rooms/*/*/nadia")
    assert [message.frame.text for message in SavedState(path).outbox] == ["theirs", "both", "ours"]


def test_a_kill_leaves_no_draft_of_a_file_for_longer_than_until_the_next_run(state: Path) -> None:
    """A message is written there before it is sent, so a kill -9 meets it most often."""

    def say(text: str) -> SavedState:
        saved = SavedState.open(HERE, "lobby", "nadia")
        saved.outbox.add(Message(Say(text, id=text)))
        return saved

    killed_at_the_rename(lambda: say("lost"))
    (folder,) = state.glob("rooms/*/*/nadia")
    assert sorted(path.name for path in folder.iterdir()) == ["lock", "outbox.json.new"]
    say("kept").close()
    assert sorted(path.name for path in folder.iterdir()) == ["lock", "outbox.json"]


def test_a_draft_that_was_left_keeps_its_time(state: Path) -> None:
    """It is told to the user, who may leave it for days: saving what is there already is no new draft."""
    SavedState.open(HERE, "lobby", "nadia").save_draft("half a line")
    (path,) = state.glob("rooms/*/*/nadia/draft")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    keep = SavedState(path.parent)
    assert (keep.draft(), keep.draft_time) == ("half a line", 1_000_000_000)
    keep.save_draft("half a line")
    assert path.stat().st_mtime == 1_000_000_000


def test_what_is_closed_is_free_for_the_next(state: Path) -> None:
    """A room that is left, and joined again by the same process."""
    keep = SavedState.open(HERE, "lobby", "nadia")
    assert not SavedState.open(HERE, "lobby", "nadia").kept
    keep.close()
    keep.close()
    assert SavedState.open(HERE, "lobby", "nadia").kept
    keep.save_draft("too late")
    assert not keep.kept
    assert not keep.try_again()
    assert not list(state.glob("rooms/*/*/nadia/draft"))


def test_no_place_to_keep_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing is kept, and nothing fails."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "file"))
    keep = SavedState.open(HERE, "lobby", "nadia")
    keep.save_draft("x")
    assert keep.draft() == ""
    assert keep.why_not
    assert keep.cursor() is None
    assert keep.history_file is None
    keep.outbox.add(Message(Say("said", id="1")))
    assert len(keep.outbox) == 1
