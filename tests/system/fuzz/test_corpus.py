"""The fuzzing targets in plain Python: the corpus, and some thousand mutations of it. It needs no atheris."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.system.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
MUTATIONS = 1500


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_finds_nothing(name: str) -> None:
    seeds = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
    assert len(seeds) > 10
    for seed in seeds:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
def test_some_thousand_mutations_find_nothing(name: str) -> None:
    """The same ones each time: a finding can be had again."""
    random = Random(name)
    seeds = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
    for _ in range(MUTATIONS):
        data = mutate(random, random.choice(seeds), random.choice(seeds))
        try:
            TARGETS[name](data)
        except Exception as error:
            error.add_note(f"on {data!r}")
            raise


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=120))
def test_no_bytes_at_all_find_anything(name: str, data: bytes) -> None:
    TARGETS[name](data)


def mutate(random: Random, one: bytes, other: bytes) -> bytes:
    """Change some bytes, splice, repeat: what a fuzzer does, without its feedback."""
    data = bytearray(
        one[: random.randrange(len(one) + 1)] + other[random.randrange(len(other)) :] if random.random() < 0.5 else one
    )
    for _ in range(random.randrange(4)):
        at = random.randrange(len(data) + 1)
        data[at : at + random.randrange(3)] = random.choice(
            (random.randbytes(2), b"\n", b"\x1b", b'"', b"{", b"\xe2\x80\xae", b"\xcc\x81" * 6)
        )
    return bytes(data)
