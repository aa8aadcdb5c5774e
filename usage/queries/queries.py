"""The questions that can be asked of a store, for one estate at one moment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from schemas import KINDS, Estate, HubpulseError, Kind
from schemas.localtime import (
    NS_A_SECOND,
    NS_AN_HOUR,
    Span,
    day_begun_at,
    day_span,
    from_ns,
    local_day,
    midnight_ns,
    to_ns,
)
from schemas.measurements import USAGE_FIELDS
from stores import SeriesChunk, Store
from usage.attention.doubts import DOUBT_DAYS_MAX, Doubt
from usage.attention.rows import read_doubts, read_silences, silences_span
from usage.attention.silences import Silence, ranked
from usage.calendar import HubCalendar
from usage.estimates import Estimate, Estimates
from usage.estimates.around import estimates
from usage.estimates.estimate import method_of
from usage.health.cases import CaseNote, Judged
from usage.health.rows import read_case_notes, read_cases
from usage.journal import Change, read_changes
from usage.late import days_to_compute
from usage.lease import is_held
from usage.notes import Note, read_notes
from usage.plan import HubPlan
from usage.queries.figures import (
    CLOCK_SLACK_NS,
    DayFigures,
    DoorFigures,
    HourFigures,
    HubFigures,
    UnknownHubError,
    ZoneFigures,
)
from usage.queries.hours_of_week import HoursOfWeek, read_hours_of_week, read_usual_hours
from usage.queries.hubs import HubState, hub_state
from usage.queries.ingests import IngestState, Waiting, ingest_states, refusals
from usage.queries.periods import Period, PeriodFigures, periods
from usage.queries.radio import read_frames
from usage.queries.sensors import SensorsNow, SensorState, read_sensors
from usage.queries.usual import UsualSoFar, usual_so_far
from usage.queries.why import Why, why
from usage.radio import Frames
from usage.rollup import Figures
from usage.rows import DAILY, DAILY_DOOR, HOURLY, ZONES, parts_by_hub, read_estimates, read_hot_hours, read_rows_by_hub
from usage.sensor_limit import is_named
from usage.zones import HotHour

if TYPE_CHECKING:
    from usage.queries.columns import DayColumns


class OtherMidnightsError(HubpulseError):
    """The stored days begin at other midnights than those of the estate at hand: they are of another time zone."""


class Queries:
    """Answers from a store, which stays the caller's to close. Every answer may raise StoreError.

    Days are a hub's own local days, both ends included, up to today; `hub=None` asks for every hub of the estate file
    and every other that the store knows, in order of their ids. Figures go by the names of `USAGE_FIELDS`; None means
    that no sensor reported a value. An answer about a hub that nothing is known of raises UnknownHubError.
    """

    def __init__(self, store: Store, estate: Estate, *, now_ns: int) -> None:
        self._store, self._estate, self._now_ns = store, estate, now_ns
        self._todays: dict[ZoneInfo, date] = {}

    # --------------------------------------------------------------------------------------------------- always right

    def daily(self, first: date, last: date, *, hub: str | None = None) -> Iterator[DayFigures]:
        """Every local day: its roll-up where that is settled, else computed here and now."""
        return (day for one in [self._figures(name) for name in self.hubs(hub)] for day in one.days(first, last))

    def hourly(self, first: date, last: date, *, hub: str | None = None) -> Iterator[HourFigures]:
        """Every clock hour of the days, as `daily` does; a running day up to the hour now."""
        return (hour for one in [self._figures(name) for name in self.hubs(hub)] for hour in one.hours(first, last))

    def doors(self, first: date, last: date, *, hub: str | None = None) -> Iterator[DoorFigures]:
        """Every door on every local day, as `daily` does."""
        return (door for one in [self._figures(name) for name in self.hubs(hub)] for door in one.doors(first, last))

    def zones(self, first: date, last: date, *, hub: str | None = None) -> Iterator[ZoneFigures]:
        """The air of every zone on every local day, as `daily` does."""
        return (zone for one in [self._figures(name) for name in self.hubs(hub)] for zone in one.zones(first, last))

    def periods(self, period: Period, first: date, last: date, *, hub: str | None = None) -> Iterator[PeriodFigures]:
        """Every week, month... of the days, with an estimate of what is missing.

        One that the range cuts short has the figures of the days asked for.
        """
        days = list(self.daily(first, last, hub=hub))
        return periods(days, period, self.estimates(days))

    def estimates(self, days: Collection[DayFigures]) -> Estimates:
        """Tells what is missing from these days, by all hubs' roll-ups around them. Today is missed once it is over."""
        return estimates(self, days)

    def recomputed(self, first: date, last: date, hub: str) -> Iterator[DayFigures]:
        """A hub's days computed from the readings; those whose readings have expired, as they are stored."""
        self.hubs(hub)
        return self._figures(hub).recomputed(first, last)

    def why(self, hub: str, day: date) -> Why | None:
        """How a day's figures came about; None for a day that is still to come."""
        self.hubs(hub)
        doubts = self.stored_doubts(day, day, hub=hub)
        return why(
            self._store,
            self._estate,
            hub,
            day,
            now_ns=self._now_ns,
            estimate=self.estimates,
            doubts=doubts,
            notes=self.notes(day, day, hub=hub),
        )

    def changes(self, first: date, last: date, *, hub: str | None = None) -> Iterator[tuple[date, Change]]:
        """The changes of the days, with their day, in the order in which they were made."""
        if hub is not None:
            self.hubs(hub)
        for change in read_changes(self._store, _around(first, last), hub):
            day = HubCalendar(self._estate, change.hub).date_of(change.midnight_ns)
            if first <= day <= last:
                yield day, change

    def notes(self, first: date, last: date, *, hub: str | None = None) -> list[Note]:
        """What people wrote about the days, by hub and day."""
        return read_notes(self._store, first, last, hub)

    def days_to_compute(self, first: date, last: date, *, hub: str | None = None) -> dict[str, int]:
        """How many of each hub's days that are over still wait to be computed: their figures will change."""
        return days_to_compute(self._store, _around(first, last), self._now_ns, hub)

    def jobs_run(self) -> bool | None:
        """Whether jobs keep the figures up to date; None where none ever did."""
        return is_held(self._store, self._now_ns)

    def ingests(self) -> list[IngestState]:
        """Every ingest that wrote to the store lately, as it last reported."""
        return list(ingest_states(self._store, self._now_ns))

    def ingests_before(self, age_s: int) -> list[IngestState]:
        """Every ingest as it was so many seconds ago, those that reported in the week before."""
        return list(ingest_states(self._store, self._now_ns - age_s * NS_A_SECOND))

    def refusals(self) -> list[Waiting]:
        """How many refused messages wait at each of them, by reason."""
        return list(refusals(self._store, self._now_ns))

    # ------------------------------------------------------------------------------------------------- as it is stored

    def on_other_midnights(self, first: date, last: date, *, hub: str | None = None) -> list[str]:
        """The hubs with roll-ups that share hours with the days and lie on no midnight of the hub's time zone."""
        where = None if hub is None else {"hub": hub}
        span = _around(first, last)
        found = set()
        for run in self._store.read(DAILY, **span._asdict(), where=where, fields=["open_minutes"]):
            zone = self._estate.zone_of(run.tags["hub"])
            start_ns, stop_ns = midnight_ns(first, zone) - 24 * NS_AN_HOUR, midnight_ns(last + timedelta(days=1), zone)
            if any(start_ns < t < stop_ns and day_begun_at(t, zone) is None for t in run.times_ns):
                found.add(run.tags["hub"])
        return sorted(found)

    def require_midnights(self, first: date, last: date, *, hub: str | None = None) -> None:
        """Raise OtherMidnightsError where the estate at hand would show other days than those that are stored."""
        found = self.on_other_midnights(first, last, hub=hub)
        if found:
            zones = {self._estate.zone_of(name).key for name in found}
            raise OtherMidnightsError(
                f"stored days of {', '.join(found)} begin at other midnights than those of {', '.join(sorted(zones))}: "
                "name the estate file that they were computed with (--estate), or where its time zone was corrected, "
                "run `hubpulse up` or `jobs` with it, and recompute"
            )

    def stored_daily(
        self, first: date, last: date, *, hub: str | None = None, fields: Collection[str] = USAGE_FIELDS
    ) -> Iterator[DayFigures]:
        """The roll-ups as they stand, for pages of many hubs: one read for all, at most a minute old where jobs runs.

        A day without a roll-up is left out. `fields` are those wanted, `open_minutes` among them.
        """
        for name, rows in read_rows_by_hub(self._store, DAILY, _around(first, last), hub, fields):
            zone = self._estate.zone_of(name)
            for time_ns, figures in rows.items():
                day = day_begun_at(time_ns, zone)
                if day is not None and first <= day <= last:
                    yield DayFigures(name, day, figures)

    def stored_columns(
        self, fields: Collection[str], *on: tuple[date, date], hub: str | None = None, fresh: Iterable[DayFigures] = ()
    ) -> DayColumns:
        """The same as columns, of one or more first to last days that are over, `fresh` in place of those stored."""
        from usage.queries.columns import read_columns  # noqa: PLC0415 - numpy is slow to import

        where = None if hub is None else {"hub": hub}
        spans = [_around(*each)._asdict() for each in on]
        chunks = [chunk for span in spans for chunk in self._store.read(DAILY, **span, where=where, fields=fields)]
        first, last = min(first for first, _ in on), max(last for _, last in on)
        hubs = [known.id for known in self._estate.hubs] if hub is None else [hub]
        return read_columns(chunks, self._estate, hubs, first, last, fields, fresh, self.today)

    def stored_zones(
        self, first: date, last: date, *, hub: str | None = None, fields: Collection[str] | None = None
    ) -> Iterator[ZoneFigures]:
        """The air of zones as it stands, as `stored_daily` does; of all fields, or of those wanted."""
        for name, rows in parts_by_hub(self._store, ZONES, _around(first, last), hub, fields):
            for time_ns, zones in rows.items():
                day = self._day_of_row(name, time_ns)
                if day is not None and first <= day <= last:
                    yield from (ZoneFigures(name, zone, day, figures) for zone, figures in sorted(zones.items()))

    def stored_before(self, day: date, hub: str) -> bool:
        """Whether a day of the hub before this one has a roll-up: it was measured by then."""
        before_ns = midnight_ns(day, self._estate.zone_of(hub))
        return any(self._store.latest(DAILY, before_ns=before_ns, where={"hub": hub}))

    def stored_day_estimates(self, first: date, last: date, hub: str) -> dict[date, Estimate]:
        """What jobs last estimated of a hub's missed days; `low` and `high` are of all people, those counted too."""
        return {
            day: Estimate(row["entries_estimate"], row["entries_low"], row["entries_high"], method_of(row["method"]))
            for time_ns, row in read_estimates(self._store, _around(first, last), hub).get(hub, {}).items()
            if (day := self._day_of_row(hub, time_ns)) is not None and first <= day <= last
        }

    def hours_of_week(self, first: date, last: date, hub: str) -> HoursOfWeek:
        """How many people come in each hour of the week, by the stored hours of the days that are over."""
        return read_hours_of_week(self._store, HubCalendar(self._estate, hub), hub, first, last, self._now_ns)

    def usual_hours(self, day: date, hub: str) -> dict[int, float]:
        """How many people usually come in each clock hour of a day, by its start, where the stored profile knows it."""
        return read_usual_hours(self._store, HubCalendar(self._estate, hub), hub, day)

    def stored_estimates(self, first: date, last: date) -> dict[tuple[str, date], int]:
        """How many people days missed, by hub and day, as jobs last estimated it; a day that can't be told has none."""
        return {
            (hub, day): row["entries_estimate"]
            for hub, rows in read_estimates(self._store, _around(first, last)).items()
            for time_ns, row in rows.items()
            if (day := self._day_of_row(hub, time_ns)) is not None and first <= day <= last
        }

    def stored_doors(self, first: date, last: date, *, hub: str | None = None) -> Iterator[DoorFigures]:
        """The doors' days as they stand, as `stored_daily` does."""
        for name, rows in parts_by_hub(self._store, DAILY_DOOR, _around(first, last), hub):
            for time_ns, doors in sorted(rows.items()):
                day = self._day_of_row(name, time_ns)
                if day is not None and first <= day <= last:
                    yield from (DoorFigures(name, door, day, figures) for door, figures in sorted(doors.items()))

    def stored_doubts(self, first: date, last: date, *, hub: str | None = None) -> list[Doubt]:
        """The doubts about counters that are about any of the days, as jobs last found them."""
        span = _around(first - timedelta(days=DOUBT_DAYS_MAX), last)
        found = read_doubts(self._store, span, self._estate.zone_of, hub)
        return [doubt for doubt in found if doubt.since <= last and (doubt.until is None or doubt.until > first)]

    def stored_silences(self) -> list[Silence]:
        """What quiet counters cost this month, as jobs last reckoned it, the one that costs most first."""
        found = read_silences(self._store, silences_span(self._now_ns), self._estate.zone_of)
        return ranked(each for each in found if each.month == self.today(each.hub).replace(day=1))

    def stored_hot_hours(self, first: date, last: date, *, hub: str | None = None) -> Iterator[tuple[str, HotHour]]:
        """The hours of the days that may have been too hot by CIBSE TM52, each with its hub."""
        for name, hour in read_hot_hours(self._store, _around(first, last), hub):
            if first <= local_day(hour.start_ns, self._estate.zone_of(name)) <= last:
                yield name, hour

    def stored_cases(self, *, hub: str | None = None) -> list[Judged]:
        """The cases of building health, open and closed, as jobs last judged them; `usage.health` completes them."""
        return list(read_cases(self._store, Span(0, self._now_ns + 1), self._estate.zone_of, hub))

    def case_notes(self, *, hub: str | None = None) -> list[CaseNote]:
        """What people noted of cases, in order of time."""
        return read_case_notes(self._store, Span(0, self._now_ns + 1), hub)

    def _day_of_row(self, hub: str, time_ns: int) -> date | None:
        """The day that a row is of; None for one on a midnight of the time zone that the hub was in before."""
        return day_begun_at(time_ns, self._estate.zone_of(hub))

    def stored_hours(self, first: date, last: date, *, hub: str | None = None) -> Iterator[HourFigures]:
        """The hours' roll-ups of the days as they stand, as `stored_daily` does."""
        for name, rows in read_rows_by_hub(self._store, HOURLY, _around(first, last), hub):
            zone = self._estate.zone_of(name)
            for time_ns, figures in rows.items():
                time = from_ns(time_ns).astimezone(zone)
                if first <= time.date() <= last:
                    yield HourFigures(name, time, figures)

    def readings(
        self, hub: str, kind: Kind, span: Span, *, sensor: str | None = None, fields: Collection[str] | None = None
    ) -> Iterator[SeriesChunk]:
        """A hub's readings as they are stored, sensor by sensor."""
        where = {"hub": hub} | ({} if sensor is None else {"sensor": sensor})
        return self._store.read(kind, start_ns=span.start_ns, stop_ns=span.stop_ns, where=where, fields=fields)

    def stored_hourly(
        self, span: Span, *, hub: str | None = None, fields: Collection[str] = USAGE_FIELDS
    ) -> dict[str, Mapping[int, Figures]]:
        """The hours' roll-ups as they stand, by hub and the hour's start in UTC nanoseconds."""
        return dict(read_rows_by_hub(self._store, HOURLY, span, hub, fields))

    # ------------------------------------------------------------------------------------------------------------- now

    @property
    def sensors(self) -> Mapping[str, tuple[SensorState, ...]]:
        """Every sensor now, by hub: those of the estate file in its order, then the others that sent readings."""
        return self._sensors_now.by_hub

    def new_sensors(self) -> list[SensorState]:
        """Those that sent readings and that the estate file does not name."""
        plans = {hub: HubPlan.of(self._estate, hub) for hub in self.sensors}
        return [
            state for hub, states in self.sensors.items() for state in states if not is_named(plans[hub], state.sensor)
        ]

    @cached_property
    def _sensors_now(self) -> SensorsNow:
        return read_sensors(self._store, self._estate, self._now_ns)

    def frames(self, day: date | None = None, *, hub: str | None = None) -> dict[tuple[str, str], Frames]:
        """Which frames of LoRaWAN devices came and which the radio lost, by hub and sensor.

        On a local day, else in the last 24 hours.
        """
        spans = {
            name: Span(self._now_ns - 24 * NS_AN_HOUR, self._now_ns)
            if day is None
            else day_span(day, self._estate.zone_of(name))
            for name in self.hubs(hub)
        }
        return {k: v for name, span in spans.items() for k, v in read_frames(self._store, span, hub=name).items()}

    def usual_so_far(self) -> dict[str, UsualSoFar]:
        """How many people usually have come in by now, by hub; a hub of which that is not known is not there."""
        return usual_so_far(self._store, self._estate, self._now_ns)

    def hub_states(self, ids: Iterable[str] = ()) -> list[HubState]:
        """Every hub now: those of the estate file in its order, then `ids` and those that sent readings."""
        named = [hub.id for hub in self._estate.hubs]
        others = sorted((self.sensors.keys() | set(ids)) - set(named))
        left_out = self._sensors_now.left_out
        return [
            hub_state(self._estate, hub, self.sensors.get(hub, ()), self._now_ns, left_out=left_out.get(hub, 0))
            for hub in (*named, *others)
        ]

    def hub_state(self, hub: str) -> HubState:
        """One hub now, read without the others."""
        found = read_sensors(self._store, self._estate, self._now_ns, only=hub)
        left_out = found.left_out.get(hub, 0)
        return hub_state(self._estate, hub, found.by_hub.get(hub, ()), self._now_ns, left_out=left_out)

    def hubs(self, hub: str | None = None) -> list[str]:
        """The id of the hub asked for, or of all. Raises UnknownHubError for one that nothing is known of."""
        named = {known.id for known in self._estate.hubs}
        if hub is not None and hub in named:
            return [hub]
        before_ns = self._now_ns + CLOCK_SLACK_NS
        stored = (chunk for name in (DAILY, *KINDS) for chunk in self._store.latest(name, before_ns=before_ns))
        known = sorted(named | {chunk.tags["hub"] for chunk in stored})
        if hub is None:
            return known
        if hub not in known:
            choices = ", ".join(known) or "none yet, replay or ingest first"
            raise UnknownHubError(f"no hub {hub!r} in the estate file or the store; choose from: {choices}")
        return [hub]

    def today(self, hub: str | None = None) -> date:
        """The local date now, of a hub or of the estate."""
        return self._today_in(self._estate.zone_of(hub or ""))

    def _today_in(self, zone: ZoneInfo) -> date:
        if zone not in self._todays:
            self._todays[zone] = local_day(self._now_ns, zone)
        return self._todays[zone]

    def _figures(self, hub: str) -> HubFigures:
        return HubFigures(self._store, self._estate, hub, now_ns=self._now_ns)


def _around(first: date, last: date) -> Span:
    """All instants at which a local day of the range may start: whatever the zone, within a day of UTC's midnight."""
    start_ns, stop_ns = (to_ns(datetime.combine(day, time(), UTC)) for day in (first, last))
    return Span(start_ns - 24 * NS_AN_HOUR, stop_ns + 48 * NS_AN_HOUR)
