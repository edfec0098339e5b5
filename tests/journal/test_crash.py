"""Kills and cuts: what was acknowledged is there, once, under its number."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.support.journals import child, facts, reopen

KILLS = 8
ACKS = 60


def check(texts: list[str], acknowledged: int) -> None:
    """The child says "message N" one after the other, repeating what it has no answer for."""
    assert texts == [f"message {number}" for number in range(1, len(texts) + 1)]
    assert len(texts) >= acknowledged


def check_facts(path: Path, texts: list[str]) -> None:
    """Each message was committed together with a fact of its number."""
    assert facts(path) == {("seq", str(number)): str(number) for number in range(1, len(texts) + 1)}


@pytest.mark.parametrize("durability", ["os", "disk"])
def test_what_was_acknowledged_survives_sigkill_and_the_epoch_stays(tmp_path: Path, durability: str) -> None:
    path = tmp_path / "rooms.db"
    acknowledged = 0
    epochs = set()
    for _ in range(KILLS):
        with child(path, durability, start=acknowledged + 1) as process:
            assert process.stdout is not None
            epochs.add(process.stdout.readline())
            for _ in range(random.randint(1, ACKS)):
                acknowledged = int(process.stdout.readline().split()[0])
            process.kill()
            for line in process.stdout:  # what it had acknowledged by then
                if line.endswith("\n"):
                    acknowledged = int(line.split()[0])
    epoch, texts, renewed = reopen(path)
    check(texts, acknowledged)
    check_facts(path, texts)
    assert renewed is None
    assert epochs == {f"epoch {epoch}\n"}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """A journal at ``disk`` that was killed with all its messages in the WAL; and its size at each acknowledgement."""
    path = tmp_path_factory.mktemp("killed") / "rooms.db"
    with child(path, "disk") as process:
        assert process.stdout is not None
        process.stdout.readline()
        sizes = [int(process.stdout.readline().split()[1]) for _ in range(ACKS)]
        process.kill()
    return path, sizes


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("damage", ["cut", "flip", "zero"])
def test_a_power_cut_takes_only_what_was_not_yet_synced(
    killed: tuple[Path, list[int]], tmp_path: Path, damage: str, seed: int
) -> None:
    """When a message was acknowledged, all up to that size had been synced; the rest is anything."""
    source, sizes = killed
    for file in source.parent.iterdir():
        shutil.copy2(file, tmp_path)
    dice = random.Random(f"{damage} {seed}")
    acknowledged = dice.randint(0, len(sizes) - 1)
    wal = tmp_path / "rooms.db-wal"
    data = bytearray(wal.read_bytes())
    assert len(data) > sizes[acknowledged]
    at = dice.randrange(sizes[acknowledged], len(data))
    if damage == "cut":
        del data[at:]
    elif damage == "flip":
        data[at] ^= 1 << dice.randrange(8)
    else:
        data[at:] = bytes(len(data) - at)
    wal.write_bytes(data)
    _, texts, _ = reopen(tmp_path / "rooms.db")
    check(texts, acknowledged + 1)
    check_facts(tmp_path / "rooms.db", texts)
    assert len(texts) < ACKS + 20
