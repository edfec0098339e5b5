"""What must arrive: everything, once, in order, the same at every member.

Sans-I/O. Every member is sent the same entries in the same bytes, so the member that is furthest shows what was said
(``Truth``), each of its lines is looked at once, and all others are compared with it: one memcmp a read.
"""

from __future__ import annotations

from collections.abc import Sequence

from chatctl.bench.wire_formats import WireFormat

_MOST_FAULTS = 100
_NOWHERE = 1 << 62
"""Where a reader stands that is compared no more: nothing is equal there, and it holds nothing back."""


class Order:
    """The numbers that came, held against those that are due. Message n is of speaker n % speakers."""

    def __init__(self, speakers: int, faults: list[str], who: str = "") -> None:
        """Expect 0, 1, 2, … in each speaker's own order. What is wrong is told to ``faults``."""
        self._speakers = speakers
        self._due = list(range(speakers))
        self._faults = faults
        self._who = who
        self.missing: set[int] = set()
        self.count = 0
        """Messages that came, each once."""

    def take(self, numbers: Sequence[bytes]) -> None:
        """Take numbers as they came."""
        due, speakers, came = self._due, self._speakers, list(map(int, numbers))
        if speakers == 1 and came == list(range(due[0], due[0] + len(came))):  # as it should be, and quickly seen
            due[0] += len(came)
            self.count += len(came)
            return
        for number in came:
            speaker = number % speakers
            if number == due[speaker]:
                due[speaker] = number + speakers
                self.count += 1
            else:
                self._strange(number, speaker)

    def _strange(self, number: int, speaker: int) -> None:
        due = self._due[speaker]
        if number > due:
            self.missing.update(range(due, number, self._speakers))
            self._due[speaker] = number + self._speakers
            self.count += 1
        elif number in self.missing:
            self.missing.discard(number)
            self.count += 1
            self._tell(f"message {number} came after a later one of its speaker")
        else:
            self._tell(f"message {number} came twice")

    def finish(self, said: int, refused: set[int]) -> None:
        """Tell what never came of ``said`` messages."""
        for due in self._due:
            self.missing.update(range(due, said, self._speakers))
        for number in sorted(self.missing - refused)[:_MOST_FAULTS]:
            self._tell(f"message {number} never came")

    def _tell(self, fault: str) -> None:
        if len(self._faults) < _MOST_FAULTS:
            self._faults.append(self._who + fault)


class Truth:
    """What was said, as the member that is furthest has read it. Positions are counted from the first byte ever."""

    def __init__(self, speech: WireFormat, speakers: int, faults: list[str]) -> None:
        """Know nothing yet."""
        self.speech = speech
        self.data = bytearray()
        self.start = 0
        """The position of ``data[0]``."""
        self.order = Order(speakers, faults)
        self.faults = faults

    @property
    def end(self) -> int:
        """The position after the last byte."""
        return self.start + len(self.data)

    def extend(self, whole: bytes) -> None:
        """Take whole lines that no member had read before."""
        self.data += whole
        self.order.take(self.speech.number.findall(whole))

    def behind(self, position: int) -> int:
        """Give how many messages a member at ``position`` has not read whole."""
        line = self.data.rfind(b"\n", 0, position - self.start) + 1
        return len(self.speech.number.findall(self.data, line))

    def trim(self, least: int) -> None:
        """Forget what every member has read; ``least`` is the position of the last of them. Costs no copy."""
        cut = self.data.rfind(b"\n", 0, max(0, least - self.start)) + 1
        del self.data[:cut]
        self.start += cut


class Reader:
    """One member's stream, compared with the truth as it comes. Any split of the same bytes is judged the same."""

    __slots__ = ("_broken_at", "_held", "name", "position", "truth")

    def __init__(self, truth: Truth, name: str, held: bytes = b"") -> None:
        """Stand at the truth's beginning; ``held`` is what was read of a line that is not complete."""
        self.truth = truth
        self.name = name
        self.position = 0
        self._held = held
        self._broken_at: int | None = None

    def take(self, data: memoryview | bytes) -> bytes:
        """Take what was read; give what is due in answer."""
        truth = self.truth
        if not self._held and truth.data.startswith(data, self.position - truth.start):
            self.position += len(data)
            return b""
        return self._slowly(self._held + bytes(data)) if self._broken_at is None else b""

    @property
    def delivered(self) -> int:
        """Messages that it has read, up to the first that is not the others'."""
        return self._broken_at if self._broken_at is not None else self.truth.order.count - self._behind()

    @property
    def level(self) -> bool:
        """Whether it has read all that anybody has; one that differs will not get there."""
        return self._broken_at is not None or self.position == self.truth.end

    def _behind(self) -> int:
        return 0 if self.position == self.truth.end else self.truth.behind(self.position)

    def _slowly(self, data: bytes) -> bytes:
        truth = self.truth
        cut = self.position - truth.start
        line = truth.data.rfind(b"\n", 0, cut) + 1
        data = bytes(truth.data[line:cut]) + data
        self.position = truth.start + line
        data = data[self._known(data) :]
        end = data.rfind(b"\n") + 1
        whole, self._held = data[:end], data[end:]
        if whole and self.position == truth.end and self._pure(whole):
            truth.extend(whole)
            self.position = truth.end
            answers = b""
        else:
            answers = b"".join(map(self._line, _lines(whole)))
        if self._held and truth.data.startswith(self._held, self.position - truth.start):
            self.position += len(self._held)
            self._held = b""
        return answers

    def _known(self, data: bytes) -> int:
        """Step over what the truth has, if it is there up to its end; give how many bytes that was."""
        ahead = self.truth.end - self.position
        if 0 < ahead <= len(data) and self.truth.data.endswith(data[:ahead]):
            self.position = self.truth.end
            return ahead
        return 0

    def _pure(self, whole: bytes) -> bool:
        """Whether there is nothing but entries in it, as far as counting shows without a look at each line."""
        speech = self.truth.speech
        asked = speech.lines > 1 and bool(speech.ping) and speech.ping in whole
        return whole.count(speech.mark) * speech.lines == whole.count(b"\n") and not asked

    def _line(self, line: bytes) -> bytes:
        truth = self.truth
        if self._broken_at is not None:
            return b""
        if not truth.speech.entry.match(line):
            return truth.speech.answer(line)
        if self.position == truth.end:
            truth.extend(line)
        elif not truth.data.startswith(line, self.position - truth.start):
            self._differs(line)
            return b""
        self.position += len(line)
        return b""

    def _differs(self, line: bytes) -> None:
        self._broken_at = self.delivered
        self._held = b""
        if len(self.truth.faults) < _MOST_FAULTS:
            at = self.position - self.truth.start
            theirs = bytes(self.truth.data[at : self.truth.data.find(b"\n", at)])
            self.truth.faults.append(
                f"{self.name} got {self._short(line)} where another one got {self._short(theirs)},"
                f" after {self._broken_at} messages"
            )
        self.position = _NOWHERE

    def _short(self, line: bytes) -> str:
        numbers = self.truth.speech.number.findall(line if line.endswith(b"\n") else line + b"\n")
        return f"message {int(numbers[0])}" if numbers else repr(line[:60].decode(errors="replace"))


class Tally:
    """One member's stream where the order of different speakers may differ from member to member."""

    __slots__ = ("_held", "_order", "_speech")

    def __init__(self, speech: WireFormat, speakers: int, faults: list[str], name: str) -> None:
        """Expect each speaker's messages in their order."""
        self._speech = speech
        self._order = Order(speakers, faults, f"{name}: ")
        self._held = b""

    def take(self, data: memoryview | bytes) -> bytes:
        """Take what was read; give what is due in answer."""
        joined = self._held + bytes(data)
        end = joined.rfind(b"\n") + 1
        whole, self._held = joined[:end], joined[end:]
        self._order.take(self._speech.number.findall(whole))
        return b"".join(self._speech.answer(line) for line in _lines(whole) if not self._speech.entry.match(line))

    @property
    def delivered(self) -> int:
        """Messages that it has read."""
        return self._order.count

    def finish(self, said: int, refused: set[int]) -> None:
        """Tell what never came."""
        self._order.finish(said, refused)


def _lines(whole: bytes) -> list[bytes]:
    return [line + b"\n" for line in whole.split(b"\n")[:-1]]
