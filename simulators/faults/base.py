"""What every fault is: a name, a seed, a share, and a note of everything that it did.

A fault takes the transmissions of one series over one local day and gives back what becomes of them. It never removes a
lost reading, it marks it as lost: the truth has to know what a counter noticed and could not tell.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a fault lasts when it strikes, in hours."""

    least_h: float
    most_h: float

    def draw(self, day: date, rng: Random) -> Span:
        """A window that starts on the day, by UTC, so that every local day finds the same one."""
        start = to_ns(datetime(day.year, day.month, day.day, tzinfo=UTC)) + int(rng.uniform(6, 16) * NS_AN_HOUR)
        return Span(start, start + int(rng.uniform(self.least_h, self.most_h) * NS_AN_HOUR))


class Fault(ABC):
    """One kind of trouble, over the whole estate."""

    name: ClassVar[str]
    share: ClassVar[float]
    """How much of what it can strike it strikes, unless told otherwise."""
    summary: ClassVar[str]

    def __init__(self, *, seed: int, share: float | None = None) -> None:
        self._seed = seed
        self._share = type(self).share if share is None else share
        self.injections: list[Injection] = []
        """What was done since somebody last took the list."""

    @abstractmethod
    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        """What becomes of a series' transmissions (never empty, in order of time) of one day."""

    def rng(self, *name: object) -> Random:
        """Randomness of this fault's own."""
        return seeded_rng(self._seed, "fault", self.name, *name)

    def strikes(self, *name: object) -> bool:
        """Whether it strikes something (a sensor, a day at a hub...) that is named so."""
        return self.rng(*name).random() < self._share

    def windows(self, window: Duration, day: date, *name: object, days_back: int = 0) -> list[Span]:
        """When it strikes what is named so: the windows that started on the day or up to so many days before."""
        found = []
        for back in range(days_back + 1):
            start = day - timedelta(days=back)
            rng = self.rng(*name, start)
            if rng.random() < self._share:
                found.append(window.draw(start, rng))
        return found

    def note(self, day: HubDay, first: Transmission, readings: int, detail: str = "") -> None:
        """Keep what was done to a series."""
        if readings:
            self.injections.append(
                Injection(self.name, first.hub, first.sensor.id, first.kind, day.day, readings, detail)
            )

    def struck(self, day: HubDay, transmissions: Sequence[Transmission]) -> list[bool]:
        """For each reading whether it is struck by itself."""
        rng = self.rng(*key_of(transmissions[0]), transmissions[0].kind, day.day)
        return [rng.random() < self._share for _ in transmissions]

    def change(
        self,
        day: HubDay,
        transmissions: Sequence[Transmission],
        struck: Sequence[bool],
        changed: Callable[[Transmission], Transmission],
        *,
        detail: str = "",
    ) -> list[Transmission]:
        """Change the transmissions that are struck, and note how many they were."""
        self.note(day, transmissions[0], sum(struck), detail)
        return [changed(d) if hit else d for d, hit in zip(transmissions, struck, strict=True)]


def within(windows: Sequence[Span], transmissions: Sequence[Transmission]) -> list[bool]:
    """For each transmission whether it is sent in one of the windows."""
    return [any(start <= d.sent_ns < stop for start, stop in windows) for d in transmissions]


def lose(transmission: Transmission) -> Transmission:
    """The reading never leaves the hub."""
    return transmission._replace(lost=True)


def key_of(transmission: Transmission) -> tuple[str, str]:
    """The sensor of a transmission."""
    return transmission.hub, transmission.sensor.id
