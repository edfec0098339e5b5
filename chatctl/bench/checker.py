"""Checks what members received: every message once, in order, the same bytes for all.

Sans-I/O. All members are sent the same bytes, so parsing each stream would be a waste. The member that is furthest
ahead extends a reference (``ReferenceStream``), whose lines are parsed once; the other streams are compared with it,
one ``memcmp`` per read.
"""

from __future__ import annotations

from collections.abc import Sequence

from chatctl.bench.wire_formats import WireFormat

_MAX_FAULTS = 100
_NOWHERE = 1 << 62
"""The position of a stream that is not compared any more: no data is equal there, and it delays no trimming."""


class SequenceChecker:
    """Checks the numbers of messages, in the order in which they arrived. Message n is from sender n % senders."""

    def __init__(self, senders: int, faults: list[str], prefix: str = "") -> None:
        """Expect 0, 1, 2, … with each sender's own in order; add faults to ``faults``, after ``prefix``."""
        self._senders = senders
        self._expected = list(range(senders))
        self._faults = faults
        self._prefix = prefix
        self._missing: set[int] = set()
        self.count = 0
        """Messages that arrived, without duplicates."""

    def take(self, numbers: Sequence[bytes]) -> None:
        """Check the next numbers."""
        expected, senders, arrived = self._expected, self._senders, list(map(int, numbers))
        if senders == 1 and arrived == list(range(expected[0], expected[0] + len(arrived))):  # the usual case, fast
            expected[0] += len(arrived)
            self.count += len(arrived)
            return
        for number in arrived:
            sender = number % senders
            if number == expected[sender]:
                expected[sender] = number + senders
                self.count += 1
            else:
                self._unexpected(number, sender)

    def _unexpected(self, number: int, sender: int) -> None:
        expected = self._expected[sender]
        if number > expected:
            self._missing.update(range(expected, number, self._senders))
            self._expected[sender] = number + self._senders
            self.count += 1
        elif number in self._missing:
            self._missing.discard(number)
            self.count += 1
            self._fault(f"message {number} came after a later one of its speaker")
        else:
            self._fault(f"message {number} came twice")

    def finish(self, sent: int, refused: set[int]) -> None:
        """Report which of ``sent`` messages never arrived, but for those that the server ``refused``."""
        for expected in self._expected:
            self._missing.update(range(expected, sent, self._senders))
        for number in sorted(self._missing - refused)[:_MAX_FAULTS]:
            self._fault(f"message {number} never came")

    def _fault(self, fault: str) -> None:
        if len(self._faults) < _MAX_FAULTS:
            self._faults.append(self._prefix + fault)


class ReferenceStream:
    """The messages as the member that is furthest ahead received them. Positions count from the first byte ever."""

    def __init__(self, wire_format: WireFormat, senders: int, faults: list[str]) -> None:
        """Start empty; add faults to ``faults``."""
        self.wire_format = wire_format
        self.data = bytearray()
        self.start = 0
        """The position of ``data[0]``."""
        self.sequence = SequenceChecker(senders, faults)
        self.faults = faults
        self.checkers: list[StreamChecker] = []

    @property
    def end(self) -> int:
        """The position after the last byte."""
        return self.start + len(self.data)

    def extend(self, lines: bytes) -> None:
        """Append whole lines that no member had received before."""
        self.data += lines
        self.sequence.take(self.wire_format.number.findall(lines))

    def behind(self, position: int) -> int:
        """Return how many messages a member at ``position`` has not received as a whole."""
        line = self.data.rfind(b"\n", 0, position - self.start) + 1
        return len(self.wire_format.number.findall(self.data, line))

    def trim(self) -> None:
        """Drop the lines that all members have received. Does not copy the rest."""
        least = min((checker.position for checker in self.checkers), default=0)
        cut = self.data.rfind(b"\n", 0, max(0, least - self.start)) + 1
        del self.data[:cut]
        self.start += cut


class StreamChecker:
    """Compares one member's stream with the reference. The result does not depend on how TCP cuts the stream."""

    __slots__ = ("_differs_after", "_name", "_partial", "_reference", "position")

    def __init__(self, reference: ReferenceStream, name: str, partial: bytes = b"") -> None:
        """Start at the reference's beginning. ``partial`` is what was already read of an incomplete line."""
        self._reference = reference
        self._name = name
        self._partial = partial
        self._differs_after: int | None = None
        """Once the stream has differed, or ended: the messages received until then."""
        self.position = 0
        reference.checkers.append(self)

    def take(self, data: memoryview | bytes) -> bytes:
        """Check what was read; return what is to be answered."""
        reference = self._reference
        if not self._partial and reference.data.startswith(data, self.position - reference.start):
            self.position += len(data)
            return b""
        return self._take_slowly(self._partial + bytes(data)) if self._differs_after is None else b""

    @property
    def delivered(self) -> int:
        """The number of messages received, up to the first difference."""
        if self._differs_after is not None:
            return self._differs_after
        behind = 0 if self.position == self._reference.end else self._reference.behind(self.position)
        return self._reference.sequence.count - behind

    def has_all(self, sent: int) -> bool:
        """Return whether nothing more can be expected: ``sent`` messages were received, or the stream has differed."""
        reference = self._reference
        return self._differs_after is not None or (self.position == reference.end and reference.sequence.count >= sent)

    def abandon(self) -> None:
        """Compare no more: the member was cut off, or its stream differs."""
        self._differs_after = self.delivered
        self._partial = b""
        self.position = _NOWHERE

    def finish(self, _sent: int, _refused: set[int]) -> None:
        """Report how many messages this member lacks. Which ones nobody received is the reference's to report."""
        if self.delivered != (count := self._reference.sequence.count):
            self._reference.faults.append(f"{self._name} got {self.delivered} of {count} messages")

    def _take_slowly(self, data: bytes) -> bytes:
        """Compare line by line, starting at the beginning of the line at ``position``."""
        reference = self._reference
        offset = self.position - reference.start
        line = reference.data.rfind(b"\n", 0, offset) + 1
        data = bytes(reference.data[line:offset]) + data
        self.position = reference.start + line
        data = data[self._skip_known(data) :]
        end = data.rfind(b"\n") + 1
        lines, self._partial = data[:end], data[end:]
        if lines and self.position == reference.end and self._only_entries(lines):
            reference.extend(lines)
            self.position = reference.end
            answers = b""
        else:
            answers = b"".join(map(self._take_line, _split(lines)))
        if self._partial and reference.data.startswith(self._partial, self.position - reference.start):
            self.position += len(self._partial)
            self._partial = b""
        return answers

    def _skip_known(self, data: bytes) -> int:
        """Skip the rest of the reference, if ``data`` begins with all of it; return how many bytes that was."""
        ahead = self._reference.end - self.position
        if 0 < ahead <= len(data) and self._reference.data.endswith(data[:ahead]):
            self.position = self._reference.end
            return ahead
        return 0

    def _only_entries(self, lines: bytes) -> bool:
        """Return whether the lines are entries alone, as far as counting shows without parsing each."""
        form = self._reference.wire_format
        pinged = form.lines_per_entry > 1 and bool(form.ping) and form.ping in lines
        return lines.count(form.mark) * form.lines_per_entry == lines.count(b"\n") and not pinged

    def _take_line(self, line: bytes) -> bytes:
        reference = self._reference
        if self._differs_after is not None:
            return b""
        if not reference.wire_format.entry.match(line):
            return reference.wire_format.answer(line)
        if self.position == reference.end:
            reference.extend(line)
        elif not reference.data.startswith(line, self.position - reference.start):
            self._report_difference(line)
            self.abandon()
            return b""
        self.position += len(line)
        return b""

    def _report_difference(self, line: bytes) -> None:
        reference = self._reference
        if len(reference.faults) < _MAX_FAULTS:
            at = self.position - reference.start
            other = bytes(reference.data[at : reference.data.find(b"\n", at)])
            reference.faults.append(
                f"{self._name} got {self._describe(line)} where another one got {self._describe(other)},"
                f" after {self.delivered} messages"
            )

    def _describe(self, line: bytes) -> str:
        numbers = self._reference.wire_format.number.findall(line if line.endswith(b"\n") else line + b"\n")
        return f"message {int(numbers[0])}" if numbers else repr(line[:60].decode(errors="replace"))


class PerSenderChecker:
    """Checks one member's stream by itself, for servers that give each member an order of its own between senders."""

    __slots__ = ("_abandoned", "_partial", "_sequence", "_wire_format")

    def __init__(self, wire_format: WireFormat, senders: int, faults: list[str], name: str) -> None:
        """Expect each sender's messages in order; add faults to ``faults``."""
        self._wire_format = wire_format
        self._sequence = SequenceChecker(senders, faults, f"{name}: ")
        self._partial = b""
        self._abandoned = False

    def take(self, data: memoryview | bytes) -> bytes:
        """Check what was read; return what is to be answered."""
        joined = self._partial + bytes(data)
        end = joined.rfind(b"\n") + 1
        lines, self._partial = joined[:end], joined[end:]
        form = self._wire_format
        self._sequence.take(form.number.findall(lines))
        return b"".join(form.answer(line) for line in _split(lines) if not form.entry.match(line))

    @property
    def delivered(self) -> int:
        """The number of messages received."""
        return self._sequence.count

    def has_all(self, sent: int) -> bool:
        """Return whether nothing more can be expected."""
        return self._abandoned or self.delivered >= sent

    def abandon(self) -> None:
        """Expect no more: the member was cut off."""
        self._abandoned = True

    def finish(self, sent: int, refused: set[int]) -> None:
        """Report which of ``sent`` messages never arrived, but for those that the server ``refused``."""
        self._sequence.finish(sent, refused)


def _split(lines: bytes) -> list[bytes]:
    return [line + b"\n" for line in lines.split(b"\n")[:-1]]
