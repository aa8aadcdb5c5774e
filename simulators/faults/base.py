"""What every fault is: a name, a seed, a share, and a note of everything that it did.

A fault takes the transmissions of one series over one local day and returns what becomes of them. It never removes a
lost reading, it marks it as lost: the truth has to know what a counter noticed and could not report.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import ClassVar, NamedTuple

from schemas import Kind
from schemas.localtime import NS_AN_HOUR, Span, to_ns
from simulators.hub import HubDay
from simulators.seeded import seeded_rng
from simulators.transmissions import Transmission

AIR = (Kind.TEMPERATURE, Kind.HUMIDITY, Kind.PRESSURE, Kind.CO2)


class Injection(NamedTuple):
    """What a fault did to one series on one day."""

    fault: str
    hub: str
    sensor: str
    kind: Kind
    day: date
    readings: int
    detail: str


class Fault:
    """One kind of trouble over the whole estate. Most only declare what they strike and `change`."""

    name: ClassVar[str]
    share: ClassVar[float]
    """Default share of what it can strike."""
    summary: ClassVar[str]
    kinds: ClassVar[Collection[Kind]] = tuple(Kind)
    hours: ClassVar[tuple[float, float] | None] = None
    """How long it lasts when it strikes a sensor, at least and at most; without it, single readings are struck."""
    draws: ClassVar[str] = ""
    """What `change` draws, by which its randomness is named."""

    def __init__(self, *, seed: int, share: float | None = None) -> None:
        self._seed = seed
        self._share = type(self).share if share is None else share
        self.injections: list[Injection] = []
        """What was done since somebody last took the list."""

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        """What becomes of a series' transmissions (never empty, in order of time) of one day."""
        first = transmissions[0]
        struck = self.struck(day, transmissions) if first.kind in self.kinds else []
        if not any(struck):
            return transmissions
        self.note(day, first, sum(struck), self.detail(first))
        return self.strike(day, transmissions, struck, self.rng(*first.series, day.day, self.draws))

    def strike(
        self, _day: HubDay, transmissions: list[Transmission], struck: Sequence[bool], rng: Random
    ) -> list[Transmission]:
        """The transmissions with those that are struck changed."""
        return [self.change(t, rng) if hit else t for t, hit in zip(transmissions, struck, strict=True)]

    def change(self, transmission: Transmission, _rng: Random) -> Transmission:
        """What becomes of a transmission that is struck."""
        return transmission

    def detail(self, _first: Transmission) -> str:
        """What the truth notes of a series, besides the number of readings."""
        return ""

    def struck(self, day: HubDay, transmissions: Sequence[Transmission]) -> list[bool]:
        """For each transmission whether it is struck."""
        first = transmissions[0]
        if self.hours is not None:
            windows = self.windows(day.day, *self.window_key(first), days_back=1 + int(self.hours[1] // 24))
            return [any(start <= t.sent_ns < stop for start, stop in windows) for t in transmissions]
        rng = self.rng(*first.series, day.day)
        return [rng.random() < self._share for _ in transmissions]

    def window_key(self, first: Transmission) -> tuple[str, ...]:
        """What is struck together in a window."""
        return first.device

    def windows(self, day: date, *name: object, days_back: int = 0) -> list[Span]:
        """When it strikes what is named so: the windows that started on the day or up to so many days before.

        They start by UTC, so that every local day finds the same ones.
        """
        found = []
        for start in (day - timedelta(days=back) for back in range(days_back + 1)):
            rng = self.rng(*name, start)
            if self.hours is not None and rng.random() < self._share:
                first_ns = to_ns(datetime(start.year, start.month, start.day, tzinfo=UTC))
                first_ns += int(rng.uniform(6, 16) * NS_AN_HOUR)
                found.append(Span(first_ns, first_ns + int(rng.uniform(*self.hours) * NS_AN_HOUR)))
        return found

    def rng(self, *name: object) -> Random:
        """Randomness of this fault's own."""
        return seeded_rng(self._seed, "fault", self.name, *name)

    def strikes(self, *name: object) -> bool:
        """Whether it strikes something (a sensor, a day at a hub...) that is named so."""
        return self.rng(*name).random() < self._share

    def note(self, day: HubDay, first: Transmission, readings: int, detail: str = "") -> None:
        """Keep what was done to a series."""
        if readings:
            self.injections.append(Injection(self.name, *first.series, day.day, readings, detail))


class SensorFault(Fault):
    """A fault that strikes some sensors for good, and the others never."""

    def struck(self, _day: HubDay, transmissions: Sequence[Transmission]) -> list[bool]:
        return [self.strikes(*transmissions[0].device)] * len(transmissions)
