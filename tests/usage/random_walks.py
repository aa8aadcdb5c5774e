"""Random walks of a door counter whose true number of people is known, with faults laid over what the device sends.

The truth knows what happened: who came, and when the device lost its place. It judges no total.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from itertools import pairwise, takewhile
from typing import Any, NamedTuple

from hypothesis import assume
from hypothesis import strategies as st

from schemas import Estate
from tests.usage.given import DAY_NS, MINUTE_NS, at, estate, hub

HOURS_OPEN = ({"mon-sun": "00:00-24:00"}, {"mon-fri": "09:00-17:00"}, {"mon-sat": "08:30-12:30,13:30-20:00"})
STARTS = ("2026-10-23T06:10", "2026-03-27T16:40", "2026-11-04T00:03")
"""Days before both clock changes, and others."""
PEOPLE_A_MINUTE = 200
"""What the contract takes as plausible where the estate file says nothing: 2000 people in ten minutes."""
GAP_TIMES = 10
"""Over a longer gap a counter plausibly grows by at most so many times that."""
MONTH_NS = 31 * DAY_NS
NO_VALUES = (32_767, 65_535, 2**32 - 1)
USUAL_BITS = (16, 24, 32)


class Shown(StrEnum):
    """What a device sends at an instant."""

    TRUE = "true"
    ZERO = "zero"
    NO_VALUE = "no value"
    WILD = "wild"
    FLICKER = "flicker"


class Change(StrEnum):
    """What happens to a counter between two readings."""

    NONE = "none"
    RESET = "reset"
    SWAP = "swap"
    BACK = "back"


class Moment(NamedTuple):
    """What a walk is made of: a time that passes, who comes in it before and after a change, and what is sent then."""

    pause_min: int
    people: int
    people_after: int = 0
    change: Change = Change.NONE
    number: int = 0
    """The new total of a swap; how far a counter falls back; which value, or how far off it, a reading shows."""
    shown: Shown = Shown.TRUE
    times: int = 1


class Sent(NamedTuple):
    """A reading, and what only the truth knows of it."""

    time_ns: int
    total: int
    people: int
    """How many came since the reading before."""
    is_true: bool
    off: int = 0
    """By how much it is too low, of the kind that looks like jitter."""
    changed: bool = False
    """Whether the counter lost its place since the reading before."""
    fell: int = 0
    """By how much it fell back since then, of the kind that looks like jitter."""


@dataclass(frozen=True)
class Walk:
    """A counter, what it went through, and what its sensor's line of the estate file says."""

    start: str
    every_min: int
    bits: int
    total: int
    sensor: Mapping[str, Any]
    opening: Mapping[str, str]
    moments: tuple[Moment, ...]

    @cached_property
    def estate(self) -> Estate:
        sensor = {"id": "s1", "kinds": ["footfall"], "every": f"{self.every_min}m", **self.sensor}
        return estate(hub(opening=self.opening, sensors=[sensor]))

    @property
    def step_max(self) -> int:
        """The most people that are plausible in an interval."""
        return int(self.sensor.get("max_step", PEOPLE_A_MINUTE * self.every_min))

    @cached_property
    def sent(self) -> tuple[Sent, ...]:
        """All readings in order of time."""
        device = _Device(self)
        return tuple(sent for moment in self.moments for sent in device.live(moment))

    @property
    def people(self) -> int:
        """How many came between the first and the last reading."""
        return sum(sent.people for sent in self.sent[1:])


class _Device:
    """A counter as it is: its register, the highest that it stood since it last began, and its clock."""

    def __init__(self, walk: Walk) -> None:
        self._walk, self._top = walk, 1 << walk.bits
        self._total = self._high = walk.total
        self._time_ns = at(walk.start, "Europe/London")
        self._peak = walk.total
        self._was_wild = False

    def live(self, moment: Moment) -> Iterator[Sent]:
        yield self._next(moment)
        for _ in range(moment.times - 1):
            yield self._next(moment._replace(change=Change.NONE, people_after=0))

    def _next(self, moment: Moment) -> Sent:
        self._time_ns += moment.pause_min * MINUTE_NS
        self._count(moment.people)
        fell = 0
        if moment.change is Change.BACK:
            fell = min(moment.number, self._room())
            self._total -= fell
        elif moment.change is not Change.NONE:
            self._total = self._high = moment.number % self._top if moment.change is Change.SWAP else 0
        self._count(moment.people_after)
        return self._send(moment, fell)

    def _send(self, moment: Moment, fell: int) -> Sent:
        self._peak = max(self._peak, self._total)
        changed = moment.change in (Change.RESET, Change.SWAP) or fell > 0
        total, off = self._total, 0
        if moment.shown is Shown.ZERO:
            total = 0
        elif moment.shown is Shown.NO_VALUE:
            total = NO_VALUES[moment.number % len(NO_VALUES)]
        elif moment.shown is Shown.WILD and not self._was_wild:
            # Above whatever it stood at before. Two in a row may agree, and are another device then.
            total = self._peak + GAP_TIMES * self._walk.step_max + 1 + moment.number * 7919
        elif moment.shown is Shown.FLICKER:
            off = min(moment.number, self._room())
            total -= off
        # What stands for no value is believed by what comes around it alone, even where it is true.
        is_true = total == self._total and total not in NO_VALUES
        self._was_wild = moment.shown is Shown.WILD
        return Sent(self._time_ns, total, moment.people + moment.people_after, is_true, off, changed, fell)

    def _room(self) -> int:
        """How far it may fall so that it looks like jitter, not like a reset: to a tenth below its highest."""
        return max(0, self._total - (9 * self._high + 9) // 10)

    def _count(self, people: int) -> None:
        self._total += people
        if self._total >= self._top:
            self._total = self._high = self._total - self._top
        self._high = max(self._high, self._total)


@dataclass(frozen=True)
class Bound:
    """How far a sum may be off: what came where no believed reading tells, and what the contract allows besides."""

    unread: int = 0
    allowed: int = 0

    def __add__(self, other: "Bound") -> "Bound":
        return Bound(self.unread + other.unread, self.allowed + other.allowed)

    @property
    def most(self) -> int:
        return self.unread + self.allowed


def bound_of(walk: Walk) -> Bound:
    """What nobody can know of a walk's people. A true reading covers the time since the true one before.

    Not where the counter lost its place in between: there the next pair of true readings in a row tells that it did.
    """
    found = Bound()
    sent = walk.sent
    believed = last = sent[0]
    people, fell, has_changed, is_open = 0, 0, False, False
    for i, reading in enumerate(sent[1:], start=1):
        people += reading.people
        fell += reading.fell
        has_changed |= reading.changed
        if not reading.is_true:
            continue
        if has_changed:
            found += Bound(0, max(fell, *(_looks_like(walk, before, sent[i:]) for before in (last, believed))))
        is_open |= has_changed
        last, fell, has_changed = reading, 0, False
        # So it is where a counter comes through its top: a fall counts nothing until it is settled.
        if (is_open or reading.total < believed.total) and not _is_settled_by(reading, sent[i + 1 :], believed):
            continue
        if is_open or _is_after_a_month(sent[: i + 1], believed) or not _is_plausible(walk, believed, reading, people):
            found += Bound(people)
        believed, people, is_open = reading, 0, False
    return found + Bound(people, _flicker(walk))


def _is_settled_by(reading: Sent, later: Sequence[Sent], believed: Sent) -> bool:
    """Whether the next reading shows that a counter went on from here.

    A zero shows nothing, nor does a month later, nor one that came through the top: the reading before it is alone. Nor
    does what comes after a month of zeros, counted from the last believed reading.
    """
    return (
        bool(later)
        and later[0].is_true
        and not later[0].changed
        and later[0].total > 0
        and later[0].total >= reading.total
        and later[0].time_ns - (reading if reading.total else believed).time_ns <= MONTH_NS
    )


def _is_plausible(walk: Walk, before: Sent, now: Sent, people: int) -> bool:
    """Whether the contract believes so much growth.

    Through the counter's top it believes less over a gap, or every reset after one would be a rollover.
    """
    elapsed_ns = now.time_ns - before.time_ns
    times = min(max(elapsed_ns / (walk.every_min * MINUTE_NS), 1), GAP_TIMES)
    limit = walk.step_max if now.total < before.total else walk.step_max * times
    return people <= limit


def _is_after_a_month(sent: Sequence[Sent], believed: Sent) -> bool:
    """Whether the last reading comes after a silence of more than 31 days, or after zeros, which say no more."""
    now = sent[-1]
    zeros = [reading.time_ns for reading in takewhile(lambda reading: reading.total == 0, reversed(sent[:-1]))]
    since_ns = min([believed.time_ns, *zeros]) if now.total else believed.time_ns
    return now.time_ns - since_ns > MONTH_NS


def _looks_like(walk: Walk, before: Sent, readings: Sequence[Sent]) -> int:
    """What is counted too much or too little where the counter lost its place and the totals look like something else.

    "What is plausible" of the contract: another device's total may carry on from the last one, may be a tenth below it,
    may have come through the top, or look like a reset; a reset may be a fall that the counter came back from.
    """
    limit = GAP_TIMES * walk.step_max
    now = readings[0]
    later = next((reading.total for reading in readings[1:] if reading.total), 0)
    comes_back = later * 10 >= before.total * 9
    if now.total >= before.total:
        return now.total - before.total if now.total - before.total <= limit else 0
    seen = [before.total if comes_back else 0]
    if (before.total - now.total) * 10 <= before.total:
        seen.append(before.total - now.total)
    bits = walk.sensor.get("counter_bits") or next((b for b in USUAL_BITS if before.total < 1 << b), None)
    through = (now.total - before.total) % (1 << bits) if bits else limit + 1
    if through <= limit:
        seen.append(through)
    if now.total <= limit:
        seen.append(now.total)
    return max(seen)


def _flicker(walk: Walk) -> int:
    """What is counted twice where a flicker is not told from a counter that stepped back.

    "A small fall between readings at most two intervals apart is jitter", over a longer silence the count goes on from
    the lower value, and so it does from the first reading that settles a new place.
    """
    sent = walk.sent
    near_ns = 2 * walk.every_min * MINUTE_NS
    allowed = 0
    for i, reading in enumerate(sent):
        around = sent[max(0, i - 2) : i + 3]
        is_near = all(b.time_ns - a.time_ns <= near_ns for a, b in pairwise(around))
        if not is_near or any(other.changed or not (other.is_true or other is reading) for other in around):
            allowed += reading.off
    return allowed


# ---------------------------------------------------------------------------------------------------------- strategies

_people = st.one_of(st.just(0), st.integers(0, 6), st.integers(0, 6), st.integers(0, 60))
_number = st.integers(1, 9)


def _moment(parts: dict[str, Any]) -> Moment:
    return Moment(**parts)


def _moments(minutes: st.SearchStrategy[int] | int, **given: st.SearchStrategy[Any] | Any) -> st.SearchStrategy[Moment]:
    """Moments with some parts drawn, and the others as they are by default."""
    parts = {"pause_min": minutes, "people": _people, **given}
    drawn: dict[str, st.SearchStrategy[Any]]
    drawn = {name: part if isinstance(part, st.SearchStrategy) else st.just(part) for name, part in parts.items()}
    return st.fixed_dictionaries(drawn).map(_moment)


def _usual(every_min: int) -> st.SearchStrategy[Moment]:
    return _moments(every_min, times=st.sampled_from([1, 2, 5, 20]))


def _troubles(every_min: int) -> Mapping[str, st.SearchStrategy[Moment]]:
    """What may go wrong, by name."""
    some = st.sampled_from([1, 1, 2, 3, 40])

    def shown(which: Shown, number: st.SearchStrategy[int] = _number) -> st.SearchStrategy[Moment]:
        times = 1 if which in (Shown.WILD, Shown.FLICKER) else some
        return _moments(every_min, number=number, shown=which, times=times)

    def change(which: Change, number: st.SearchStrategy[int] = _number) -> st.SearchStrategy[Moment]:
        return _moments(every_min, people_after=_people, change=which, number=number)

    return {
        "zeros": shown(Shown.ZERO),
        "no values": shown(Shown.NO_VALUE),
        "wild readings": shown(Shown.WILD, st.integers(0, 10_000)),
        "flicker": shown(Shown.FLICKER),
        "reset": change(Change.RESET),
        "swap": change(Change.SWAP, st.one_of(st.integers(0, 70_000), st.integers(0, 2**32 - 1))),
        "step back": change(Change.BACK),
        "irregular": _moments(st.integers(1, 2 * every_min)),
        "silence": _moments(st.sampled_from([3 * every_min, 60, 7 * 60, 26 * 60, 60 * 60])),
        "a month of silence": _moments(st.sampled_from([30 * 24 * 60, 33 * 24 * 60])),
    }


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    """Several days of a counter that goes through any of it. It ends well, so that everything is settled."""
    every_min = draw(st.sampled_from([5, 10, 30, 60]))
    bits = draw(st.sampled_from(USUAL_BITS))
    near_top = (1 << bits) - draw(st.integers(1, 300))
    total = draw(st.sampled_from([0, 2, 90, 1500, 60_000, near_top, near_top]))
    sensor: dict[str, Any] = draw(st.sampled_from([{}, {"max_step": 400}]))
    if draw(st.booleans()):
        sensor = sensor | {"counter_bits": bits}
    well = [Moment(every_min, 1), Moment(every_min, 1)]
    troubles = _troubles(every_min)
    # Only some of them in a walk: where everything goes wrong, nearly everything may be unread.
    which = draw(st.lists(st.sampled_from(sorted(troubles)), max_size=3, unique=True))
    usual = _usual(every_min)
    moment = st.one_of(usual, usual, *(troubles[name] for name in which))
    moments = draw(st.lists(moment, min_size=3, max_size=30))
    end = [Moment(every_min, 1, times=4)]
    where = draw(st.sampled_from(STARTS)), every_min, bits, total, sensor, draw(st.sampled_from(HOURS_OPEN))
    walk = Walk(*where, (*well, *moments, *end))
    ends = (walk.sent[0], *walk.sent[-2:])
    assume(all(reading.total and reading.total not in NO_VALUES for reading in ends))
    return walk


def undisturbed(walk: Walk) -> Walk:
    """The same people at a counter that nothing happens to."""
    plain = (Moment(m.pause_min, m.people, m.people_after, times=m.times) for m in walk.moments)
    return replace(walk, moments=tuple(plain))
