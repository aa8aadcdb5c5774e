"""A hub and a range of its days, as its page and its files show them. Each part is read when it is asked for, and once.

Only what is stored of this hub is read, never the estate's: a page costs what it shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from functools import cached_property
from typing import Self

from dashboards.web.curves import READINGS_MAX, Curve, curves_of
from dashboards.web.days import Day, Hour
from dashboards.web.look import DAYS, HubNow
from schemas import Estate, Kind
from schemas.localtime import NS_AN_HOUR, Span, from_ns
from schemas.measurements import READING_FLAGS
from usage import HubCalendar, Queries
from usage.attention.doubts import Doubt
from usage.attention.silences import Silence
from usage.calendar import Day as CalendarDay
from usage.calendar import dates
from usage.estimates import UNKNOWN, Estimate, of_days
from usage.notes import Note
from usage.queries import DateRange, DoorFigures, HubState, ZoneFigures
from usage.queries.hours_of_week import HoursOfWeek
from usage.rollup import Figures, has_data

FIELD_OF: Mapping[Kind, str] = {
    Kind.TEMPERATURE: "temperature_c",
    Kind.CO2: "co2_ppm",
    Kind.HUMIDITY: "relative_humidity_pct",
    Kind.PRESSURE: "pressure_hpa",
    Kind.WIFI: "clients",
}
"""What is shown of a day's readings, by their kind."""
_A_WEEK = timedelta(days=7)
_NO_FIGURES: Figures = {}


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is stored of the days from `first` to `last`, and whether any before has figures."""

    first: date
    last: date
    figures: Mapping[date, Figures]
    estimates: Mapping[date, Estimate]
    notes: Sequence[Note]
    has_before: bool


class HubRange:
    """A hub, the days from `first` to `last`, and `day`, whose readings are shown. Every part may raise StoreError."""

    def __init__(self, queries: Queries, estate: Estate, hub: str, days: DateRange, day: date, now_ns: int) -> None:
        self.hub, self.range = hub, days
        self.first, self.last = days.first, min(days.last, queries.today(hub))
        self.calendar = HubCalendar(estate, hub)
        self.day: CalendarDay = self.calendar.day(day)
        self._queries, self._now_ns = queries, now_ns
        self._curves: dict[Kind, list[Curve]] = {}

    def asked(self) -> Self:
        """With all that the page shows read; what is made of it waits."""
        _ = (self.state, self.jobs_run, self._stored, self._recent, self._zones, self._silences, self._doubts)
        _ = (self.hours, self.is_on_other_midnights, self.week, self.days_to_compute, self.doors)
        _ = [self.curves(kind) for kind in FIELD_OF]
        return self

    @cached_property
    def state(self) -> HubState:
        """The hub now."""
        return self._queries.hub_state(self.hub)

    @cached_property
    def jobs_run(self) -> bool | None:
        """Whether jobs keep its figures up to date; None where none ever did."""
        return self._queries.jobs_run()

    @cached_property
    def today(self) -> date:
        """The hub's own."""
        return self.calendar.date_of(self._now_ns)

    @cached_property
    def days(self) -> tuple[Day, ...]:
        """The days of the range, oldest first."""
        return self._days(self._stored)

    @cached_property
    def now(self) -> HubNow:
        """The hub as it stands, with its last 30 days."""
        recent = self.days[-1 - DAYS :] if self._recent is None else self._days(self._recent)
        return HubNow(self.state, recent, self._zones, self._silences, self._doubts)

    @cached_property
    def hours(self) -> tuple[Hour, ...]:
        """Today's clock hours. A week ago's is found by the time on the clock, which a clock change may have moved."""
        before, today = (self.calendar.day(day) for day in (self.today - _A_WEEK, self.today))
        usual = self._queries.usual_hours(self.today, self.hub)
        entries, entries_open = self._counts(before.span, today.span)
        week_ago = {self._clock(span.start_ns): entries.get(span.start_ns) for span in before.hours}
        return tuple(
            Hour(
                from_ns(span.start_ns).astimezone(self.calendar.zone),
                entries.get(span.start_ns),
                week_ago.get(self._clock(span.start_ns)),
                usual.get(span.start_ns),
                entries_open.get(span.start_ns),
                under_way=span.start_ns <= self._now_ns < span.stop_ns,
            )
            for span in today.hours
        )

    @cached_property
    def is_on_other_midnights(self) -> bool:
        """Whether its stored days are of another time zone than the estate's."""
        return bool(self._queries.on_other_midnights(self.first, self.last, hub=self.hub))

    @cached_property
    def week(self) -> HoursOfWeek:
        """When people come over the range."""
        return self._queries.hours_of_week(self.first, self.last, self.hub)

    @cached_property
    def missed(self) -> Estimate:
        """Who was not counted on the days of the range that are over; unknown where that can't be told of one."""
        stored = self._stored.estimates
        return of_days({
            day.date: _of_missed(stored[day.date], day.entries or 0) if day.date in stored else UNKNOWN
            for day in self.days
            if not day.today and (day.date in stored or day.is_missing)
        })  # fmt: skip

    @cached_property
    def days_to_compute(self) -> int:
        """How many days of the range still wait for jobs."""
        return self._queries.days_to_compute(self.first, self.last, hub=self.hub).get(self.hub, 0)

    @cached_property
    def doors(self) -> list[DoorFigures]:
        """Each door on each day of the range that has its figures."""
        return list(self._queries.stored_doors(self.first, self.last, hub=self.hub))

    @property
    def notes(self) -> Sequence[Note]:
        """What people wrote about the days of the range."""
        return self._stored.notes

    def zones(self, first: date, last: date) -> list[ZoneFigures]:
        """The air of each zone on some days."""
        return list(self._queries.stored_zones(first, last, hub=self.hub))

    def curves(self, kind: Kind) -> list[Curve]:
        """The readings of `day`, by sensor."""
        if kind not in self._curves:
            field = FIELD_OF[kind]
            chunks = self._queries.readings(self.hub, kind, self.day.span, fields=(field, *READING_FLAGS))
            order = {sensor.sensor: at for at, sensor in enumerate(self.state.sensors)}
            self._curves[kind] = sorted(
                curves_of(chunks, field, self.day),
                key=lambda curve: (order.get(curve.sensor, READINGS_MAX), curve.sensor),
            )
        return self._curves[kind]

    # ------------------------------------------------------------------------------------------------------- reading

    @cached_property
    def _stored(self) -> _Stored:
        return self._read(self.first, self.last)

    @cached_property
    def _recent(self) -> _Stored | None:
        """Of the last 30 days, where they are not all in the range."""
        first = self.today - timedelta(days=DAYS)
        is_among_days = self.last == self.today and self.first <= first
        return None if is_among_days else self._read(first, self.today)

    def _read(self, first: date, last: date) -> _Stored:
        days = {row.date: row.figures for row in self._queries.stored_daily(first, last, hub=self.hub)}
        estimates = self._queries.stored_day_estimates(first, last, self.hub)
        notes = self._queries.notes(first, last, hub=self.hub)
        return _Stored(first, last, days, estimates, notes, has_before=self._queries.stored_before(first, self.hub))

    @cached_property
    def _zones(self) -> tuple[ZoneFigures, ...]:
        return tuple(self.zones(self.last, self.last))

    @cached_property
    def _silences(self) -> tuple[Silence, ...]:
        silent = {sensor.sensor for sensor in self.state.silent_sensors}
        found = (each for each in self._queries.stored_silences() if each.hub == self.hub)
        return tuple(each for each in found if each.is_silent == (each.door in silent))

    @cached_property
    def _doubts(self) -> tuple[Doubt, ...]:
        return tuple(self._queries.stored_doubts(self.first, self.last, hub=self.hub))

    def _days(self, stored: _Stored) -> tuple[Day, ...]:
        begins = stored.first
        if not stored.has_before:
            measured = (day for day, row in sorted(stored.figures.items()) if has_data(row))
            begins = next(measured, min(self.today, stored.last + timedelta(days=1)))
        notes: dict[date, list[str]] = {}
        for note in stored.notes:
            notes.setdefault(note.date, []).append(note.text)
        door_silent = any(Kind.FOOTFALL in sensor.kinds for sensor in self.state.silent_sensors)
        opening = self.calendar.open_days(stored.first, stored.last)
        is_counted = self.state.is_counted(stored.figures.values())
        return tuple(
            Day(
                date=day,
                opens=opens,
                today=day == self.today,
                begun=day >= begins,
                door_silent=door_silent and day == self.today,
                has_counter=self.state.has_counter if day == self.today else is_counted,
                figures=stored.figures.get(day, _NO_FIGURES),
                missed=None if (missed := stored.estimates.get(day)) is None else missed.people,
                bounds=_bounds(missed),
                notes=tuple(notes.get(day, ())),
            )
            for day, opens in zip(dates(stored.first, stored.last), opening, strict=True)
            if self.calendar.exists(day)
        )

    def _counts(self, *days: Span) -> tuple[dict[int, int], dict[int, int]]:
        """Who came in each hour of the days, and of them who came while the hub was open, as far as that is stored."""
        names = ("entries", "entries_open")
        found: tuple[dict[int, int], ...] = ({}, {})
        for span in days:
            around = Span(span.start_ns - NS_AN_HOUR, span.stop_ns)
            rows = self._queries.stored_hourly(around, hub=self.hub, fields=(*names, "open_minutes"))
            for time_ns, row in rows.get(self.hub, {}).items():
                for counts, name in zip(found, names, strict=True):
                    if (count := row[name]) is not None:
                        counts[time_ns] = int(count)
        return found[0], found[1]

    def _clock(self, time_ns: int) -> time:
        return from_ns(time_ns).astimezone(self.calendar.zone).time()


def _bounds(missed: Estimate | None) -> tuple[int, int] | None:
    return None if missed is None or missed.low is None or missed.high is None else (missed.low, missed.high)


def _of_missed(stored: Estimate, counted: int) -> Estimate:
    """A stored estimate with its bounds of those alone who were not counted."""
    if stored.low is None or stored.high is None:
        return UNKNOWN
    return replace(stored, low=stored.low - counted, high=stored.high - counted)
