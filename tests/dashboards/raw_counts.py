"""What door counters and CO2 sensors of the walked estate sent, reckoned up by hand: nothing of `usage` is asked."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from schemas.localtime import NS_A_MINUTE, NS_AN_HOUR, to_ns
from tests.dashboards.walked import DAYS, NOW, TODAY, ZONE, WalkedEstate

Stretch = tuple[int, int]
"""From and to, in UTC nanoseconds."""
_LONGEST_NS, _HELD_NS = 24 * NS_AN_HOUR, NS_AN_HOUR
_GRID_NS = 5 * NS_A_MINUTE
_STEP_MAX, _TOP = 2000, 65_536
_LIMIT_PPM = 1500


def instant(day: date, minutes: int) -> int:
    """When a clock on the wall shows some minutes since midnight."""
    return to_ns(datetime.combine(day, time(), ZONE) + timedelta(minutes=minutes))


@dataclass(frozen=True)
class RawCounts:
    """One hub's door: by direction, how many passed between two readings; and where its air was poor."""

    opening: tuple[tuple[tuple[int, int], ...], ...]
    steps: dict[str, list[tuple[int, int, int, bool]]]
    """Each with how many it tells of, and whether that is all of them."""
    poor: list[Stretch]

    @classmethod
    def of(cls, estate: WalkedEstate, hub: str) -> "RawCounts":
        known = estate.estate.hub(hub)
        assert known is not None
        assert known.opening is not None
        with closing(estate.open()) as store:
            first, last = to_ns(NOW) - (DAYS + 1) * 24 * NS_AN_HOUR, to_ns(NOW) + 1
            doors = list(store.read("footfall", start_ns=first, stop_ns=last, where={"hub": hub}))
            air = list(store.read("co2", start_ns=first, stop_ns=last, where={"hub": hub}))
        steps = {
            way: _steps((at, total) for chunk in doors for at, total in _values(chunk, f"{way}_total"))
            for way in ("entries", "exits")
        }
        rooms: dict[str, list[tuple[int, float]]] = {}
        for chunk in air:
            rooms.setdefault(chunk.tags["sensor"], []).extend(_values(chunk, "co2_ppm"))
        return cls(known.opening.week, steps, [s for room in rooms.values() for s in _poor(sorted(room))])

    def open_on(self, day: date) -> list[Stretch]:
        return [(instant(day, start), instant(day, stop)) for start, stop in self.opening[day.weekday()]]

    @property
    def last_ns(self) -> int:
        return self.steps["entries"][-1][1]

    def people(self, start_ns: int, stop_ns: int, way: str = "entries") -> float:
        """Who passed, as though they did evenly between two readings."""
        return sum(
            number * max(0, min(stop, stop_ns) - max(start, start_ns)) / (stop - start)
            for start, stop, number, _ in self.steps[way]
        )

    def covers(self, start_ns: int, stop_ns: int) -> bool:
        """Whether readings tell of nearly all of the time who came."""
        known = sum(
            max(0, min(stop, stop_ns) - max(start, start_ns))
            for start, stop, _, is_known in self.steps["entries"]
            if is_known
        )
        return known >= 0.95 * (stop_ns - start_ns)

    def person_hours(self, day: date) -> float:
        """Every five minutes, people inside while the air was poor in any room; nobody where no door tells of it."""
        midnight_ns, end_ns = instant(day, 0), instant(day + timedelta(days=1), 0)
        of_day = self._around(midnight_ns, end_ns)
        came, went = of_day.people(midnight_ns, end_ns), of_day.people(midnight_ns, end_ns, "exits")
        is_drift = day < TODAY and 0 < went <= 2 * came <= 4 * went
        found = 0.0
        for start_ns, stop_ns in self.open_on(day):
            for at_ns in range(start_ns, min(stop_ns, to_ns(NOW)), _GRID_NS):
                is_poor = any(start <= at_ns < stop for start, stop in of_day.poor)
                if is_poor and of_day.covers(at_ns, at_ns + 1):
                    gone = of_day.people(midnight_ns, at_ns, "exits") * (came / went if is_drift else 1)
                    found += max(0.0, of_day.people(midnight_ns, at_ns) - gone) * _GRID_NS / NS_AN_HOUR
        return found

    def _around(self, start_ns: int, stop_ns: int) -> "RawCounts":
        """What touches some time alone."""
        steps = {
            way: [step for step in of_way if step[0] < stop_ns and step[1] > start_ns]
            for way, of_way in self.steps.items()
        }
        return RawCounts(self.opening, steps, [each for each in self.poor if each[0] < stop_ns and each[1] > start_ns])


def _values(chunk: object, name: str) -> Iterator[tuple[int, float]]:
    column = chunk.columns[name]  # type: ignore[attr-defined]
    return ((at, value) for at, value in zip(chunk.times_ns, column, strict=True) if value is not None)  # type: ignore[attr-defined]


def _steps(totals: Iterable[tuple[int, float]]) -> list[tuple[int, int, int, bool]]:
    """Between each two readings; not all can be known where it was set to 0 over a gap, or silent for a day."""
    found = []
    for (before_ns, before), (after_ns, after) in pairwise(sorted(totals)):
        grown, length_ns = int(after - before), after_ns - before_ns
        if grown < 0 and grown + _TOP < _STEP_MAX:
            grown += _TOP
        if grown < 0:
            found.append((before_ns, after_ns, int(after), length_ns <= _HELD_NS))
        else:
            is_known = length_ns <= _LONGEST_NS
            found.append((before_ns, after_ns, grown if is_known else 0, is_known))
    return found


def _poor(readings: Iterable[tuple[int, float]]) -> Iterator[Stretch]:
    for (at_ns, ppm), (next_ns, _) in pairwise([*readings, (to_ns(NOW), 0.0)]):
        if ppm > _LIMIT_PPM:
            yield at_ns, min(next_ns, at_ns + _HELD_NS)
