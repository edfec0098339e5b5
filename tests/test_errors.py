"""errors.py: the tree, its exit codes and its wire codes."""

import pytest

from chatctl import errors
from chatctl.errors import ChatError, from_wire

# fmt: off
WIRE_CODES = [
    "bad_frame", "too_long", "version", "nick_invalid", "nick_taken", "room_invalid", "room_full", "server_full",
    "unauthorized", "rate_limited", "storage", "no_such_nick", "not_joined", "forbidden", "internal", "id_reused",
]
# fmt: on

CLASSES = [thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, ChatError)]


def test_the_wire_codes_are_those_of_the_contract() -> None:
    assert sorted(errors.WIRE_CODES) == sorted(WIRE_CODES)


@pytest.mark.parametrize(
    ("exit_code", "names"),
    [
        (1, ["ChatError"]),
        (3, ["Unreachable"]),
        (4, ["OutcomeUnknown"]),
        (5, ["Refused", "NickInvalid", "NickTaken", "Unauthorized", "PasswordWanted", "PasswordWrong"]),
        (6, ["Rejected", "Forbidden", "NoSuchNick", "NotJoined", "RateLimited", "RoomFull", "RoomInvalid"]),
        (6, ["ServerFull", "StorageFailed", "TooLong", "Unsupported"]),
        (7, ["PeerBroke", "BadFrame", "VersionMismatch"]),
        (8, ["ConditionNotMet"]),
    ],
)
def test_each_class_has_the_exit_code_of_the_contract(exit_code: int, names: list[str]) -> None:
    assert {name: getattr(errors, name).exit_code for name in names} == dict.fromkeys(names, exit_code)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_tree_at_the_top_of_the_file_names_every_class(cls: type[ChatError]) -> None:
    """The drawing is what people read."""
    assert errors.__doc__ is not None
    assert f" {cls.__name__} " in errors.__doc__


@pytest.mark.parametrize("code", WIRE_CODES)
def test_a_code_from_the_wire_becomes_the_class_that_carries_it(code: str) -> None:
    error = from_wire(code, "so it is", 2.5)
    assert (error.wire_code, error.text, str(error), error.retry_after) == (code, "so it is", "so it is", 2.5)


def test_a_code_of_a_later_version_is_a_rejection() -> None:
    """Exit code 6: the server did not do it, whatever the reason."""
    assert from_wire("moon_phase", "not today").exit_code == 6


def test_no_two_classes_share_a_wire_code() -> None:
    own = [cls.wire_code for cls in CLASSES if "wire_code" in vars(cls)]
    assert len(own) == len(set(own))
