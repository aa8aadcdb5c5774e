"""A hub and a range of its days, as its page and its files show them. Each part is read when it is asked for, and once.

Only what is stored of this hub is read, never the estate's: a page costs what it shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, time, timedelta
from functools import cached_property

from dashboards.web.curves import READINGS_MAX, Curve, curves_of
from dashboards.web.days import Day, DayState, Hour
from dashboards.web.look import DAYS, HubNow
from schemas import Estate, Kind
from schemas.localtime import NS_AN_HOUR, Span, from_ns
from schemas.measurements import READING_FLAGS
from usage import HubCalendar, Queries
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


class HubRange:
    """A hub, the days from `first` to `last`, and `day`, whose readings are shown. Every part may raise StoreError."""

    def __init__(self, queries: Queries, estate: Estate, hub: str, days: DateRange, day: date, now_ns: int) -> None:
        self.hub, self.range = hub, days
        self.first, self.last = days.first, min(days.last, queries.today(hub))
        self.calendar = HubCalendar(estate, hub)
        self.day: CalendarDay = self.calendar.day(day)
        self._queries, self._now_ns = queries, now_ns

    @cached_property
    def state(self) -> HubState:
        """The hub now."""
        return self._queries.hub_state(self.hub)

    @property
    def jobs_run(self) -> bool | None:
        """Whether jobs keep its figures up to date; None where none ever did."""
        return self._queries.jobs_run()

    @property
    def today(self) -> date:
        """The hub's own."""
        return self.calendar.date_of(self._now_ns)

    @cached_property
    def days(self) -> tuple[Day, ...]:
        """The days of the range, oldest first."""
        return self._days(self.first, self.last)

    @cached_property
    def now(self) -> HubNow:
        """The hub as it stands, with its last 30 days."""
        first = self.today - timedelta(days=DAYS)
        is_among_days = self.last == self.today and self.first <= first
        recent = self.days[-1 - DAYS :] if is_among_days else self._days(first, self.today)
        silent = {sensor.sensor for sensor in self.state.silent_sensors}
        return HubNow(
            self.state,
            recent,
            tuple(self.zones(self.last, self.last)),
            tuple(
                each
                for each in self._queries.stored_silences()
                if each.hub == self.hub and each.is_silent == (each.door in silent)
            ),
            tuple(self._queries.stored_doubts(self.first, self.last, hub=self.hub)),
        )

    @cached_property
    def hours(self) -> tuple[Hour, ...]:
        """Today's clock hours. A week ago's is found by the time on the clock, which a clock change may have moved."""
        before, today = (self.calendar.day(day) for day in (self.today - _A_WEEK, self.today))
        usual = self._queries.usual_hours(self.today, self.hub)
        entries = self._entries(before.span) | self._entries(today.span)
        week_ago = {self._clock(span.start_ns): entries.get(span.start_ns) for span in before.hours}
        return tuple(
            Hour(
                from_ns(span.start_ns).astimezone(self.calendar.zone),
                entries.get(span.start_ns),
                week_ago.get(self._clock(span.start_ns)),
                usual.get(span.start_ns),
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
        stored = self._queries.stored_day_estimates(self.first, self.last, self.hub)
        return of_days({
            day.date: _of_missed(stored[day.date], day.entries or 0) if day.date in stored else UNKNOWN
            for day in self.days
            if not day.today and (day.date in stored or day.state in (DayState.SILENT, DayState.PARTIAL))
        })  # fmt: skip

    @cached_property
    def days_to_compute(self) -> int:
        """How many days of the range still wait for jobs."""
        return self._queries.days_to_compute(self.first, self.last, hub=self.hub).get(self.hub, 0)

    @cached_property
    def doors(self) -> list[DoorFigures]:
        """Each door on each day of the range that has its figures."""
        return list(self._queries.stored_doors(self.first, self.last, hub=self.hub))

    @cached_property
    def notes(self) -> list[Note]:
        """What people wrote about the days of the range."""
        return self._queries.notes(self.first, self.last, hub=self.hub)

    def zones(self, first: date, last: date) -> list[ZoneFigures]:
        """The air of each zone on some days."""
        return list(self._queries.stored_zones(first, last, hub=self.hub))

    def curves(self, kind: Kind) -> list[Curve]:
        """The readings of `day`, by sensor."""
        field = FIELD_OF[kind]
        chunks = self._queries.readings(self.hub, kind, self.day.span, fields=(field, *READING_FLAGS))
        order = {sensor.sensor: at for at, sensor in enumerate(self.state.sensors)}
        return sorted(
            curves_of(chunks, field, self.day), key=lambda curve: (order.get(curve.sensor, READINGS_MAX), curve.sensor)
        )

    # ------------------------------------------------------------------------------------------------------- reading

    def _days(self, first: date, last: date) -> tuple[Day, ...]:
        figures = {row.date: row.figures for row in self._queries.stored_daily(first, last, hub=self.hub)}
        begins = first
        if not self._queries.stored_before(first, self.hub):
            measured = (day for day, row in sorted(figures.items()) if has_data(row))
            begins = next(measured, min(self.today, last + timedelta(days=1)))
        estimates = self._queries.stored_day_estimates(first, last, self.hub)
        notes: dict[date, list[str]] = {}
        for note in self._queries.notes(first, last, hub=self.hub):
            notes.setdefault(note.date, []).append(note.text)
        return tuple(
            self._day(day, figures.get(day, _NO_FIGURES), estimates.get(day), tuple(notes.get(day, ())), begins)
            for day in dates(first, last)
            if self.calendar.exists(day)
        )

    def _day(self, day: date, figures: Figures, missed: Estimate | None, notes: tuple[str, ...], begins: date) -> Day:
        today = day == self.today
        known = missed is not None and missed.low is not None and missed.high is not None
        return Day(
            date=day,
            opens=self.calendar.opens(day),
            today=today,
            begun=day >= begins,
            door_silent=today and any(Kind.FOOTFALL in sensor.kinds for sensor in self.state.silent_sensors),
            has_counter=self.state.has_counter,
            figures=figures,
            missed=None if missed is None else missed.people,
            bounds=(missed.low, missed.high) if known else None,  # type: ignore[union-attr,arg-type] # known says so
            notes=notes,
        )

    def _entries(self, span: Span) -> dict[int, int]:
        around = Span(span.start_ns - NS_AN_HOUR, span.stop_ns)
        rows = self._queries.stored_hourly(around, hub=self.hub, fields=("entries", "open_minutes"))
        found = {time_ns: row["entries"] for time_ns, row in rows.get(self.hub, {}).items()}
        return {time_ns: int(count) for time_ns, count in found.items() if count is not None}

    def _clock(self, time_ns: int) -> time:
        return from_ns(time_ns).astimezone(self.calendar.zone).time()


def _of_missed(stored: Estimate, counted: int) -> Estimate:
    """A stored estimate with its bounds of those alone who were not counted."""
    if stored.low is None or stored.high is None:
        return UNKNOWN
    return replace(stored, low=stored.low - counted, high=stored.high - counted)
