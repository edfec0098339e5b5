"""Where ``tail`` puts messages: stdout in three forms, or a program."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chatctl.client.core.deadline import Deadline, DeadlinePassed
from chatctl.commands.tail.sinks import Exec, Sink, make_sink
from chatctl.errors import ChatError
from chatctl.protocol import Msg

ENTRY = Msg(seq=7, time=1.5, nick="om\x1bar", text="one\ntwo\x1b", action=True)


def never() -> Deadline:
    return Deadline(None, lambda: 0.0)


def sink(*, as_json: bool = False, null: bool = False, words: list[str] | None = None) -> Sink:
    return make_sink(words, "lobby", never(), as_json=as_json, null=null, keep_going=False)


@pytest.mark.parametrize(
    ("as_json", "null", "lines", "end"),
    [(False, False, 2, "\n"), (False, True, 1, "\0"), (True, False, 1, "\n"), (True, True, 1, "\0")],
)
def test_the_forms_of_stdout(
    capfd: pytest.CaptureFixture[str], as_json: bool, null: bool, lines: int, end: str
) -> None:
    """Without ``--null`` a text of two lines is two lines, each with the name before it."""
    sink(as_json=as_json, null=null)(ENTRY)
    printed = capfd.readouterr().out
    assert printed.endswith(end)
    assert len(printed.removesuffix(end).split(end)) == lines
    assert "\x1b" not in printed


def python(script: str, *, keep_going: bool = False, deadline: Deadline | None = None) -> Exec:
    return Exec([sys.executable, "-c", script], "lobby", deadline or never(), keep_going=keep_going)


def test_a_program_gets_the_fields_and_the_text_cleaned(tmp_path: Path) -> None:
    out = tmp_path / "out"
    names = ("AUTHOR", "SEQ", "TIME", "ROOM", "ACTION")
    fields = f"[os.environ['CHATCTL_' + name] for name in {names}]"
    python(f"import os, sys; open({str(out)!r}, 'w').write(repr([{fields}, sys.stdin.read()]))")(ENTRY)
    assert out.read_text() == repr([["om␛ar", "7", "1.500000", "lobby", "1"], "one\ntwo␛\n"])


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("import sys; sys.exit(3)", "ended with status 3 at message 7"),
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9 at message 7"),
    ],
)
def test_a_program_that_fails_ends_it_unless_it_is_to_go_on(
    capsys: pytest.CaptureFixture[str], script: str, told: str
) -> None:
    with pytest.raises(ChatError, match=rf"{told} \(--keep-going continues\)"):
        python(script)(ENTRY)
    python(script, keep_going=True)(ENTRY)
    assert told in capsys.readouterr().err


def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(ChatError, match="cannot run /nobody/there: no such file"):
        sink(words=["/nobody/there"])(ENTRY)


def test_a_program_that_hangs_is_killed_at_the_deadline() -> None:
    times = iter([0.0, 0.0])
    with pytest.raises(DeadlinePassed):
        python("import time; time.sleep(60)", deadline=Deadline.after(0.1, lambda: next(times)))(ENTRY)


def test_a_script_without_an_interpreter_s_line_runs(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f"cat >{tmp_path}/out")
    script.chmod(0o755)
    sink(words=[str(script)])(ENTRY)
    assert (tmp_path / "out").read_bytes() == "one\ntwo␛\n".encode()


def test_what_cannot_be_started_now_is_a_failure_like_any(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An environment that is too long once may be shorter at the next message."""
    monkeypatch.setenv("LONG", "x" * 200_000)
    with pytest.raises(ChatError, match=r"could not be started .argument list too long. at message 7 .--keep-going"):
        sink(words=["true"])(ENTRY)
    make_sink(["true"], "lobby", never(), as_json=False, null=False, keep_going=True)(ENTRY)
    assert "could not be started (argument list too long) at message 7" in capsys.readouterr().err
