"""One hub's figures for any days, always up to date.

    final and not marked since -> the stored roll-up
    anything else              -> from the readings, here and now

So an export right after a replay is right without waiting for jobs, and costs one row a day for the settled past.
Every local day of the range up to today has figures, for each hub of the estate file and each that the store has
readings of; a day without data has None for what no sensor reported.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from schemas import Estate, HubpulseError, Kind
from schemas.localtime import NS_AN_HOUR, Span, from_ns, midnight_ns
from schemas.measures import ZONE_MEASURES
from stores import Store
from usage.calendar import HubCalendar, dates
from usage.coverage import DIED_DAYS
from usage.doors import hours_by_door
from usage.journal import changed_figures
from usage.plan import HubPlan
from usage.profile import DoorHours, UsualOpening
from usage.profiles import Profiles
from usage.rollup import GRACE_DEFAULT_NS, Figures, Rollup, has_data, roll_up
from usage.rows import DAILY, DAILY_DOOR, HOURLY, ZONES, read_marks, read_parts, read_rows
from usage.source import HubSource
from usage.zone_days import zones_of_days

CLOSING_NS = 2 * NS_AN_HOUR
"""A day is closed this long after its end, not at midnight: the first totals of the next day still complete it."""
CLOCK_SLACK_NS = 24 * NS_AN_HOUR
"""Clocks of sensors may run ahead of ours."""


class UnknownHubError(HubpulseError):
    """Neither the estate file nor the store knows the hub."""


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The figures of one hub and local day, by the names of `USAGE_FIELDS`."""

    hub: str
    date: date
    figures: Figures


@dataclass(frozen=True, slots=True)
class ZoneFigures:
    """The figures of one zone of a hub on a local day, by the names of `ZONE_MEASURES`."""

    hub: str
    zone: str
    date: date
    figures: Figures


@dataclass(frozen=True, slots=True)
class DoorFigures:
    """The figures of one door (its sensor's id) of a hub on a local day, by the names of `DOOR_FIELDS`."""

    hub: str
    door: str
    date: date
    figures: Figures


@dataclass(frozen=True, slots=True)
class HourFigures:
    """The figures of one hub and clock hour; `time` is its start in the hub's own zone."""

    hub: str
    time: datetime
    figures: Figures


class HubFigures:
    """One hub's figures in a store, read where they are settled and computed where they are not."""

    def __init__(
        self,
        store: Store,
        estate: Estate,
        hub: str,
        *,
        now_ns: int,
        grace_ns: int = GRACE_DEFAULT_NS,
    ) -> None:
        self.hub = hub
        self.calendar = HubCalendar(estate, hub)
        self._store, self._now_ns, self._grace_ns = store, now_ns, grace_ns
        self._plan = HubPlan.of(estate, hub)
        self.source = HubSource(store, hub, self.calendar, self._plan, now_ns)

    def days(self, first: date, last: date) -> Iterator[DayFigures]:
        """Yield every local day from `first` to `last`, up to today."""
        wanted = self._past_and_today(first, last)
        if not wanted:
            return
        rows = self._daily_rows(wanted)
        settled = self._settled(wanted, rows)
        rollups = self.rollups([day for day in wanted if day not in settled])
        for day in wanted:
            if day in settled:
                yield DayFigures(self.hub, day, rows[day])
            else:
                rollup = next(rollups)
                yield DayFigures(self.hub, day, self.with_revision(rollup, rows.get(day)))

    def recomputed(self, first: date, last: date) -> Iterator[DayFigures]:
        """Yield the same days computed from the readings, whatever is stored; as stored where they have expired."""
        wanted = self._past_and_today(first, last)
        rows = self._daily_rows(wanted) if wanted else {}
        for shown, rollup in zip(self.days(first, last), self.rollups(wanted), strict=True):
            has_expired = has_data(shown.figures) and not has_data(rollup.figures)
            fresh = self.with_revision(rollup, rows.get(shown.date))
            yield shown if has_expired else DayFigures(self.hub, shown.date, fresh)

    def hours(self, first: date, last: date) -> Iterator[HourFigures]:
        """Yield every clock hour of the days from `first` to `last`, up to the hour now."""
        wanted = self._past_and_today(first, last)
        if not wanted:
            return
        rows = self._daily_rows(wanted)
        hourly = read_rows(self._store, HOURLY, self.hub, self._span(wanted))
        settled = {day for day in self._settled(wanted, rows) if self._has_hours(day, hourly)}
        rollups = self.rollups([day for day in wanted if day not in settled])
        for day in wanted:
            hours: Iterable[tuple[Span, Figures]]
            if day in settled:
                hours = ((hour, hourly[hour.start_ns]) for hour in self._started_hours(day))
            else:
                rollup = next(rollups)
                hours = with_status(rollup.hours, self.with_revision(rollup, rows.get(day)))
            for hour, part in hours:
                yield HourFigures(self.hub, from_ns(hour.start_ns).astimezone(self.calendar.zone), part)

    def doors(self, first: date, last: date) -> Iterator[DoorFigures]:
        """Yield each door of every local day from `first` to `last`, up to today."""
        wanted = self._past_and_today(first, last)
        if not wanted:
            return
        rows = read_parts(self._store, DAILY_DOOR, self._span(wanted), self.hub)
        settled = self._settled(wanted, self._daily_rows(wanted))
        rollups = self.rollups([day for day in wanted if day not in settled])
        for day in wanted:
            doors = (
                rows.get(self.calendar.day(day).span.start_ns, {})
                if day in settled
                else {door: of_day.figures for door, of_day in next(rollups).doors.items()}
            )
            for door, figures in sorted(doors.items()):
                yield DoorFigures(self.hub, door, day, figures)

    def zones(self, first: date, last: date) -> Iterator[ZoneFigures]:
        """Yield each zone of every local day from `first` to `last`, up to today."""
        wanted = self._past_and_today(first, last)
        if not wanted:
            return
        rows = read_parts(self._store, ZONES, self._span(wanted), self.hub)
        stored = {day: rows[start_ns] for day in wanted if (start_ns := self.calendar.day(day).span.start_ns) in rows}
        settled = self._settled(wanted, self._daily_rows(wanted))
        for day, zones in zones_of_days(self.source, wanted, stored, settled):
            for zone, figures in sorted(zones.items()):
                yield ZoneFigures(self.hub, zone, day, {name: figures[name] for name in ZONE_MEASURES})

    def profiles(self, due: Collection[date], *, refreeze: bool = False) -> Profiles:
        """The hub's profiles for a run over these days."""
        return Profiles(self._store, self.hub, self.calendar, self._is_named, self._door_hours, due, refreeze=refreeze)

    def _is_named(self, sensor: str) -> bool:
        return self._plan.sensor(sensor) is not None

    def _door_hours(self, days: Sequence[date]) -> Iterator[DoorHours]:
        """What came in by each door: what is covered directly needs no profile."""
        usual = UsualOpening(self.calendar)
        first = bisect_left(days, 1, key=self._is_counted_by)
        for day, readings in self.source.days_with_past(days[first:], [Kind.FOOTFALL]):
            if readings[Kind.FOOTFALL]:
                yield hours_by_door(roll_up(readings, day, usual, self._plan, now_ns=self._now_ns).doors)

    def _is_counted_by(self, day: date) -> bool:
        """Whether a door had sent anything by a day's end."""
        stop_ns = self.calendar.day(day).span.stop_ns
        return any(True for _ in self._store.latest(Kind.FOOTFALL, before_ns=stop_ns, where={"hub": self.hub}))

    def rollups(self, days: Sequence[date], profiles: Profiles | None = None) -> Iterator[Rollup]:
        """Compute the days, which come in order, from the raw readings."""
        profiles = profiles or self.profiles(days)
        usual = UsualOpening(self.calendar, profiles.of)
        for day, readings in self.source.days_with_past(days):
            rollup = roll_up(readings, day, usual, self._plan, now_ns=self._now_ns)
            profiles.learn(hours_by_door(rollup.doors))
            yield rollup

    def with_revision(self, rollup: Rollup, stored: Figures | None) -> Figures:
        """A day's figures with `final` and `revision`, which counts the changes since the day was closed.

        A day has revision 0 until two hours after its end, when the usual stragglers are in, then 1, and each change
        from then on adds one. It is final once the grace period has passed and no gap of totals is open over it.
        """
        day, fresh = rollup.day, rollup.figures
        revision = int((stored or {}).get("revision") or 0)
        if self._now_ns >= day.span.stop_ns + CLOSING_NS:
            changed = changed_figures(self._store, self.hub, day.span.start_ns, stored, fresh)
            revision = max(1, revision) + bool(changed)
        final = self._now_ns >= day.span.stop_ns + self._grace_ns and not rollup.has_open_gap
        return fresh | {"final": final, "revision": revision}

    # --------------------------------------------------------------------------------------------------- what rests

    def _past_and_today(self, first: date, last: date) -> list[date]:
        days = dates(first, min(last, self.calendar.date_of(self._now_ns)))
        return [day for day in days if self.calendar.exists(day)]

    def _span(self, days: Sequence[date]) -> Span:
        return Span(self.calendar.day(days[0]).span.start_ns, self.calendar.day(days[-1]).span.stop_ns)

    def _daily_rows(self, wanted: Sequence[date]) -> dict[date, Figures]:
        rows = read_rows(self._store, DAILY, self.hub, self._span(wanted))
        starts = {day: midnight_ns(day, self.calendar.zone) for day in wanted}
        return {day: rows[start_ns] for day, start_ns in starts.items() if start_ns in rows}

    def _settled(self, wanted: Sequence[date], rows: Mapping[date, Figures]) -> set[date]:
        """The days whose stored row can be taken as it stands."""
        around = [wanted[0] - timedelta(days=DIED_DAYS), wanted[-1] + timedelta(days=1)]
        marks = read_marks(self._store, self._span(around), self.hub).get(self.hub, {})
        due = [self.calendar.date_of(time_ns) for time_ns, mark in marks.items() if mark.is_pending]
        # A total read on a marked day may share its growth with its neighbour days, and the next ones may go by it for
        # which sensors there are and how often they report.
        touched = {day + timedelta(days=step) for day in due for step in range(-1, DIED_DAYS + 1)}
        return {day for day, row in rows.items() if row["final"] and day not in touched}

    def _started_hours(self, day: date) -> list[Span]:
        return [hour for hour in self.calendar.day(day).hours if hour.start_ns <= self._now_ns]

    def _has_hours(self, day: date, hourly: Mapping[int, Figures]) -> bool:
        return all(hour.start_ns in hourly for hour in self._started_hours(day))


def with_status(hours: Iterable[tuple[Span, Figures]], whole: Figures) -> Iterator[tuple[Span, Figures]]:
    """The hours' figures with what holds for the whole day."""
    for hour, part in hours:
        yield hour, part | {"final": whole["final"], "revision": whole["revision"]}
