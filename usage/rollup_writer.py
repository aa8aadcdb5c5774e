r"""Writes the roll-ups to the store: computes a hub's days anew and writes what they came to.

    marked days (late data) ---------\
    today, ended, final, missed days -+-> recompute -> one batch a day: its row, hours, zones -> the mark is done
    neighbour days (shared growth) -/

Recomputing is idempotent, and a day, its hours and its zones are one write: whoever stops in the middle leaves whole
days, old or new, and the marks of those that are still due.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from operator import attrgetter
from typing import NamedTuple

from schemas import KINDS, Estate, Kind
from schemas.limits import TM52_MONTHS
from schemas.localtime import NS_A_MICROSECOND, NS_A_SECOND, NS_AN_HOUR, Span
from stores import Store
from usage.calendar import Day, HubCalendar, dates
from usage.journal import (
    Change,
    CounterCorrection,
    change_lines,
    changes_of,
    correction_lines,
    corrections_of,
    read_corrections,
)
from usage.profiles import Profiles
from usage.queries.figures import HubFigures, with_status
from usage.rollup import GRACE_DEFAULT_NS, Figures, Rollup
from usage.rows import (
    DAILY,
    DAILY_DOOR,
    HOURLY,
    Mark,
    changes,
    done_line,
    door_lines,
    forget,
    hot_hour_lines,
    read_hot_hours,
    read_marks,
    read_parts,
    read_rows,
    row_line,
    write,
)
from usage.zone_days import ZoneChain
from usage.zones import HotHour

_START_NS = attrgetter("start_ns")
_STATUS = ("open_minutes", "revision", "final")
"""What of a row tells whether its day is finished."""
SETTLE_NS = 2 * NS_A_SECOND
"""A younger mark is left alone: more late readings of the same day are likely on their way."""
WINDOW_DAYS = 4
"""How far back a day can be that has ended and is not final yet."""
AWAY_DAYS_MAX = 62
"""How many days without any roll-up are made up for by themselves; `usage recompute` does any number."""


class _Stored(NamedTuple):
    """What the store has of a day."""

    row: Figures | None
    doors: Mapping[str, Figures]
    hot_hours: Sequence[HotHour]


class RollupWriter:
    """Writes the roll-ups of one hub.

    `retention_days` is how long the store keeps raw readings: a day that began before that is left as it is. With
    `refreeze`, the profiles of the days' weeks are made anew.
    """

    def __init__(
        self,
        store: Store,
        estate: Estate,
        hub: str,
        *,
        now_ns: int,
        grace_ns: int = GRACE_DEFAULT_NS,
        retention_days: int | None = None,
        refreeze: bool = False,
    ) -> None:
        self.hub, self._refreeze = hub, refreeze
        self.calendar = HubCalendar(estate, hub)
        self.today = self.calendar.date_of(now_ns)
        self._store, self._now_ns, self._grace_ns = store, now_ns, grace_ns
        retention_ns = None if retention_days is None else retention_days * 24 * NS_AN_HOUR
        self._raw_since_ns = None if retention_ns is None else now_ns - retention_ns
        self._figures = HubFigures(store, estate, hub, now_ns=now_ns, grace_ns=grace_ns)
        self._is_in_estate = estate.hub(hub) is not None

    def computable(self, days: Iterable[date]) -> list[date]:
        """Those of the days, in order, that have begun and whose readings are still stored."""
        found = {day for day in days if day <= self.today and self._has_raw(day)}
        return sorted(filter(self.calendar.exists, found))

    def recompute(self, days: Iterable[date]) -> Iterator[tuple[Rollup, list[Change]]]:
        """Compute days anew, write each, and yield it with what changed. What is not computable is left as it is."""
        due = self.computable(days)
        if not due:
            return
        span = Span(self.calendar.day(due[0]).span.start_ns, self.calendar.day(due[-1]).span.stop_ns)
        rows = read_rows(self._store, DAILY, self.hub, span)
        self._drop_strays(rows, set(due))
        corrections = read_corrections(self._store, span, self.hub)
        chain = ZoneChain(self._figures.source, span)
        doors = read_parts(self._store, DAILY_DOOR, span, self.hub)
        hot_hours = self._hot_hours(due, span)
        known_from = self._known_from(due, rows)
        profiles = self._figures.profiles(due, refreeze=self._refreeze)
        for number, rollup in enumerate(self._figures.rollups(due, profiles)):
            old = rows.get(rollup.day.span.start_ns)
            goes_on = rollup.day.date + timedelta(days=1) in due[number + 1 : number + 2]
            found: list[Change] = []
            if number >= known_from:
                start_ns, stop_ns = rollup.day.span
                stored = _Stored(old, doors.get(start_ns, {}), _between(hot_hours, start_ns, stop_ns))
                found = self._write(rollup, stored, corrections, chain, profiles, goes_on=goes_on)
            yield rollup, found

    def _drop_strays(self, rows: Mapping[int, Figures], due: Collection[date]) -> None:
        """Delete the rows of due days that lie on no midnight of the hub any more, since its time zone changed."""
        for time_ns in rows:
            day = self.calendar.date_of(time_ns)
            span = self.calendar.day(day).span
            if time_ns != span.start_ns and day in due:
                forget(self._store, self.hub, span, self._now_ns)

    def _known_from(self, days: Sequence[date], rows: Mapping[int, Figures]) -> int:
        """From which of the days, which are in order, the hub is known; often it is on none, or on all."""
        if not days or not self._is_known_on(self.calendar.day(days[-1]), rows):
            return len(days)
        return bisect_left(days, 1, hi=len(days) - 1, key=lambda day: self._is_known_on(self.calendar.day(day), rows))

    def _is_known_on(self, day: Day, rows: Mapping[int, Figures]) -> bool:
        """Whether the hub had a reading or a row by the day's end: an empty day before that is no day of a dead hub."""
        if day.span.start_ns in rows or (self._is_in_estate and day.date == self.today):
            return True
        where, stop_ns = {"hub": self.hub}, day.span.stop_ns
        stored = (_ for name in (DAILY, *KINDS) for _ in self._store.latest(name, before_ns=stop_ns, where=where))
        return any(True for _ in stored) or self._is_stamped(stop_ns)

    def _is_stamped(self, midnight_ns: int) -> bool:
        """Whether a count of the day that ends at a midnight is stamped with it."""
        plan = self._figures.source.plan
        if not any(sensor.stamp == "end" for sensor in plan.sensors.values()):
            return False
        stop_ns = midnight_ns + NS_A_MICROSECOND
        runs = self._store.read(Kind.FOOTFALL, start_ns=midnight_ns, stop_ns=stop_ns, where={"hub": self.hub})
        return any(plan.stamps_end(run.tags["sensor"]) for run in runs)

    def _hot_hours(self, due: Sequence[date], span: Span) -> list[HotHour]:
        """The stored hot hours of due days, in order of time; only some months have any."""
        if not any(day.month in TM52_MONTHS for day in due):
            return []
        return sorted((hour for _, hour in read_hot_hours(self._store, span, self.hub)), key=_START_NS)

    def _has_raw(self, day: date) -> bool:
        return self._raw_since_ns is None or self.calendar.day(day).span.start_ns >= self._raw_since_ns

    def _write(
        self,
        rollup: Rollup,
        before: _Stored,
        corrections: Mapping[tuple[str, ...], CounterCorrection],
        chain: ZoneChain,
        profiles: Profiles,
        *,
        goes_on: bool,
    ) -> list[Change]:
        """Write what a day came to, all of it in one batch; where it ends a run of days, with the mould after it."""
        span, old = rollup.day.span, before.row
        row = self._figures.with_revision(rollup, old)
        found = changes_of(self._store, self.hub, span.start_ns, old, row, self._now_ns)
        stored = {
            key: each for key, each in corrections.items() if span.start_ns <= each.correction.time_ns < span.stop_ns
        }
        zones, mould_before = chain.rows(rollup.day, rollup.environment)
        hot_hours = list(rollup.environment.hot_hours())
        doors = {door: of_day.figures for door, of_day in rollup.doors.items()}
        replaced: list[tuple[Mapping[str, object], Mapping[str, object]]] = [
            (old or {}, row),
            *((was, zones.get(zone, {})) for zone, was in chain.stored(rollup.day).items()),
            *((was, doors.get(door, {})) for door, was in before.doors.items()),
        ]
        still_hot = {(hour.zone, hour.start_ns): {"hour": hour} for hour in hot_hours}
        replaced += [({"hour": hour}, still_hot.get((hour.zone, hour.start_ns), {})) for hour in before.hot_hours]
        hours = list(with_status(rollup.hours, row))
        if old is not None and changes(old, row):
            stored_hours = read_rows(self._store, HOURLY, self.hub, span)
            replaced += [(stored_hours.get(hour.start_ns, {}), part) for hour, part in hours]
        if any(new.get(name) is None for was, new in replaced for name, value in was.items() if value is not None):
            forget(self._store, self.hub, span, self._now_ns)
        lines = [
            row_line(DAILY, self.hub, span.start_ns, row),
            *(row_line(HOURLY, self.hub, hour.start_ns, part) for hour, part in hours),
            *chain.lines(rollup.day, zones),
            *(() if goes_on else chain.later_lines(rollup.day, mould_before)),
            *hot_hour_lines(self.hub, hot_hours),
            *door_lines(self.hub, rollup.day, rollup.doors),
            *profiles.fresh_lines(),
            *change_lines(found),
            *correction_lines(self.hub, corrections_of(rollup.tallies, span), stored),
        ]
        write(self._store, lines)
        return found

    def freeze_profile(self) -> None:
        """Freeze this week's profile where there is none and enough is known, so that today can be held against it."""
        profiles = self._figures.profiles(())
        if profiles.of(self._now_ns).is_enough and (lines := profiles.fresh_lines()):
            write(self._store, lines)

    def unfinished(self, last_seen_ns: int | None) -> list[date]:
        """Today, and the last days without a row, not closed when they were computed, or due to be final.

        Days before the hub's first reading are none of its. A hub that the estate does not name has days only until
        it last sent one, at `last_seen_ns`.
        """
        return self._due(self.today - timedelta(days=WINDOW_DAYS), self.today, last_seen_ns)

    def waits_for_total(self, rollup: Rollup) -> bool:
        """Whether a day would be final, if a total that went silent could not yet tell of it."""
        return rollup.has_open_gap and self._now_ns >= rollup.day.span.stop_ns + self._grace_ns

    def missed(self, last_seen_ns: int | None) -> list[date]:
        """Days before those: jobs was away, or has never been there."""
        before = self.today - timedelta(days=WINDOW_DAYS + 1)
        return self._due(before - timedelta(days=AWAY_DAYS_MAX), before, last_seen_ns)

    def _due(self, first: date, last: date, last_seen_ns: int | None) -> list[date]:
        if not self._is_in_estate:
            last = min(last, self.calendar.date_of(last_seen_ns) if last_seen_ns is not None else date.min)
        window = self.computable(dates(first, last))
        if not window:
            return []
        bounds = Span(self.calendar.day(window[0]).span.start_ns, self.calendar.day(window[-1]).span.stop_ns)
        rows = read_rows(self._store, DAILY, self.hub, bounds, _STATUS)
        due = [day for day in window if day == self.today or self._is_unfinished(day, rows)]
        return due[self._known_from(due, rows) :]

    def _is_unfinished(self, day: date, rows: dict[int, Figures]) -> bool:
        span = self.calendar.day(day).span
        row = rows.get(span.start_ns)
        if row is None or not row["revision"]:
            return True
        return not row["final"] and self._now_ns >= span.stop_ns + self._grace_ns

    def neighbour_days(self, rollup: Rollup) -> set[date]:
        """The other days that go by this one.

        They share the growth of a counter with it, their last count is stamped with it, or it tells them that a sensor
        is there and how often it reports.
        """
        day, start_ns = rollup.day.date, rollup.day.span.start_ns
        found = {self.calendar.date_of(start_ns - 1)} if self._is_stamped(start_ns) else set()
        if rollup.reach_days:
            last_day = self.calendar.day(day + timedelta(days=rollup.reach_days))
            after = Span(rollup.day.span.stop_ns, last_day.span.stop_ns)
            found |= {self.calendar.date_of(time_ns) for time_ns in read_rows(self._store, DAILY, self.hub, after)}
        if steps := rollup.cross_midnight_steps():
            first = self.calendar.date_of(min(step.start_ns for step in steps))
            last = self.calendar.date_of(max(step.stop_ns for step in steps))
            found |= set(dates(first, last))
        return {each for each in found if each <= self.today} - {day}


def pending_marks(store: Store, *, now_ns: int, since_ns: int = 0) -> dict[str, dict[int, Mark]]:
    """The marks of days since an instant that are to be dealt with now, by hub and midnight."""
    marks = read_marks(store, Span(since_ns, now_ns))
    pending = {
        hub: {
            time_ns: mark for time_ns, mark in days.items() if mark.is_pending and now_ns - mark.marked_ns >= SETTLE_NS
        }
        for hub, days in marks.items()
    }
    return {hub: days for hub, days in pending.items() if days}


def finish_marks(store: Store, hub: str, marks: Mapping[int, Mark]) -> None:
    """Record that the days, by midnight, are recomputed as of those marks."""
    write(store, [done_line(hub, midnight_ns, mark) for midnight_ns, mark in marks.items()])


def _between(hours: Sequence[HotHour], start_ns: int, stop_ns: int) -> Sequence[HotHour]:
    """Those, of some in order of time, that start within a span."""
    return hours[bisect_left(hours, start_ns, key=_START_NS) : bisect_left(hours, stop_ns, key=_START_NS)]
