"""docs/protocol.md against protocol.py: what the page lists is what the wire has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

import msgspec
import pytest
from msgspec import NODEFAULT, Struct

from chatctl import protocol
from chatctl.common.text import FORBIDDEN
from chatctl.errors import WIRE_CODES
from docs.generate import ROOT

PAGE = (ROOT / "docs" / "protocol.md").read_text()


def test_each_feature_is_explained() -> None:
    """Somebody who meets a name in ``welcome.features`` looks it up here."""
    _, _, after = PAGE.partition("\n### Features\n")
    section = after.partition("\n### ")[0]
    assert section
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(protocol.FEATURES)


# --- the tables of frames

TO_SERVER, TO_CLIENT = "Frames to the server", "Frames to the client"

NOT_SENT = {
    (TO_SERVER, "pong"): {"last"},  # one type for both ends; only a server knows it
    (TO_SERVER, "bye"): {"why", "retry_after", "final", "code"},
    (TO_SERVER, "admin"): {"path", "suspect", "newer", "unused"},  # of the operator's socket alone
}
ALWAYS_SENT = {(TO_CLIENT, "ping"): {"t"}, (TO_CLIENT, "pong"): {"last"}}
"""Optional in the type, which a client uses, too; a server never leaves them out."""


def table(heading: str) -> dict[str, str]:
    """Return the cell with the fields of each type that the section's table has."""
    section = PAGE.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|(?: .*)?$", section.replace("| |", "|  |"), re.MULTILINE))


def fields_in(cell: str) -> Iterator[tuple[str, bool]]:
    """Yield each field that a cell describes, and whether it says that the field may be left out."""
    for part in cell.split(" · "):
        head = re.match(r"(?:`\w+`\??(?:, )?)+(?=:)", part)
        for name, optional in re.findall(r"`(\w+)`(\??)", head[0] if head else ""):
            yield name, bool(optional)


FRAMES = [
    (heading, frame)
    for heading, union in ((TO_SERVER, protocol.ClientFrame), (TO_CLIENT, protocol.ServerFrame))
    for frame in get_args(union)
]


@pytest.mark.parametrize(("heading", "frame"), FRAMES, ids=lambda value: getattr(value, "__name__", str(value)[-6:]))
def test_each_frame_and_field_is_in_its_table(heading: str, frame: type[Struct]) -> None:
    """Who writes a client has this page alone: what it leaves out, or calls optional by mistake, is found by chance."""
    tag = frame.__struct_config__.tag
    where = heading, str(tag)
    fields = {field.encode_name: field for field in msgspec.structs.fields(frame)}
    expected = {
        name: (field.default is not NODEFAULT or field.default_factory is not NODEFAULT)
        and name not in ALWAYS_SENT.get(where, ())
        for name, field in fields.items()
        if name not in NOT_SENT.get(where, ())
    }
    assert dict(fields_in(table(heading)[str(tag)])) == expected


@pytest.mark.parametrize(("heading", "union"), [(TO_SERVER, protocol.ClientFrame), (TO_CLIENT, protocol.ServerFrame)])
def test_each_row_is_a_frame(heading: str, union: object) -> None:
    assert sorted(table(heading)) == sorted(str(frame.__struct_config__.tag) for frame in get_args(union))


def test_the_overview_has_each_frame_to_the_server_and_its_answer() -> None:
    section = PAGE.partition("\n### Overview\n")[2].partition("\n### ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE))
    assert set(rows) == {str(frame.__struct_config__.tag) for frame in get_args(protocol.ClientFrame)}
    to_client = {str(frame.__struct_config__.tag) for frame in get_args(protocol.ServerFrame)}
    assert {name for answer in rows.values() for name in re.findall(r"`(\w+)`", answer)} <= to_client


def test_the_page_lists_what_is_cleaned() -> None:
    """A client that follows the list shows nothing that acts on a terminal."""
    listed = PAGE.partition("What has to go, or be replaced: ")[2].partition(";")[0]
    points = {0xD800, 0xDFFF} if "lone surrogates" in listed else set[int]()
    for first, last in re.findall(r"U\+([0-9A-F]{4})(?: to U\+([0-9A-F]{4}))?", listed):
        points |= set(range(int(first, 16), int(last or first, 16) + 1))
    forbidden = re.compile(f"[{FORBIDDEN}\n]")
    assert {point for point in range(0x10000) if not 0xD800 < point < 0xDFFF and forbidden.match(chr(point))} == points


@pytest.mark.parametrize(
    ("part", "cell"),
    [
        (protocol.Resume, (TO_SERVER, "hello")),
        (protocol.RosterRow, (TO_CLIENT, "roster")),
    ],
)
def test_each_field_of_a_part_of_a_frame_is_named(part: type[Struct], cell: tuple[str, str]) -> None:
    text = table(cell[0])[cell[1]]
    assert [name for name in part.__struct_encode_fields__ if not re.search(rf"[`\"]{name}[`\"]", text)] == []


def test_each_limit_is_in_the_table_of_limits() -> None:
    section = PAGE.partition("\n## Limits and rates\n")[2].partition("\n## ")[0]
    heads = "".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE))
    assert sorted(re.findall(r"`(\w+)`", heads)) == sorted(protocol.Limits.__struct_fields__)


def test_each_error_code_is_in_the_table_of_errors() -> None:
    section = PAGE.partition("\n### Errors\n")[2].partition("\n### ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == WIRE_CODES
