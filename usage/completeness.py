"""Which readings a hub's day should have, and which it has, sensor by sensor and kind by kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import add

from schemas import Kind
from schemas.localtime import Span
from usage.calendar import Day
from usage.plan import EVERY_DEFAULT_NS, EXPECTED_KINDS, HubPlan
from usage.readings import HubReadings, SensorReadings

STEPS = 10_000


@dataclass(frozen=True, slots=True)
class Expectation:
    """One sensor and kind: its readings, None where it was silent all day, and how often it should report.

    `kind` is None for a sensor of the estate file that names no kinds and sent nothing; `every_ns` is None, and
    nothing expected, for one that the file does not name and whose readings are too few to show it.
    """

    sensor: str
    kind: Kind | None
    readings: SensorReadings | None
    every_ns: int | None

    def due(self, elapsed_ns: int) -> int:
        """How many readings so much time should bring."""
        return elapsed_ns // self.every_ns if self.every_ns else 0

    def received(self, spans: Sequence[Span]) -> Sequence[int]:
        """How many readings each of the spans has."""
        return self.readings.counts_of(spans) if self.readings else [0] * len(spans)


def expectations(readings: HubReadings, day: Day, plan: HubPlan) -> list[Expectation]:
    """Every sensor and kind that reported on the day or that the estate file names."""
    reporting = [
        Expectation(sensor.sensor, kind, sensor, every_ns(sensor, day, plan))
        for kind in sorted(EXPECTED_KINDS)
        for sensor in readings.get(kind, ())
        if sensor.count(day.span)
    ]
    reported = {(expected.sensor, expected.kind) for expected in reporting}
    silent = [
        Expectation(name, kind, None, plan.every_ns(name) or EVERY_DEFAULT_NS)
        for name, config in plan.sensors.items()
        for kind in _expected_kinds(config.kinds, has_reported=any(name == sensor for sensor, _ in reported))
        if (name, kind) not in reported
    ]
    return reporting + silent


def _expected_kinds(listed: Sequence[Kind], *, has_reported: bool) -> Sequence[Kind | None]:
    if listed:
        return [kind for kind in listed if kind in EXPECTED_KINDS]
    return () if has_reported else (None,)


def every_ns(sensor: SensorReadings, day: Day, plan: HubPlan) -> int | None:
    """How often a sensor reports: as the estate file says, else as its last days show, else the day itself."""
    default_ns = EVERY_DEFAULT_NS if plan.sensor(sensor.sensor) else None
    shown_ns = plan.every_ns(sensor.sensor) or sensor.usual_interval_ns(day.span.start_ns)
    return shown_ns or sensor.interval_ns(day.span) or default_ns


def completeness(expected: Sequence[Expectation], spans: Sequence[Span], now_ns: int) -> list[float | None]:
    """Of each span: readings received of those expected by now, 0 to 1; one's surplus hides no other's silence.

    Rounded down, so that only a whole span is 1. None where nothing is expected.
    """
    elapsed_ns = [max(0, min(now_ns, span.stop_ns) - span.start_ns) for span in spans]
    received, due = [0] * len(spans), [0] * len(spans)
    for each in expected:
        if each.every_ns:
            due_here = [length_ns // each.every_ns for length_ns in elapsed_ns]
            due = list(map(add, due, due_here))
            received = list(map(add, received, map(min, due_here, each.received(spans))))
    return [got * STEPS // wanted / STEPS if wanted else None for got, wanted in zip(received, due, strict=True)]
