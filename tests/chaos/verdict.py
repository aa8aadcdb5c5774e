"""What a round came to: every reading that the broker took is stored exactly once, or in the quarantine, or excused."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.localtime import rfc3339
from tests.chaos.sent import HUBS, UNKNOWN_HUB, Counts, Message

Missing = tuple[Message, int | None, str]
"""What is not there: its message, its time if it has one, and how to say it."""


class Window(NamedTuple):
    """From when to when something was wrong (`time.monotonic()`)."""

    first_s: float
    last_s: float

    def holds(self, first_s: float, last_s: float) -> bool:
        """Whether some of another time is in it."""
        return first_s <= self.last_s and last_s >= self.first_s


class Gap(NamedTuple):
    """What a salvage says is not all there: the readings of a hub between two times (both included), or of all hubs."""

    hub: str | None
    first_ns: int
    last_ns: int

    def holds(self, hub: str, time_ns: int | None) -> bool:
        """Whether a reading may be missing by it; one without a time of its own is anywhere."""
        return self.hub in (None, hub) and (time_ns is None or self.first_ns <= time_ns <= self.last_ns)


@dataclass(slots=True)
class Excuses:
    """What may be missing, or there twice, and why: nothing else may."""

    forgotten_s: list[Window] = field(default_factory=list)
    """What a broker took that was killed, or lost its sessions, and had to forget: it is in doubt."""
    away_s: list[Window] = field(default_factory=list)
    """When the broker was away: who got no answer sends once more."""
    gaps: list[Gap] = field(default_factory=list)
    buffered_readings: float = 0
    """How many readings were lost with a damaged buffer, as it says."""
    quarantined: float = 0
    """How many refused messages may have been lost with it."""


@dataclass(slots=True)
class Found:
    """What is there after a round."""

    timed: Counts = field(default_factory=dict)
    numbers: Counter[int] = field(default_factory=Counter)
    repeated: set[int] = field(default_factory=set)
    """Numbers of which a copy is marked as perhaps repeated."""
    quarantined: Counter[bytes] = field(default_factory=Counter)
    repeated_messages: set[bytes] = field(default_factory=set)
    """Messages in the quarantine of which a copy is marked likewise."""


@dataclass(slots=True)
class Verdict:
    """`lost` and `doubled` are faults, `in_doubt` and `named` readings that are missing with an excuse."""

    sent: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    in_doubt: list[Message] = field(default_factory=list)
    named: int = 0


def judge(messages: Sequence[Message], found: Found, excuses: Excuses) -> Verdict:
    """Compare what the broker took with what is there."""
    verdict = Verdict(sent=sum(len(message.readings) or 1 for message in messages))
    missing: list[Missing] = []
    for message in messages:
        if message.readings:
            missing += _timed(message, found, verdict)
        elif message.number:
            missing += _numbered(message, found, excuses, verdict)
    for message, time_ns, text in missing:
        _excuse(message, time_ns, text, excuses, verdict)
    verdict.doubled += _invented(messages, found)
    return verdict


def untimed_problem(messages: Sequence[Message], stored: int, marked: int, excuses: Excuses) -> str | None:
    """What is wrong with the sum of counts that are all alike, of which some are marked as perhaps repeated.

    None where all is well, or nothing is known of it.
    """
    if excuses.gaps or excuses.buffered_readings or excuses.quarantined:
        return None
    alike = [message for message in messages if message.untimed is not None]
    least = sum(m.untimed or 0 for m in alike if not _is_in(excuses.forgotten_s, m.taken_s))
    most = math.inf if excuses.away_s else sum(message.untimed or 0 for message in alike)
    return (
        None if least <= stored <= most + marked else f"counts without a time: {stored} are stored of {least} to {most}"
    )


def _timed(message: Message, found: Found, verdict: Verdict) -> Iterator[Missing]:
    if message.taken_s is None or found.quarantined[message.payload]:
        return
    for (hub, time_ns), count in message.readings.items():
        there = found.timed.get((hub, time_ns))
        text = f"{hub} {rfc3339(time_ns)}: {count}"
        if there is None:
            yield message, time_ns, text
        elif there != count:
            verdict.lost.append(f"{text}, stored {there}")


def _numbered(message: Message, found: Found, excuses: Excuses, verdict: Verdict) -> Iterator[Missing]:
    stored, refused = found.numbers[message.number], found.quarantined[message.payload]
    text = f"{message.hub} number {message.number}: stored {stored}, in quarantine {refused}"
    if stored + refused == 0 and message.taken_s is not None:
        yield message, None, text
    sent_again = any(w.holds(message.sent_s, message.taken_s or math.inf) for w in excuses.away_s)
    is_marked = message.number in found.repeated or message.payload in found.repeated_messages
    if stored + refused > message.copies and not (sent_again or is_marked):
        verdict.doubled.append(text)


def _excuse(message: Message, time_ns: int | None, text: str, excuses: Excuses, verdict: Verdict) -> None:
    if _is_in(excuses.forgotten_s, message.taken_s):
        verdict.in_doubt.append(message)
    elif any(gap.holds(message.hub, time_ns) for gap in excuses.gaps):
        verdict.named += 1
    elif message.hub == UNKNOWN_HUB and excuses.quarantined >= 1:
        excuses.quarantined -= 1
        verdict.named += 1
    elif excuses.buffered_readings >= 1:
        excuses.buffered_readings -= 1
        verdict.named += 1
    else:
        verdict.lost.append(text)


def _invented(messages: Iterable[Message], found: Found) -> Iterator[str]:
    sent: Counts = {}
    for message in messages:
        sent |= message.readings
    for (hub, time_ns), count in found.timed.items():
        if hub in HUBS and (hub, time_ns) not in sent:
            yield f"{hub} {rfc3339(time_ns)}: {count} was never sent"


def _is_in(windows: Iterable[Window], taken_s: float | None) -> bool:
    return taken_s is not None and any(window.holds(taken_s, taken_s) for window in windows)
