"""How many sensors of a hub are taken into account: whoever has its password can send readings of any invented name.

Those that the estate file names always are. Of the others the ones with the most readings are, so that names which
were made up in passing push out none that reports every few minutes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from stores import SeriesChunk
from usage.plan import HubPlan

UNNAMED_SENSORS_MAX = 200
"""Of one hub and kind."""
_LINE = re.compile(r"-line[0-9]{1,3}$")


def base_sensor(sensor: str) -> str:
    """The sensor that a further line of a counter belongs to; any other is its own."""
    return _LINE.sub("", sensor)


def is_named(plan: HubPlan, sensor: str) -> bool:
    """Whether the estate file names a sensor, or the one that it is a line of."""
    return sensor in plan.sensors or base_sensor(sensor) in plan.sensors


def with_most_readings(chunks: Iterable[SeriesChunk], plan: HubPlan) -> list[SeriesChunk]:
    """The chunks of one kind, which come sensor by sensor, without those of sensors beyond the limit.

    Memory is bounded by what is kept.
    """
    named: list[SeriesChunk] = []
    others: dict[str, list[SeriesChunk]] = {}

    def prune(count_max: int) -> None:
        most = sorted(others, key=lambda sensor: (-sum(len(chunk.times_ns) for chunk in others[sensor]), sensor))
        for sensor in most[count_max:]:
            del others[sensor]

    for chunk in chunks:
        sensor = chunk.tags["sensor"]
        if is_named(plan, sensor):
            named.append(chunk)
        elif sensor in others or len(others) < 2 * UNNAMED_SENSORS_MAX:
            others.setdefault(sensor, []).append(chunk)
        else:
            prune(UNNAMED_SENSORS_MAX)
            others[sensor] = [chunk]
    prune(UNNAMED_SENSORS_MAX)
    return [*named, *(chunk for found in others.values() for chunk in found)]


def with_room(chunks: Iterable[SeriesChunk], plan: HubPlan, known: Iterable[str]) -> list[SeriesChunk]:
    """A chunk for each sensor that is named or known, and for others as long as there is room."""
    there = set(known)
    room = UNNAMED_SENSORS_MAX - sum(not is_named(plan, sensor) for sensor in there)
    kept: list[SeriesChunk] = []
    for chunk in chunks:
        sensor = chunk.tags["sensor"]
        if not (is_named(plan, sensor) or sensor in there):
            if room <= 0:
                continue
            room -= 1
            there.add(sensor)
        kept.append(chunk)
    return kept
