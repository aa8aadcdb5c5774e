r"""From one hub's raw readings of a day to its figures: a pure function.

    readings of a day -> tallies (entries, exits, bytes) -> counts ----\
                      -> environment (the air of each zone) -----+------> figures of the day and of each of its hours
                      -> coverage and readings expected -> completeness /

None means that no sensor reported a value, which is not zero. Means and minutes over a limit count opening hours only;
minima, maxima and counts the whole local day. The fields are `schemas.measures.USAGE_MEASURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from schemas import Kind
from schemas.localtime import NS_A_MINUTE, NS_A_SECOND, NS_AN_HOUR, Span
from schemas.measures import USAGE_MEASURES, Judge, PeopleState
from usage.calendar import Day, clip
from usage.completeness import completeness, every_ns, expectations
from usage.counters import CounterRules, Step
from usage.coverage import DIED_DAYS, Coverage
from usage.curves import Curve
from usage.doors import DoorDay, door_days
from usage.occupancy import Occupancy
from usage.people import Count, Tally, tallies, with_quiet
from usage.plan import EVERY_DEFAULT_NS, HubPlan
from usage.profile import UsualOpening
from usage.readings import LAST_DAYS, HubReadings, SensorReadings
from usage.shares import Usual
from usage.signals import CARRY_MAX_NS, HOLD_INTERVALS, Signal, together
from usage.zones import Environment, Values

_PEOPLE = frozenset(name for name, measure in USAGE_MEASURES.items() if measure.judged_by is Judge.FOOTFALL)
Figures = dict[str, int | float | bool | None]

LONG_STEP_NS = 2 * NS_AN_HOUR
"""Late data may have taken from a longer step what other days had of it."""
GRACE_DEFAULT_NS = 48 * 3600 * NS_A_SECOND
_NOT_FROM_SENSORS = frozenset(
    {"open_minutes", "final", "revision", "people_state", "completeness", "transfer_share"}
    | {f"{judge}_completeness" for judge in Judge}
)


@dataclass(frozen=True, slots=True)
class Rollup:
    """A day's figures and those of each of its clock hours, and how its counts came about."""

    day: Day
    figures: Figures
    hours: tuple[tuple[Span, Figures], ...]
    doors: Mapping[str, DoorDay]
    tallies: tuple[Tally, ...]
    environment: Environment = field(compare=False)
    """The air of the day's zones."""
    has_open_gap: bool
    """Whether a total that went silent may yet tell how many people came on the day."""
    reach_days: int
    """How many days after it go by the day's readings: how often a sensor reports, and that it is there."""

    def cross_midnight_steps(self) -> tuple[Step, ...]:
        """The steps of counters that began before the day or ended after it: other days share their growth, or did."""
        span = self.day.span
        return tuple(
            step
            for tally in self.tallies
            for step in tally.steps
            if step.growth or step.length_ns > LONG_STEP_NS
            if step.start_ns < span.start_ns or step.stop_ns > span.stop_ns
        )


def roll_up(readings: HubReadings, day: Day, usual: UsualOpening, plan: HubPlan, *, now_ns: int) -> Rollup:
    """The figures of a local day from the hub's readings of it and around it.

    `now_ns` bounds what a running day can expect. `final` and `revision` are left to whoever keeps the figures.
    """
    known = DayContext(readings, day, usual, plan, now_ns)
    figures, hours = known.figures()
    return Rollup(
        day,
        figures,
        hours,
        known.doors(),
        known.tallies,
        known.environment,
        known.has_open_gap(),
        known.reach_days(),
    )


class DayContext:
    """A day's readings, prepared once for the day's figures and for every hour's."""

    def __init__(self, readings: HubReadings, day: Day, usual: UsualOpening, plan: HubPlan, now_ns: int) -> None:
        self._readings, self._day, self._usual, self._plan, self._now_ns = readings, day, usual, plan, now_ns
        entries, exits = self._people("entries"), self._people("exits")
        self._coverage = Coverage(readings, day, plan, now_ns, [*entries, *exits], usual)
        entries = with_quiet(entries, "entries", self._coverage.quiet("entries"))
        exits = with_quiet(exits, "exits", self._coverage.quiet("exits"))
        bytes_ = [*self._bytes("rx_bytes"), *self._bytes("tx_bytes")]
        self.tallies: tuple[Tally, ...] = (*entries, *exits, *bytes_)
        self._entries, self._exits, self._bytes_count = Count.of(entries), Count.of(exits), Count.of(bytes_)
        self._occupancy = Occupancy.of(self._entries, self._exits, day, usual.calendar, self._coverage, now_ns=now_ns)
        clients = self._signals(Kind.WIFI, "clients")
        self._client_curves = [Curve(signal.pieces(day.span)) for signal in clients]
        self._clients = together(clients, day.span)
        self._devices = together(self._signals(Kind.WIFI, "devices"), day.span)
        self._entry_tallies, self._exit_tallies = entries, exits
        shares = self._coverage.zone_shares()
        self.environment = Environment(readings, day, usual.calendar, plan, now_ns, shares)
        # A camera sees a part of the building: it stands for the hub only where no door counter does.
        cameras = [] if self._coverage.by_door else self._signals(Kind.FOOTFALL, "people")
        self._in_view = together(cameras, day.span)
        self._view_curves = [Curve(signal.pieces(day.span)) for signal in cameras]

    def figures(self) -> tuple[Figures, tuple[tuple[Span, Figures], ...]]:
        """The figures of the whole day, and those of each of its hours that has begun."""
        day, now_ns, coverage = self._day, self._now_ns, self._coverage
        hours = [hour for hour in day.hours if hour.start_ns <= now_ns]
        spans = [day.span, *hours]
        parts = [slice(None), *(slice(i, i + 1) for i in range(len(hours)))]
        opening = [clip(day.open, span) for span in spans]
        elapsed_open = [clip(each, Span(day.span.start_ns, now_ns)) for each in opening]
        air = self.environment.figures(spans, elapsed_open)
        found: dict[str, Iterable[float | None]] = {
            "entries": self._entries.each(spans),
            "exits": self._exits.each(spans),
            "entries_open": map(self._entries.within_all, opening),
            "peak_occupancy": self._peaks(hours),
            "occupancy_drift": self._occupancy.drifts(spans),
            "person_hours_over_limit": map(self._person_hours, elapsed_open, air),
            "wifi_peak_clients": self._clients.peaks(spans),
            "wifi_mean_clients": map(self._wifi_mean_clients, elapsed_open),
            "wifi_devices": self._devices.peaks(spans),
            "wifi_bytes": self._bytes_count.each(spans),
            "open_minutes": [sum(part.length_ns for part in each) / NS_A_MINUTE for each in opening],
            "footfall_completeness": map(coverage.doors.share, parts),
            "transfer_share": map(coverage.elsewhere.share, parts),
            "wifi_completeness": map(coverage.access_points.share, parts),
            "environment_completeness": map(coverage.rooms.share, parts),
        }
        columns = [
            measure.stored_each(found.get(name) or [each.get(name) for each in air])
            for name, measure in USAGE_MEASURES.items()
        ]
        rows: list[Figures] = [dict(zip(USAGE_MEASURES, row, strict=True)) for row in zip(*columns, strict=True)]
        shares = completeness(expectations(self._readings, day, self._plan), spans, now_ns)
        for row, share in zip(rows, shares, strict=True):
            row["completeness"] = share
        return self._with_state(rows[0]), tuple(zip(hours, rows[1:], strict=True))

    def _peaks(self, hours: Sequence[Span]) -> list[float | None]:
        """The most people at once on the day, then in each of its hours."""
        if self._in_view:
            return self._in_view.peaks([self._day.span, *hours])
        return [self._occupancy.peak(self._day.span), *self._occupancy.peaks(hours)]

    def _person_hours(self, opening: Sequence[Span], air: Values) -> float | None:
        """The hours that people in the building spent while CO2 was over the limit, as far as both are known.

        None where nothing of that time is.
        """
        if not (minutes := air.get("co2_minutes_over_limit")):
            return minutes
        over = self.environment.hub.times["over limit"].within(opening)
        known = [curve for curve in self._inside if curve.is_known(over)]
        return sum(curve.area(over) for curve in known) / NS_AN_HOUR if known else None

    @cached_property
    def _inside(self) -> Sequence[Curve]:
        """How many people were inside over time; what each camera saw, where there is no door counter."""
        return (
            self._view_curves if self._in_view else [self._occupancy.curve(min(self._now_ns, self._day.span.stop_ns))]
        )

    def _with_state(self, found: Figures) -> Figures:
        """The figures of the whole day, with what its people are worth."""
        shared = sum(tally.shared for tally in self._entry_tallies)
        found["entries_shared"] = None if found["entries"] is None else shared
        state = self._coverage.people_state(found, shared)
        if state is PeopleState.NONE and not self._in_view:
            # Nobody outside of the opening time says nothing of within it.
            found |= {name: None for name in _PEOPLE if not found[name]}
        return found | {"people_state": state}

    def doors(self) -> Mapping[str, DoorDay]:
        """What came by each door."""
        return door_days(self._day, self._entry_tallies, self._exit_tallies, self._coverage, self._now_ns)

    def reach_days(self) -> int:
        """How many days after the day may go by its readings."""
        reporting = {each.sensor for found in self._readings.values() for each in found if each.count(self._day.span)}
        if any(self._plan.sensor(sensor) is None for sensor in reporting):
            return DIED_DAYS
        return LAST_DAYS if any(map(self._plan.shows_interval, reporting)) else 0

    def has_open_gap(self) -> bool:
        """Whether a total that went silent may yet tell of the day."""
        return self._coverage.has_open_gap()

    # ------------------------------------------------------------------------------------------------- preparation

    def _people(self, direction: str) -> list[Tally]:
        return self._tallies(Kind.FOOTFALL, direction, self._plan.people_rules, self._usual.by_door)

    def _bytes(self, direction: str) -> list[Tally]:
        return self._tallies(Kind.WIFI, direction, self._plan.byte_rules, lambda _: self._usual.parts)

    def _tallies(
        self, kind: Kind, direction: str, rules: Callable[[str], CounterRules], usual: Callable[[str], Usual]
    ) -> list[Tally]:
        midnight_of, stamps_end = self._usual.calendar.midnight_of, self._plan.stamps_end
        return tallies(self._readings.get(kind, ()), direction, self._day, rules, stamps_end, midnight_of, usual)

    def _every_ns(self, sensor: SensorReadings) -> int:
        return every_ns(sensor, self._day, self._plan) or EVERY_DEFAULT_NS

    def _signals(self, kind: Kind, name: str) -> list[Signal]:
        """What the sensors of a kind say."""
        window = Span(self._day.span.start_ns - CARRY_MAX_NS, self._day.span.stop_ns)
        made = []
        for sensor in self._readings.get(kind, ()):
            track = sensor.measures(name).within(window)
            if track:
                made.append(Signal(sensor.sensor, sensor.zone, track, HOLD_INTERVALS * self._every_ns(sensor)))
        return made

    def _wifi_mean_clients(self, opening: Sequence[Span]) -> float | None:
        """The sum of every access point's own mean: devices move between them."""
        means = [mean for curve in self._client_curves if (mean := curve.mean(opening)) is not None]
        return sum(means) if means else None


def has_data(figures: Mapping[str, object]) -> bool:
    """Whether any sensor reported a value on the day."""
    return any(value is not None for name, value in figures.items() if name not in _NOT_FROM_SENSORS)
