"""Operators' commands on the journal: redaction, rebuilding and what has to be read, which take many turns of the loop.

Does not live here: the other verbs, and who may give which order (admin_commands.py), what is redacted where
(redaction.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import msgspec

from chatctl.common.durations import short_span
from chatctl.errors import ChatError, Forbidden, StorageFailed
from chatctl.hub.admin_plan import Answer, because, counted, log_row
from chatctl.hub.admin_target import Actor
from chatctl.hub.peer_control import PeerControl
from chatctl.hub.redaction import OUT_OF_REACH, Redaction
from chatctl.journal import ChangedMeanwhile, RebuildCost
from chatctl.protocol import Admin, Done, Notice

REBUILD_RATE = 8 * (1 << 20)
"""Bytes of a journal that are written anew in a second, on a modest disk."""


class JournalCommands:
    """Carries out ``redact`` and ``compact``."""

    def __init__(self, hub: PeerControl) -> None:
        """Serve one hub."""
        self._hub = hub
        self._tasks: set[asyncio.Task[None]] = set()

    def redact(self, ask: Admin, actor: Actor, answer: Answer) -> None:
        """Empty messages; answer once nothing of them is left in the journal. Raises ChatError."""
        redaction = Redaction(self._hub, ask.seqs, ask.target.removeprefix("name:"), ask.room)
        self._hub.commit()  # what was said before the order is meant, too
        self._start(self._redact(redaction, ask, actor, answer), answer)

    async def _redact(self, redaction: Redaction, ask: Admin, actor: Actor, answer: Answer) -> None:
        found = await redaction.find()
        if not found:
            raise Forbidden("no message under that name is stored")
        text = f"{_messages(sum(map(len, found.values())))} redacted{actor.by}{because(ask.text)}"
        where = ", ".join(found)
        nameless = msgspec.structs.replace(ask, target="")
        try:
            while not redaction.done:
                row = log_row(self._hub, nameless, actor, text, where, found)
                try:
                    with contextlib.suppress(ChangedMeanwhile):  # another server's order has the number of this one
                        await redaction.carry_out(found, row)
                finally:
                    if not redaction.done:
                        self._hub.rules.log.drop(row)
        finally:
            for room in redaction.rooms:
                room.tell(Notice(text, self._hub.clock(), actor.name))
                self._hub.touch(room)
        self._hub.log.info("ordered", verb=ask.verb, by=actor.name or actor.role, target=where, what=text)
        try:
            await self._hub.journal.rebuild()
        except StorageFailed as error:
            raise StorageFailed(f"{text}, but traces of it may be left in the journal's file: {error.text}") from None
        out_of_reach = ", ".join(filter(None, (OUT_OF_REACH, self._hub.journal.traces)))
        answer(Done(ask.verb, f"{text} ({out_of_reach})", [], ask.id))

    def compact(self, ask: Admin, actor: Actor, answer: Answer) -> None:
        """Say what it takes to write the journal anew; with ``yes``, do it."""
        self._start(self._compact(ask, actor, answer), answer)

    async def _compact(self, ask: Admin, actor: Actor, answer: Answer) -> None:
        journal = self._hub.journal
        before = await journal.cost()
        if before is None:
            raise Forbidden("this server has no journal")
        if not ask.yes:
            answer(Done(ask.verb, _what_it_takes(before), [], ask.id))
            return
        await journal.rebuild()
        after = await journal.cost() or before
        text = f"the journal has {_mib(after.size)} now; it had {_mib(before.size)}"
        self._hub.log.info("ordered", verb=ask.verb, by=actor.name or actor.role, what=text)
        answer(Done(ask.verb, text, [], ask.id))

    def answer_later(self, work: Coroutine[Any, Any, Done], answer: Answer) -> None:
        """Answer with the outcome of ``work``."""

        async def give() -> None:
            answer(await work)

        self._start(give(), answer)

    def _start(self, work: Coroutine[Any, Any, None], answer: Answer) -> None:
        """Run what takes several turns of the loop; an error is its answer."""

        async def run() -> None:
            try:
                await work
            except ChatError as error:
                self._hub.log.warning("not done", why=error.text)
                answer(error)
            except Exception as error:  # noqa: BLE001 — a fault of our own: it is logged, and nobody waits for ever
                self._hub.log.error("not done", why=repr(error))  # noqa: TRY400 — the log of events is no logger
                answer(ChatError("this command failed: internal error of the server"))

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _messages(number: int) -> str:
    return counted(number, "message was", "messages were")


def _what_it_takes(cost: RebuildCost) -> str:
    seconds = max(1, round(cost.needed / REBUILD_RATE))
    return (
        f"the journal has {_mib(cost.size)}: rewriting it needs {_mib(cost.needed)} of {_mib(cost.free)} free space, "
        f"and about {short_span(seconds)}; the rooms stay usable meanwhile (--yes does it)"
    )


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
