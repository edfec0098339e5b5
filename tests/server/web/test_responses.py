from __future__ import annotations

import json

from hypothesis import given

from chatctl import protocol
from chatctl.errors import WIRE_CODES
from chatctl.server.web.http_error import STATUS_OF_CODE, HttpError
from chatctl.server.web.responses import HTTP, HTTP_TEXT, error_response, response, without_body
from tests.support.strategies import server_frames
from tests.support.web import Answer


def test_each_code_of_the_wire_has_a_status() -> None:
    assert STATUS_OF_CODE.keys() == WIRE_CODES


@given(server_frames)
def test_a_frame_is_one_whole_response_or_nothing(frame: protocol.Frame) -> None:
    for dialect in (HTTP, HTTP_TEXT):
        data = dialect.render(frame)
        assert bool(data) is isinstance(frame, protocol.Error | protocol.Ack | protocol.Page)
        if data:
            answer = Answer.of(data)
            assert answer.headers["connection"] == "close"
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_history_is_a_line_for_each_entry() -> None:
    page = protocol.Page([protocol.Msg(1, 2.0, "nadia", "one"), protocol.Msg(2, 3.0, "omar", "t\nwo")], more=True)
    assert [json.loads(line)["seq"] for line in Answer.of(HTTP.render(page)).body.splitlines()] == [1, 2]
    assert Answer.of(HTTP_TEXT.render(page)).body == b"nadia: one\nomar: t\nomar: wo\n"
    assert Answer.of(HTTP_TEXT.render(page)).headers["content-type"].startswith("text/plain")


def test_an_error_says_when_to_come_again() -> None:
    answer = Answer.of(HTTP.render(protocol.Error("rate_limited", "slowly", retry_after=0.2)))
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")
    assert answer.json == {"type": "error", "code": "rate_limited", "text": "slowly", "retry_after": 0.2}


def test_a_password_is_asked_for_with_basic() -> None:
    answer = Answer.of(HTTP.render(protocol.Error("unauthorized", "no")))
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'basic realm="chatctl", charset="utf-8"')


def test_a_code_of_a_later_version_is_a_bad_request() -> None:
    assert Answer.of(HTTP.render(protocol.Error("who_knows", "no"))).status == 400


def test_an_error_of_http_has_its_own_status_and_headers() -> None:
    error = HttpError(405, "forbidden", "no", headers=(("Allow", "GET"),))
    assert (answer := Answer.of(error_response(error))).refusal == (405, "forbidden")
    assert answer.headers["allow"] == "get"


def test_what_has_not_changed_has_no_body() -> None:
    assert b"Content-" not in response(304).replace(b"X-Content-", b"")


def test_head_is_get_without_the_body() -> None:
    answer = Answer.of(without_body(response(200, b"\r\n\r\nbody")))
    assert (answer.headers["content-length"], answer.body) == ("8", b"")
