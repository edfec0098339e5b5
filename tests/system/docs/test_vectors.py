"""docs/vectors.jsonl is written by hand, from docs/protocol.md; the code has to agree with every line of it."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from scramp.core import Nonce

from chatctl import protocol
from chatctl.client.core.connection import cut_greeting
from chatctl.client.core.cursor import Cursor
from chatctl.common import scram
from chatctl.common.framing import Framer
from chatctl.common.key_proof import place_of_tcp, place_of_tls, place_of_unix, statement
from chatctl.common.names import fold_nick
from chatctl.common.text import clean
from chatctl.core.dialects import CLASSIC, JSON, TEXT, Dialect, recognise
from chatctl.core.passwords import Verifier
from chatctl.core.ring import Ring
from chatctl.core.room import Room
from chatctl.errors import ChatError
from docs.generate import ROOT

LINES = (ROOT / "docs" / "vectors.jsonl").read_text(encoding="utf-8").splitlines()
VECTORS = [json.loads(line) for line in LINES]


def having(field: str) -> pytest.MarkDecorator:
    """Run a test for each vector of a kind, which it is told by a field that no other kind has."""
    found = [vector for vector in VECTORS if field in vector]
    assert found, field
    return pytest.mark.parametrize("vector", found, ids=[vector["about"] for vector in found])


KINDS = {"to", "first", "frame", "nicks", "raw", "statement", "scram", "reached", "log"}


def test_each_line_is_of_one_kind() -> None:
    """And none is left out by a spelling mistake."""
    assert [vector for vector in VECTORS if len(KINDS & vector.keys()) != 1] == []


def test_each_kind_and_key_is_explained() -> None:
    """Somebody who reads the file has nothing but the page."""
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    section = page.partition("\n## The vectors\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", section))
    assert {key for vector in VECTORS for key in vector} - named == set()


def test_hexadecimal_is_digits_alone() -> None:
    """Decoders of other languages stop at a space."""
    texts = [one for vector in VECTORS for one in (*vector.get("hex", ()), vector.get("statement", ""))]
    assert [text for text in texts if not re.fullmatch("([0-9a-f]{2})*", text)] == []


def reads_of(vector: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(part) for part in vector.get("hex", [])] + [part.encode() for part in vector.get("bytes", [])]


def outcome(reads: list[bytes], vector: dict[str, Any]) -> tuple[list[Any], str | None, bool]:
    """Return the frames, the error and whether the connection is closed then."""
    decode: Callable[[bytes], Any] = JSON.parse_hello if vector["to"] == "server" else protocol.decode_server
    frames, error = list[Any](), None
    try:
        for line in lines(reads, greeted=vector.get("greeted", False)):
            try:
                if (frame := decode(line)) is not None:
                    frames.append(msgspec.to_builtins(frame))
            except protocol.UnknownType as refused:
                error = error if vector["to"] == "client" else refused.wire_code
            except protocol.NotJson:
                raise
            except protocol.BadFrame as refused:
                error = refused.wire_code
    except ChatError as end:
        return frames, end.wire_code, True
    return frames, error, False


def lines(reads: list[bytes], *, greeted: bool) -> Iterator[bytes]:
    framer, first = Framer(protocol.MAX_LINE), b""
    for data in reads:
        rest = data
        if greeted and first != protocol.GREETING:
            first, rest = cut_greeting(first + data, "the server")
        yield from framer.feed(rest)


@having("to")
def test_bytes_mean_these_frames_however_they_are_cut(vector: dict[str, Any]) -> None:
    wanted = vector["frames"], vector.get("error"), vector.get("closes", False)
    assert outcome(reads_of(vector), vector) == wanted
    whole = b"".join(reads_of(vector))
    assert outcome([whole], vector) == wanted
    assert outcome([bytes([byte]) for byte in whole], vector) == wanted
    for cut in range(1, len(whole)):
        assert outcome([whole[:cut], whole[cut:]], vector) == wanted, cut


@having("to")
def test_the_schema_and_the_decoder_take_the_same_frames(vector: dict[str, Any]) -> None:
    """As far as a look at names and requirements tells: each frame has all that is required, and nothing unknown."""
    schema = json.loads((ROOT / "docs" / "protocol.schema.json").read_text(encoding="utf-8"))["$defs"]
    names = [
        one["$ref"].rpartition("/")[2] for one in schema["client" if vector["to"] == "server" else "server"]["oneOf"]
    ]
    by_type = {schema[name]["properties"]["type"]["enum"][0]: schema[name] for name in names}
    for frame in vector["frames"]:
        found = by_type[frame["type"]]
        assert set(found["required"]) <= frame.keys() <= found["properties"].keys()


@having("first")
def test_first_bytes_decide_the_dialect(vector: dict[str, Any]) -> None:
    found = recognise(vector["first"].encode("latin-1"), waited=vector.get("waited", False))
    name = found.name.lower() if found is not None else None
    assert name == vector["dialect"]


@having("text")
def test_a_frame_as_text(vector: dict[str, Any]) -> None:
    assert rendered(vector, TEXT) == vector["text"]


@having("classic")
def test_a_frame_as_classic(vector: dict[str, Any]) -> None:
    assert rendered(vector, CLASSIC) == vector["classic"]


def rendered(vector: dict[str, Any], dialect: Dialect) -> str:
    return dialect.render(protocol.decode_server(json.dumps(vector["frame"]).encode())).decode()


@having("nicks")
def test_which_nicknames_are_the_same(vector: dict[str, Any]) -> None:
    assert (len({fold_nick(nick) for nick in vector["nicks"]}) == 1) is vector["same"]


@having("raw")
def test_what_is_shown_instead(vector: dict[str, Any]) -> None:
    assert clean(vector["raw"]) == vector["clean"]


@having("statement")
def test_what_a_key_signs(vector: dict[str, Any]) -> None:
    hello = msgspec.convert(vector["hello"], protocol.Hello)
    signed = bytes.fromhex(vector["statement"])
    assert statement(hello, b64decode(vector["nonce"]), vector["place"]) == signed
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    assert b64encode(key.sign(signed)).decode() == vector["signature"]


@having("scram")
def test_the_proof_of_a_password(vector: dict[str, Any]) -> None:
    """By RFC 5802, with nothing of ours: so the vector is worth something to others."""
    first, server_first, final, server_final = vector["scram"]
    fields = dict(part.split("=", 1) for part in server_first.split(","))
    salt, rounds = b64decode(fields["s"]), int(fields["i"])
    salted = hashlib.pbkdf2_hmac("sha256", vector["password"].encode(), salt, rounds)
    sign: Callable[[bytes, bytes], bytes] = lambda key, text: hmac.digest(key, text, "sha256")  # noqa: E731
    without_proof, _, proof = final.rpartition(",p=")
    start = "p=tls-server-end-point,," if "certificate" in vector else "n,,"
    assert first.startswith(start)
    bound = start.encode() + bytes.fromhex(vector.get("certificate", ""))
    assert b64decode(without_proof.partition(",")[0].removeprefix("c=")) == bound
    message = ",".join([first.removeprefix(start), server_first, without_proof]).encode()
    client_key = sign(salted, b"Client Key")
    signature = sign(hashlib.sha256(client_key).digest(), message)
    assert bytes(a ^ b for a, b in zip(client_key, signature, strict=True)) == b64decode(proof)
    assert sign(sign(salted, b"Server Key"), message) == b64decode(server_final.removeprefix("v="))


@having("scram")
def test_the_proof_is_what_our_own_client_and_server_take(vector: dict[str, Any]) -> None:
    """The client's final message, checked by the server's side with the password's verifier."""
    first, server_first, final, server_final = vector["scram"]
    fields = dict(part.split("=", 1) for part in server_first.split(","))
    channel = bytes.fromhex(vector.get("certificate", ""))
    salt, rounds = b64decode(fields["s"]), int(fields["i"])
    key = scram.stored_key(vector["password"], salt, rounds)
    salted = hashlib.pbkdf2_hmac("sha256", vector["password"].encode(), salt, rounds)
    verifier = Verifier(salt, key, hmac.digest(salted, b"Server Key", "sha256"), rounds)
    server = scram.server(verifier, channel)
    server.s_nonce = Nonce(fields["r"].removeprefix(first.rpartition("r=")[2]))
    server.set_client_first(first)
    assert server.get_server_first() == server_first
    server.set_client_final(final)
    assert server.get_server_final() == server_final


@having("reached")
def test_the_name_of_a_server_by_how_it_was_reached(vector: dict[str, Any]) -> None:
    match vector["reached"]:
        case "tcp":
            place = place_of_tcp(vector["address"], vector["port"])
        case "tls":
            place = place_of_tls(bytes.fromhex(vector["certificate"]))
        case _:
            place = place_of_unix(vector["path"])
    assert place == vector["place"]


def gaps_of(vector: dict[str, Any]) -> list[protocol.Gap]:
    return [msgspec.convert(gap, protocol.Gap) for gap in vector["gaps"]]


@having("log")
def test_what_a_server_sends_to_one_who_resumes(vector: dict[str, Any]) -> None:
    log, resume = vector["log"], msgspec.convert(vector["resume"], protocol.Resume)
    room, gone = Room("lobby", log["epoch"], Ring(log["last"])), None
    end = log.get("earlier", {}).get(resume.epoch)
    if resume.cut and end is not None:
        resume, gone = room.cut(resume, end)
        assert resume.after == vector["cut"]
    after, gap = room.start(resume, 0, log["first"])
    assert [one for one in (gone, gap) if one is not None] == gaps_of(vector)
    assert ([after + 1, log["last"]] if after < log["last"] else None) == vector["entries"]


@having("log")
def test_where_a_client_stands_after_it(vector: dict[str, Any]) -> None:
    """And each entry that the server sends is one that it shows."""
    log, cursor = vector["log"], Cursor(msgspec.convert(vector["resume"], protocol.Resume))
    cursor.enter(welcome_of(log, vector.get("cut")))
    assert [cursor.take(gap) for gap in gaps_of(vector)] == gaps_of(vector)
    first, last = vector["entries"] or (1, 0)
    for seq in range(first, last + 1):
        entry = protocol.Msg(seq, 1.0, "Rajat", "hi")
        assert cursor.take(entry) is entry
    assert cursor.here == protocol.Resume(**vector["then"])


def welcome_of(log: dict[str, Any], cut: int | None) -> protocol.Welcome:
    return protocol.Welcome(
        *(protocol.VERSION, "test", "lobby", "", log["epoch"], log["first"], log["last"], [], 0, 0, "disk"),
        limits=protocol.Limits(),
        cut=cut,
    )
