"""Keeping one's place in a log from a program, in both forms: as text, or in a file as ``tail --cursor-file`` does."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from chatctl.client import Place
from chatctl.errors import ChatError
from chatctl.protocol import Resume
from tests.client.conftest import Form
from tests.support.fixture_types import Run
from tests.support.server_process import Server
from tests.support.wire import say_all


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


def test_a_place_is_a_line_of_text(form: Form, house: Server, room: str) -> None:
    """A bot keeps it wherever it likes: in JSON, in a database."""
    say_all(house.member("nadia", room), ["one", "two", "three"])
    with form.connect(at(house.port), nick="ci", room=room) as here:
        with here.follow(history=9) as entries:
            assert isinstance(entries.place, Place), "before the first entry, too"
            next(entries)
            kept = json.dumps(str(entries.place))
        place = Place.parse(json.loads(kept))
        assert [entry.text for entry in here.follow(resume=place, live=False)] == ["two", "three"]


def test_a_file_keeps_the_place(form: Form, house: Server, room: str, tmp_path: Path) -> None:
    """Each run begins behind what the one before has handled, and the first with the history that it asked for."""
    nadia, kept = house.member("nadia", room), tmp_path / "bot.cursor"
    say_all(nadia, ["one", "two", "three"])
    for wanted in (["two", "three"], [], ["four"]):
        with form.connect(at(house.port), nick="ci", room=room) as here:
            assert [entry.text for entry in here.follow(cursor=kept, history=2, live=False)] == wanted
        if not wanted:
            say_all(nadia, ["four"])


def test_what_was_not_handled_comes_again(form: Form, house: Server, room: str, tmp_path: Path) -> None:
    """An entry counts as handled when the next one is wanted: a run that dies in between gets it again."""
    say_all(house.member("nadia", room), ["one", "two", "three"])
    kept = str(tmp_path / "bot.cursor")
    with form.connect(at(house.port), nick="ci", room=room) as here:
        with contextlib.suppress(KeyError), here.follow(cursor=kept, history=9) as entries:
            assert [next(entries).text, next(entries).text] == ["one", "two"]
            raise KeyError
        with here.follow(cursor=kept) as entries:
            assert next(entries).text == "two"
    with contextlib.suppress(KeyError), form.connect(at(house.port), nick="ci", room=room) as here:
        assert next(here.follow(cursor=kept)).text == "three"
        raise KeyError
    with form.connect(at(house.port), nick="ci", room=room) as here:
        assert next(here.follow(cursor=kept)).text == "three"


def test_one_file_has_one_reader(form: Form, house: Server, room: str, tmp_path: Path, run: Run) -> None:
    """In this process, and in another: two would overtake each other."""
    kept = tmp_path / "bot.cursor"
    with form.connect(at(house.port), nick="ci", room=room) as here:
        with here.follow(cursor=kept):
            with pytest.raises(ChatError, match="is in use by pid"):
                here.follow(cursor=kept)
            tail = ("tail", "--room", room, "--cursor-file", str(kept), "--no-follow")
            assert b"is in use by pid" in run(*tail, port=house.port).stderr
        assert run(*tail, port=house.port).returncode == 0
        here.follow(cursor=kept).close()


def test_a_file_of_another_room_is_refused(form: Form, house: Server, room: str, tmp_path: Path) -> None:
    kept = tmp_path / "bot.cursor"
    with form.connect(at(house.port), nick="ci", room=room) as here:
        list(here.follow(cursor=kept, live=False))
    with (
        form.connect(at(house.port), nick="ci", room=f"{room}.b") as other,
        pytest.raises(ChatError, match=f"is of room {room}"),
    ):
        next(other.follow(cursor=kept))


def test_two_places_contradict_each_other(form: Form, house: Server, room: str, tmp_path: Path) -> None:
    with (
        form.connect(at(house.port), nick="ci", room=room) as here,
        pytest.raises(ValueError, match="leave resume or cursor out"),
    ):
        here.follow(cursor=tmp_path / "bot.cursor", resume=Resume("e", 1))
