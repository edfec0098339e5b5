"""What a server does with its connections, on a loop of the test's own."""

from __future__ import annotations

from chatctl.core.limits import ServerLimits
from tests.support.fakes import SlowJournal
from tests.support.in_process_server import in_process_server
from tests.support.wire import Wire


def test_who_still_waits_for_an_answer_is_told_goodbye_too() -> None:
    """A disk that hangs, say: they of all people have to know why it ends, and when to come back."""
    with in_process_server(ServerLimits(), journal=SlowJournal(), within=0.05) as port:
        nadia = Wire(("127.0.0.1", port)).greeted().enter("nadia")
        nadia.say("hm", id="1").say_frame(type="ping", t=1).frame("pong")
    assert nadia.frame("bye")["why"] == "the test is over"
    assert nadia.rest() == b""
