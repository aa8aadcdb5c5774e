"""How much of a hub's opening time its sensors cover, worked out on purpose apart from the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from schemas import Hub, Kind
from schemas.localtime import Span
from simulators.devices import every_ns
from simulators.truth.received import ReceivedReading, ReceivedSeries

_DAY_NS = 86400 * 10**9
_NEVER_NS = 2**62
_ROOM_KINDS = (Kind.TEMPERATURE, Kind.HUMIDITY, Kind.PRESSURE, Kind.CO2)

Received = Mapping[tuple[str, Kind], ReceivedSeries]


class Door(NamedTuple):
    """A door's part of a day: in each clock hour, how long it covers the opening time, and how long by itself."""

    sensor: str
    covered_ns: list[int]
    direct_ns: list[int]


def doors(
    hub: Hub,
    received: Received,
    day: Span,
    open_hours: Sequence[Sequence[Span]],
    tells: Callable[[str, Span, int], bool],
) -> list[Door]:
    """The hub's doors; one that nothing came of up to the day's end is not there yet.

    `tells` says of a door whether a total that grew by so many over a span of more than a day tells of all of it.
    """
    found = []
    for sensor in hub.sensors:
        series = received.get((sensor.id, Kind.FOOTFALL))
        if series and _is_seen(series, day):
            if series.sensor.counter_bits is None:
                direct = covered = _held(series, day)
            else:
                steps = _steps(series, day)
                direct = [step for step, _ in steps if step.length_ns <= series.hold_ns]
                covered = [s for s, people in steps if s.length_ns <= _DAY_NS or tells(sensor.id, s, people)]
                covered += _pending(series, day)
            found.append(
                Door(
                    sensor.id,
                    [_covered_ns(opening, covered) for opening in open_hours],
                    [_covered_ns(opening, direct) for opening in open_hours],
                )
            )
    return found


def door_share(
    doors: Sequence[Door], open_hours: Sequence[Sequence[Span]], weights: Mapping[str, list[int]]
) -> float | None:
    """The share of the day's usual people whose time the doors cover."""
    open_ns = [sum(stop - start for start, stop in opening) for opening in open_hours]
    due = sum(weight * ns for door in doors for weight, ns in zip(weights[door.sensor], open_ns, strict=True))
    found = sum(weight * ns for door in doors for weight, ns in zip(weights[door.sensor], door.covered_ns, strict=True))
    return found * 1000 // due / 1000 if due else None


def access_points(hub: Hub, received: Received, day: Span, opening: Sequence[Span]) -> float | None:
    """The share that the access points cover."""
    seen = [
        series for sensor in hub.sensors if (series := received.get((sensor.id, Kind.WIFI))) and _is_seen(series, day)
    ]
    return _mean([_open_share(opening, _held(series, day)) for series in seen])


def _is_seen(series: ReceivedSeries, day: Span) -> bool:
    return bool(series.readings) and series.readings[0].time_ns < day.stop_ns


def rooms(hub: Hub, received: Received, day: Span, opening: Sequence[Span], zone: str | None = None) -> float | None:
    """The share that each zone's sensors of each kind cover, or those of one zone."""
    groups: dict[tuple[str, Kind], list[Span]] = {}
    for sensor in hub.sensors:
        for kind in sensor.kinds:
            if kind in _ROOM_KINDS and zone in (None, sensor.zone or sensor.id):
                series = received.get((sensor.id, kind))
                spans = groups.setdefault((sensor.zone or sensor.id, kind), [])
                spans += _held(series, day) if series else []
    return _mean([_open_share(opening, spans) for spans in groups.values()])


def _mean(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return int(sum(known) / len(known) * 1000 + 1e-6) / 1000 if known else None


def _open_share(opening: Sequence[Span], covered: Iterable[Span]) -> float | None:
    whole_ns = sum(stop - start for start, stop in opening)
    return _covered_ns(opening, covered) / whole_ns if whole_ns else None


def _covered_ns(opening: Sequence[Span], covered: Iterable[Span]) -> int:
    found_ns, reached_ns = 0, 0
    for start, stop in sorted(covered):
        begin_ns = max(start, reached_ns)
        reached_ns = max(stop, reached_ns)
        found_ns += sum(max(0, min(stop, closes) - max(begin_ns, opens)) for opens, closes in opening)
    return found_ns


def _held(series: ReceivedSeries, day: Span) -> list[Span]:
    """Each trusted reading covers its interval, up to the next where that is at most half an interval late."""
    interval_ns = every_ns(series.sensor)
    times = [reading.time_ns for reading in series.around(day, 2 * interval_ns) if not reading.suspect]
    return [
        Span(time_ns, later if later - time_ns <= 1.5 * interval_ns else time_ns + interval_ns)
        for time_ns, later in zip(times, [*times[1:], _NEVER_NS], strict=False)
    ]


def _steps(series: ReceivedSeries, day: Span) -> list[tuple[Span, int]]:
    """Between which readings a total tells how many people came, and how many."""
    return [
        (Span(r.since_ns, r.time_ns), r.counted.entries)
        for r in _settled(series, day)
        if r.since_ns is not None and r.is_known
    ]


def _pending(series: ReceivedSeries, day: Span) -> list[Span]:
    """What came since the last total, the next one will tell."""
    pending_ns = every_ns(series.sensor) * 3 // 2
    last = [r for r in _settled(series, day)[-1:] if r.since_ns is not None]
    return [Span(r.time_ns, r.time_ns + pending_ns) for r in last]


def _settled(series: ReceivedSeries, day: Span) -> list[ReceivedReading]:
    fell_ns = series.fallen_since("entries_total")
    return [r for r in series.steps(day) if fell_ns is None or r.time_ns < fell_ns]
