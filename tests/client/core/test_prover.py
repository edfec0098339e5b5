"""client/core/prover.py through a client's connection, against the server's own Authenticator."""

from __future__ import annotations

import itertools
import re
import textwrap
from base64 import b64encode
from collections.abc import Iterable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from chatctl.client.core.connection import ClientConnection, State
from chatctl.client.core.prover import Prover, place_of
from chatctl.client.core.remedies import Options, Parameters, Remedies
from chatctl.client.core.retry import may_pass
from chatctl.client.security.credentials import Credentials
from chatctl.client.security.key_files import FileKey
from chatctl.common.fingerprints import of_key
from chatctl.common.key_proof import statement
from chatctl.core.auth import Authenticator, AuthExchange, ConnectionInfo
from chatctl.core.passwords import Verifier
from chatctl.errors import ChatError, PasswordWanted, PasswordWrong, PeerBroke, Unauthorized, Unsupported
from chatctl.protocol import (
    GREETING,
    SCRAM_ITERATIONS,
    Challenge,
    Error,
    Hello,
    Limits,
    Proof,
    Say,
    Welcome,
    decode_client,
    encode,
)
from tests.support.environment import ROOT

HERE = "tcp:192.0.2.1:5500"
WORD = "correct horse"
SECRET = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = FileKey(SECRET.public_key().public_bytes_raw(), SECRET)
VERIFIER = Verifier.of(WORD)


class Mine(Credentials):
    """Credentials with a key that is in no file."""

    def __init__(self, password: str | None = None, *, key: bool = False) -> None:
        super().__init__(password=password, key="none")
        self._signer, self._looked = (KEY if key else None), True


def core_of(
    credentials: Credentials,
    channel: bytes = b"",
    mode: str = "join",
    place: str = HERE,
    remedies: Remedies = Parameters,
) -> ClientConnection:
    """Return a client that was greeted, and said hello."""
    hello = Hello(v=1, nick="Rajat", mode=mode, token="a" * 32)  # type: ignore[arg-type]
    core = ClientConnection(hello, "there", remedies)
    core.prove_with(Prover(credentials, place, channel, remedies))
    assert list(core.receive(GREETING)) == []
    return core


def said(core: ClientConnection) -> Hello | Proof:
    frame = decode_client(core.outgoing().removesuffix(b"\n"))
    assert isinstance(frame, Hello | Proof)
    return frame


def hear(core: ClientConnection, frame: Challenge | Welcome | Error) -> None:
    for _ in core.receive(encode(frame)):
        pass


def welcome(scram: str | None = None) -> Welcome:
    return Welcome(1, "s", "lobby", "Rajat", "e", 1, 0, [], 0, 0, "memory", Limits(), scram=scram)


def meet(core: ClientConnection, authenticator: Authenticator, info: ConnectionInfo) -> tuple[AuthExchange, str | None]:
    """Let a client prove what its hello says; return the server's exchange, and its last SCRAM message."""
    hello = said(core)
    assert isinstance(hello, Hello)
    auth = authenticator.begin(hello, info, bytes(32), 0)
    assert auth is not None
    hear(core, auth.challenge)
    proof = said(core)
    assert isinstance(proof, Proof)
    proved = auth.verify(proof, 0)
    assert proved.key in (None, of_key(KEY.public))
    return auth, proved.scram


@pytest.mark.parametrize("channel", [b"", bytes(32)], ids=["plain", "TLS"])
@pytest.mark.parametrize("key", [False, True], ids=["password", "password and key"])
def test_what_the_client_proves_the_server_takes(channel: bytes, key: bool) -> None:
    core = core_of(Mine(WORD, key=key), channel)
    _, last = meet(core, Authenticator(VERIFIER), ConnectionInfo("192.0.2.7", (HERE,), channel))
    hear(core, welcome(last))
    assert core.state is State.LIVE


def test_a_key_alone() -> None:
    core = core_of(Mine(key=True))
    auth, last = meet(core, Authenticator(), ConnectionInfo("192.0.2.7", (HERE,)))
    assert (auth.challenge.scram, last) == (None, None)
    hear(core, welcome())
    assert core.state is State.LIVE


def test_who_has_nothing_offers_nothing() -> None:
    hello = said(core_of(Mine()))
    assert isinstance(hello, Hello)
    assert (hello.key, hello.scram) == (None, None)


@pytest.mark.parametrize("mode", ["watch", "probe"])
def test_no_key_is_offered_where_there_is_no_name(mode: str) -> None:
    """It would cost ``tail`` and ``probe`` a round trip and an import."""
    hello = said(core_of(Mine(key=True), mode=mode))
    assert isinstance(hello, Hello)
    assert hello.key is None


def test_the_password_is_in_nothing_that_is_said() -> None:
    core = core_of(Mine(WORD))
    hello = core.outgoing()
    said = decode_client(hello.removesuffix(b"\n"))
    assert isinstance(said, Hello)
    auth = Authenticator(VERIFIER).begin(said, ConnectionInfo("", (HERE,)), bytes(32), 0)
    assert auth is not None
    hear(core, auth.challenge)
    assert WORD.encode() not in hello + core.outgoing()
    assert b64encode(WORD.encode()) not in hello


def test_a_relay_with_another_certificate_can_not_hand_a_password_on() -> None:
    """What the client is bound to is the certificate that it was shown, which is the relay's."""
    core = core_of(Mine(WORD), channel=b"r" * 32)
    with pytest.raises(Unauthorized):
        meet(core, Authenticator(VERIFIER), ConnectionInfo("192.0.2.7", (HERE,), b"s" * 32))


def test_a_relay_that_strips_tls_is_noticed() -> None:
    """The server has TLS, the client was spoken to without: no password passes between the two, either way."""
    with pytest.raises(Unauthorized):
        meet(core_of(Mine(WORD)), Authenticator(VERIFIER), ConnectionInfo("192.0.2.7", (HERE,), b"s" * 32))
    with pytest.raises(Unauthorized):
        meet(core_of(Mine(WORD), b"s" * 32), Authenticator(VERIFIER), ConnectionInfo("192.0.2.7", (HERE,)))


# --- servers that are not what they seem


@pytest.mark.parametrize("last", [None, "v=" + b64encode(bytes(32)).decode(), "e=other-error", "nonsense"])
def test_a_server_that_does_not_know_the_password_is_refused(last: str | None) -> None:
    """It took whatever we proved, and can't prove itself: somebody else is in the server's place."""
    core = core_of(Mine(WORD))
    hello = said(core)
    assert isinstance(hello, Hello)
    auth = Authenticator(Verifier.of("another one")).begin(hello, ConnectionInfo("", (HERE,)), bytes(32), 0)
    assert auth is not None
    hear(core, auth.challenge)
    core.outgoing()
    with pytest.raises(Unauthorized, match=r"does not know the password|does not ask for it"):
        hear(core, welcome(last))
    assert core.state is State.HELLO
    assert core.welcome is None


def test_a_server_that_asks_for_no_password_is_refused_where_there_is_one() -> None:
    with pytest.raises(Unauthorized, match="does not ask for it"):
        hear(core_of(Mine(WORD)), welcome())


def test_nothing_is_said_before_the_server_has_proved_itself() -> None:
    core = core_of(Mine(WORD))
    core.outgoing()
    core.send(Say("secret plans"))
    with pytest.raises(Unauthorized):
        hear(core, welcome())
    assert b"secret" not in core.outgoing()


def first_of(core: ClientConnection, iterations: object) -> Challenge:
    """Return a server-first message that asks for so much work."""
    hello = said(core)
    assert isinstance(hello, Hello)
    nonce = re.search("r=([^,]+)", hello.scram or "")
    assert nonce is not None
    salt = b64encode(bytes(16)).decode()
    return Challenge(scram=f"r={nonce[1]}server,s={salt},i={iterations}")


@pytest.mark.parametrize(
    "iterations",
    [
        *(SCRAM_ITERATIONS[-1] + 1, 999_999_999, 10**12, 1, 4095, 0, -4096),
        *("4096,i=20000000", "20000000,i=4096", "4096,x=1,i=20000000", "4096,m=1", "4096,", "", "04096", "+4096"),
        *("4096\n", " 4096", "4_096", "4096.0", "\u0664\u0660\u0669\u0666", "1e9", "0x1000"),
    ],
)
def test_a_server_can_not_have_us_work_for_ever_nor_weaken_the_password(
    iterations: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers differ in which ``i=`` of two counts: whatever is not plain is refused before there is any work."""
    core, worked = core_of(Mine(WORD)), []
    monkeypatch.setattr("scramp.core.hi", lambda *_: (worked.append(1), bytes(32))[1])
    with pytest.raises(PeerBroke):
        hear(core, first_of(core, iterations))
    assert worked == []


@pytest.mark.parametrize("iterations", [SCRAM_ITERATIONS[0], SCRAM_ITERATIONS[-1]])
def test_as_much_work_as_is_right_is_done(iterations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    core, worked = core_of(Mine(WORD)), []
    monkeypatch.setattr("scramp.core.hi", lambda *args: (worked.append(int(args[-1])), bytes(32))[1])
    hear(core, first_of(core, iterations))
    assert isinstance(said(core), Proof)
    assert worked == [iterations]


@pytest.mark.parametrize(
    "challenge",
    [
        Challenge(scram="r=x,s=,i=4096"),
        Challenge(scram="nonsense"),
        Challenge(nonce="bm90IDMyIGJ5dGVz", scram="nonsense"),
        Challenge(),
    ],
)
def test_a_challenge_that_is_none_ends_it(challenge: Challenge) -> None:
    core = core_of(Mine(WORD, key=True))
    core.outgoing()
    with pytest.raises(ChatError):
        hear(core, challenge)


def test_a_second_challenge_is_not_answered() -> None:
    core = core_of(Mine(key=True))
    core.outgoing()
    challenge = Challenge(nonce=b64encode(bytes(32)).decode())
    hear(core, challenge)
    with pytest.raises(PeerBroke):
        hear(core, challenge)


def test_a_challenge_once_in_or_without_anything_to_prove_is_not_answered() -> None:
    core = core_of(Mine())
    hear(core, welcome())
    core.outgoing()
    with pytest.raises(PeerBroke):
        hear(core, Challenge(nonce=b64encode(bytes(32)).decode()))
    bare = ClientConnection(Hello(v=1, nick="a"), "there")
    list(bare.receive(GREETING))
    with pytest.raises(PeerBroke):
        hear(bare, Challenge())


# --- what a refusal means


def test_what_a_refusal_means() -> None:
    """A person is asked only where a password is wanted, and nothing tries a wrong one again by itself."""
    no = Error(code="unauthorized", text="no")
    with pytest.raises(PasswordWanted):
        hear(core_of(Mine(key=True)), no)
    tried = core_of(Mine(WORD))
    hear(tried, first_of(tried, 4096))
    with pytest.raises(PasswordWrong) as wrong:
        hear(tried, Error(code="unauthorized", text="no", retry_after=5))
    assert wrong.value.retry_after == 5
    for error in (no, Error(code="unauthorized", text="wait", retry_after=5), Error(code="nick_taken", text="no")):
        with pytest.raises(ChatError) as plain:
            hear(core_of(Mine(WORD)), error)
        assert not isinstance(plain.value, PasswordWanted | PasswordWrong)


def test_nothing_tries_a_wrong_password_again() -> None:
    assert not may_pass(PasswordWrong("no", retry_after=5))
    assert may_pass(Unauthorized("others of your address gave wrong ones", retry_after=5))


@pytest.mark.parametrize(
    ("peer", "channel", "path", "place"),
    [
        (("192.0.2.1", 5500), b"", None, "tcp:192.0.2.1:5500"),
        (("::ffff:192.0.2.1", 5500, 0, 0), b"", None, "tcp:192.0.2.1:5500"),
        (("fe80::1%eth0", 5500, 0, 2), b"", None, "tcp:fe80::1:5500"),
        ("/what/the/other/end/says.sock", b"", "/run/chat.sock", "unix:/run/chat.sock"),
        ("", b"", "\0chat", "unix:@chat"),
        (("192.0.2.1", 5500), b"\x01" * 32, None, "tls:" + "01" * 32),
    ],
)
def test_the_place_is_what_the_socket_leads_to(peer: object, channel: bytes, path: str | None, place: str) -> None:
    assert place_of(peer, channel, path) == place


@pytest.mark.parametrize("labels", [None, ["chatctl-key-v1"], ["chatctl-key-v1", "of a later one"]])
def test_over_tcp_a_server_of_any_age_gets_the_label_that_it_knows(labels: list[str] | None) -> None:
    core = core_of(Mine(key=True))
    said(core)
    hear(core, Challenge(nonce=b64encode(bytes(32)).decode(), labels=labels))
    proof = said(core)
    assert isinstance(proof, Proof)
    assert proof.signature is not None


def test_a_label_that_we_do_not_know_has_us_updated() -> None:
    core = core_of(Mine(key=True))
    with pytest.raises(Unsupported, match="update it here"):
        hear(core, Challenge(nonce=b64encode(bytes(32)).decode(), labels=["chatctl-key-v9"]))


def test_the_example_of_the_protocol_is_right() -> None:
    """Who writes a client in another language has nothing else to check it with."""
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    lines = re.findall(r"^    C (\{.*\})⏎$", page, re.MULTILINE)
    hello, proof = (decode_client(line.encode()) for line in lines if '"key":' in line or '"signature":' in line)
    assert isinstance(hello, Hello)
    assert hello.key == b64encode(KEY.public).decode()
    said = statement(hello, bytes(32), HERE)
    assert "\n".join(f"    {part}" for part in textwrap.wrap(said.hex(), 100)) in page
    assert proof == Proof(signature=b64encode(SECRET.sign(said)).decode())
    assert of_key(KEY.public) in page


# --- any cut of the bytes


def cuts(data: bytes, at: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in at}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 10_000), max_size=5))
def test_any_split_of_a_challenge_is_answered_the_same(at: list[int]) -> None:
    core = ClientConnection(Hello(v=1, nick="Rajat", token="a" * 32), "there")
    core.prove_with(Prover(Mine(key=True), HERE))
    for piece in cuts(GREETING + encode(Challenge(nonce=b64encode(bytes(32)).decode())), at):
        assert list(core.receive(piece)) == []
    hello, proof = core.outgoing().removesuffix(b"\n").split(b"\n")
    assert isinstance(decode_client(hello), Hello)
    assert decode_client(proof) == Proof(
        signature=b64encode(SECRET.sign(statement_of(decode_client(hello)))).decode()  # type: ignore[arg-type]
    )


def statement_of(hello: Hello) -> bytes:
    return statement(hello, bytes(32), HERE)


# --- what to do about a refusal: the client knows its options, and not the server


def refusal(core: ClientConnection, text: str, code: str = "unauthorized") -> ChatError:
    with pytest.raises(ChatError) as raised:
        hear(core, Error(code, text))
    return raised.value


BY_OPTION = "wanted: give it with CHATCTL_PASSWORD or --password-file"


@pytest.mark.parametrize(
    ("text", "remedies", "told"),
    [
        ("wanted", Options, BY_OPTION),
        ("wanted", Parameters, "wanted: give it as password"),
        (BY_OPTION, Options, BY_OPTION),
    ],
)
def test_who_has_no_password_is_told_how_to_give_one(text: str, remedies: Remedies, told: str) -> None:
    """Once, where an older server has said it itself."""
    error = refusal(core_of(Mine(), remedies=remedies), text)
    assert isinstance(error, PasswordWanted)
    assert error.text == told


@pytest.mark.parametrize("text", ["no", "no (do this, or --key none)"])
def test_who_signed_in_vain_is_told_how_to_do_without(text: str) -> None:
    core = core_of(Mine(key=True), remedies=Options)
    said(core)
    hear(core, Challenge(nonce=b64encode(bytes(32)).decode(), labels=None))
    error = refusal(core, text)
    assert isinstance(error, Unauthorized)
    assert "--key none" in error.text
    assert error.text.count("--key none") == 1


def test_no_other_refusal_is_explained() -> None:
    assert refusal(core_of(Mine()), "taken", "nick_taken").text == "taken"
