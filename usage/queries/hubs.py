"""Each hub now: whether it is open, and what its sensors that are not silent measure together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean

from schemas import Estate, Kind
from schemas.estate import OUTDOOR
from schemas.localtime import Span, from_ns
from stores.protocol import Number
from usage.calendar import HubCalendar, union
from usage.queries.sensors import SensorState
from usage.rollup import Figures


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether a hub is open, as local times of its zone.

    `all_day` says that it is open from midnight to midnight. While it is open, `since` is when it opened and `until`
    when it closes, over midnight, too; else `since` is when it last closed today and `until` when it next opens today,
    None where it does not. `by_closure`: a closure or a bank holiday.
    """

    is_open: bool
    all_day: bool
    since: datetime | None
    until: datetime | None
    by_closure: bool


@dataclass(frozen=True, slots=True)
class HubState:
    """A hub now; `now` is its local time."""

    id: str
    name: str
    sea_level: bool
    """Whether its daily pressure is reduced to sea level: the hub's altitude is known."""
    now: datetime
    opening: Opening
    sensors: tuple[SensorState, ...]
    sensors_left_out: int = 0
    """How many more sent readings that the estate file does not name, more than are taken into account."""

    @property
    def last_seen_ns(self) -> int | None:
        """When any of its sensors was last seen."""
        return max((s.last_seen_ns for s in self.sensors if s.last_seen_ns is not None), default=None)

    @property
    def has_counter(self) -> bool:
        """Whether a sensor counts people at its doors, or did."""
        return counts_people(self.sensors)

    def is_counted(self, days: Iterable[Figures]) -> bool:
        """Whether it has a counter, or people were counted on any of some days: its counter may be gone since."""
        return self.has_counter or any(figures.get("entries") is not None for figures in days)

    @property
    def silent_sensors(self) -> tuple[SensorState, ...]:
        return tuple(sensor for sensor in self.sensors if sensor.silent)

    def value(self, name: str) -> float | None:
        """A reading's field over the sensors that are not silent.

        CO2 the highest, clients and people the sum, else the mean, in which the zones are alike.
        """
        values = [value for zone in self._by_zone(name).values() for value in zone]
        if not values:
            return None
        if name == "co2_ppm":
            return max(values)
        return sum(values) if name in ("clients", "people") else fmean(self.zone_means(name).values())

    def worst_zone(self, name: str) -> tuple[str, float] | None:
        """The zone where a reading's field is worst, and its value there: the lowest temperature, else the highest."""
        zones = self.zone_means(name)
        worst = min if name == "temperature_c" else max
        return worst(zones.items(), key=lambda zone: zone[1]) if zones else None

    def people_inside(self, figures: Mapping[str, Number | None]) -> int | None:
        """How many are in the building now, by the figures of today so far: who came in less who left, at least 0.

        None while it is closed, where a door counter is silent or counts one way alone, and where people were inside
        over midnight. Without door counters, those in view.
        """
        if not self.opening.is_open or any(Kind.FOOTFALL in sensor.kinds for sensor in self.silent_sensors):
            return None
        drift, since = figures.get("occupancy_drift"), self.opening.since
        if drift is None:
            in_view = self.value("people")
            return None if in_view is None else round(in_view)
        was_open_at_midnight = since is not None and since.date() < self.now.date()
        return None if was_open_at_midnight and not self.opening.all_day else max(0, round(drift))

    def zone_means(self, name: str) -> dict[str, float]:
        """The mean of a reading's field by zone, weather apart; a sensor without one is a zone of its own."""
        return {zone: fmean(values) for zone, values in self._by_zone(name).items()}

    def _by_zone(self, name: str) -> dict[str, list[float]]:
        values: dict[str, list[float]] = {}
        for sensor in self.sensors:
            if name in sensor.values and not sensor.silent and sensor.zone != OUTDOOR:
                values.setdefault(sensor.zone or sensor.sensor, []).append(sensor.values[name])
        return values


def counts_people(sensors: Iterable[SensorState]) -> bool:
    """Whether one of a hub's sensors counts at a door, or did: nobody is missed at other hubs, and no sum has them."""
    return any(Kind.FOOTFALL in sensor.kinds for sensor in sensors)


def hub_state(
    estate: Estate, hub_id: str, sensors: Sequence[SensorState], now_ns: int, *, left_out: int = 0
) -> HubState:
    """The state of a hub that has these sensors."""
    calendar = HubCalendar(estate, hub_id)
    hub = estate.hub(hub_id)
    return HubState(
        id=hub_id,
        name=(hub.name if hub else "") or hub_id,
        sea_level=hub is not None and hub.altitude_m is not None,
        now=from_ns(now_ns).astimezone(calendar.zone),
        opening=_opening(calendar, now_ns),
        sensors=tuple(sensors),
        sensors_left_out=left_out,
    )


def _opening(calendar: HubCalendar, now_ns: int) -> Opening:
    today = calendar.day(calendar.date_of(now_ns))
    tomorrow = calendar.day(today.date + timedelta(days=1)).span
    yesterday = calendar.day(today.date - timedelta(days=1)).span
    # A night's opening is one, whatever midnight is in it.
    around = union(calendar.open_within(Span(yesterday.start_ns, tomorrow.stop_ns)))
    now_open = next((span for span in around if span.start_ns <= now_ns < span.stop_ns), None)
    edges_ns = [edge_ns for span in today.open for edge_ns in span]
    since_ns = max((edge_ns for edge_ns in edges_ns if edge_ns <= now_ns), default=None)
    until_ns = min((edge_ns for edge_ns in edges_ns if edge_ns > now_ns), default=None)
    if now_open is not None:
        since_ns = now_open.start_ns
        until_ns = now_open.stop_ns if now_open.stop_ns < tomorrow.stop_ns else today.span.stop_ns

    def local(edge_ns: int | None) -> datetime | None:
        return None if edge_ns is None else from_ns(edge_ns).astimezone(calendar.zone)

    return Opening(
        now_open is not None,
        today.open == (today.span,),
        local(since_ns),
        local(until_ns),
        calendar.is_closed(today.date),
    )
