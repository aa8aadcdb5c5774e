"""How many people were inside at once: entries less exits since local midnight, with the day's drift spread out.

Door counters miss people each way, so the two drift apart. A building is empty at the day's end, so what is left then
is drift, and every exit of the day is taken for as many people as make it come out at 0. Not so while the day runs,
and where the hub is open over the day's last midnight: who is inside then is no drift; nor where one direction has more
than twice the other: it does not drift, it was not counted. Where the hub was open over the first midnight, those
inside came the day before: the count begins anew while it is closed after that night.

Of time that no door's readings cover nobody knows who is inside: it has no curve. Where more of the opening time than a
counted day may lack is uncovered, and what is left at the end is no drift, those who went uncounted would stay inside:
the curve ends with the first such time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from schemas.localtime import Span
from usage.calendar import Day, HubCalendar, clip
from usage.coverage import Coverage
from usage.curves import Curve, Times, both
from usage.people import Count
from usage.readings import places

DRIFT_MAX = 2
"""How many times the people of one direction the other may have, to be the same people miscounted."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Entries less exits over a day. From `since_ns` on each exit counts for `came / went` people.

    `levels` are those of `after_each_entry`, which every hour asks for; `known` is when it can be told.
    """

    entries: Count
    exits: Count
    since_ns: int
    came: int = 1
    went: int = 1
    levels: Sequence[int] = ()
    known: Times = field(default_factory=Times)

    @classmethod
    def of(
        cls, entries: Count, exits: Count, day: Day, calendar: HubCalendar, coverage: Coverage, *, now_ns: int
    ) -> Occupancy:
        """The occupancy of a day as of `now_ns`."""
        start_ns, stop_ns = day.span
        since_ns, is_empty_at_end = start_ns, now_ns >= stop_ns
        if day.open != (day.span,):
            is_empty_at_end = is_empty_at_end and not calendar.is_open_over(stop_ns)
            if calendar.is_open_over(start_ns):
                reopens_ns = day.open[1].start_ns if len(day.open) > 1 else stop_ns
                since_ns = (day.open[0].stop_ns + reopens_ns) // 2
        came, went = (count.until(stop_ns) - count.until(since_ns) for count in (entries, exits))
        is_drift = is_empty_at_end and went > 0 and went <= DRIFT_MAX * came <= DRIFT_MAX**2 * went
        found = cls(entries, exits, since_ns, came, went) if is_drift else cls(entries, exits, since_ns)
        known = Times(coverage.any_door())
        passed = [*entries.times_ns[:1], *exits.times_ns[:1]]
        if passed and not (is_drift or coverage.is_whole):
            gap_ns = _first_gap_ns(known, clip(day.open, Span(min(passed), now_ns)))
            known = known if gap_ns is None else Times(known.within([Span(start_ns, gap_ns)]))
        return replace(found, levels=found.after_each_entry(), known=known)

    def drifts(self, spans: Sequence[Span]) -> list[int | None]:
        """The net at the end of each span; None where either direction was not counted in the span."""
        return [
            None if came is None or went is None else self.entries.until(stop_ns) - self.exits.until(stop_ns)
            for came, went, (_, stop_ns) in zip(self.entries.each(spans), self.exits.each(spans), spans, strict=True)
        ]

    def peaks(self, hours: Sequence[Span]) -> list[int | None]:
        """As `peak`, of each of the day's hours; None of one of which nothing is known."""
        peaks = self._peaks(hours)
        return [peak if self.known.length_ns([hour]) else None for hour, peak in zip(hours, peaks, strict=True)]

    def peak(self, day: Span) -> int | None:
        """The most people at once that were counted on the day: at least so many, where something is missing."""
        return self._peaks([day])[0]

    def _peaks(self, spans: Sequence[Span]) -> list[int | None]:
        """The most people at once in each span, never below 0; what held before it holds on where nobody passed.

        None where either direction was not counted on the day, and before anything was.
        """
        arrivals, leaves = self.entries.times_ns, self.exits.times_ns
        if not arrivals or not leaves:
            return [None] * len(spans)
        begins_ns = min(arrivals[0], leaves[0])
        most = (
            max(0, self._inside(start_ns), *self.levels[first:stop])
            for (start_ns, _), (first, stop) in zip(spans, places(arrivals, spans), strict=True)
        )
        return [
            (2 * level + self.went) // (2 * self.went) if begins_ns < stop_ns else None
            for level, (_, stop_ns) in zip(most, spans, strict=True)
        ]

    def curve(self, until_ns: int) -> Curve:
        """How many people are inside over time as far as that is known, never below 0, from the first who passes on.

        Empty where either direction was not counted.
        """
        if not self.entries.times_ns or not self.exits.times_ns:
            return Curve(())
        times_ns = sorted({*self.entries.times_ns, *self.exits.times_ns})
        stops_ns = [*times_ns[1:], max(times_ns[-1], until_ns)]
        inside = [
            (start_ns, stop_ns, max(0, self._inside(start_ns + 1)) / self.went)
            for start_ns, stop_ns in zip(times_ns, stops_ns, strict=True)
        ]
        known = [(start_ns, stop_ns, 0) for start_ns, stop_ns in self.known]
        return Curve([(start_ns, stop_ns, people) for start_ns, stop_ns, people, _ in both(inside, known)])

    def after_each_entry(self) -> list[int]:
        """How many are inside once each of the entries has come, times `went`."""
        arrivals, gone = self.entries.times_ns, self.exits
        came_before, gone_before = self.entries.until(self.since_ns), gone.until(self.since_ns)
        levels = []
        for time_ns, came in zip(arrivals, self.entries.sums[1:], strict=True):
            went = gone.sums[bisect_right(gone.times_ns, time_ns)]
            if time_ns < self.since_ns:
                levels.append((came - went) * self.went)
            else:
                levels.append((came - came_before) * self.went - (went - gone_before) * self.came)
        return levels

    def _inside(self, until_ns: int) -> int:
        """How many are inside just before an instant, times `went`."""
        if until_ns <= self.since_ns:
            return (self.entries.until(until_ns) - self.exits.until(until_ns)) * self.went
        came = self.entries.until(until_ns) - self.entries.until(self.since_ns)
        went = self.exits.until(until_ns) - self.exits.until(self.since_ns)
        return came * self.went - went * self.came


def _first_gap_ns(covered: Times, opening: Iterable[Span]) -> int | None:
    """When opening time first is not covered; None where all is."""
    for start_ns, stop_ns in opening:
        until_ns = next((stop for start, stop in covered if start <= start_ns < stop), start_ns)
        if until_ns < stop_ns:
            return until_ns
    return None
