"""docs/vectors.jsonl is written by hand, from docs/protocol.md; the code has to agree with every line of it."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chatctl import protocol
from chatctl.client.core.connection import cut_greeting
from chatctl.common.framing import Framer
from chatctl.common.key_proof import statement
from chatctl.common.names import fold_nick
from chatctl.common.text import clean
from chatctl.core.dialects import CLASSIC, TEXT, Dialect, recognise
from chatctl.errors import ChatError
from docs.generate import ROOT

LINES = (ROOT / "docs" / "vectors.jsonl").read_text(encoding="utf-8").splitlines()
VECTORS = [json.loads(line) for line in LINES]


def having(field: str) -> pytest.MarkDecorator:
    """Run a test for each vector of a kind, which it is told by a field that no other kind has."""
    found = [vector for vector in VECTORS if field in vector]
    assert found, field
    return pytest.mark.parametrize("vector", found, ids=[vector["about"] for vector in found])


KINDS = {"to", "first", "frame", "nicks", "raw", "statement", "scram"}


def test_each_line_is_of_one_kind() -> None:
    """And none is left out by a spelling mistake."""
    assert [vector for vector in VECTORS if len(KINDS & vector.keys()) != 1] == []


def reads_of(vector: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(part) for part in vector.get("hex", [])] + [part.encode() for part in vector.get("bytes", [])]


def outcome(reads: list[bytes], vector: dict[str, Any]) -> tuple[list[Any], str | None, bool]:
    """Return the frames, the error and whether the connection is closed then."""
    decode = protocol.decode_client if vector["to"] == "server" else protocol.decode_server
    frames, error = list[Any](), None
    try:
        for line in lines(reads, greeted=vector.get("greeted", False)):
            try:
                frames.append(msgspec.to_builtins(decode(line)))
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
    message = ",".join([first.removeprefix("n,,"), server_first, without_proof]).encode()
    client_key = sign(salted, b"Client Key")
    signature = sign(hashlib.sha256(client_key).digest(), message)
    assert bytes(a ^ b for a, b in zip(client_key, signature, strict=True)) == b64decode(proof)
    assert sign(sign(salted, b"Server Key"), message) == b64decode(server_final.removeprefix("v="))
