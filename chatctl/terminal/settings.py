"""What a person chose on the command line of ``join``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chatctl.client.core.address import Address

Notify = Literal["off", "mention", "all"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the person chose."""

    address: Address
    room: str
    nick: str
    history: int = 50
    notify: Notify = "mention"
