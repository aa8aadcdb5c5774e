"""What leaves a hub: each reading with the moment at which it is sent, and messages in that order.

    observations -> transmissions -> faults -> sending order -> messages (single or in batches)

A reading sent late waits here until the simulation has come to its moment, so memory holds a day and what is late.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from schemas import Kind, Reason, Sensor
from simulators.devices import NS_A_MS, Observation
from simulators.hub import HubDay
from simulators.messages import TimedMessage


class Transmission(NamedTuple):
    """One reading on its way.

    `reason`: the pipeline will refuse it. `lost`: it never leaves the hub. `content` replaces the payload that the
    observation would have had.
    """

    sent_ns: int
    hub: str
    sensor: Sensor
    kind: Kind
    observation: Observation
    reason: Reason | None = None
    lost: bool = False
    content: bytes | None = None

    @property
    def topic(self) -> str:
        """The native topic of the sensor's readings."""
        return f"hubs/{self.hub}/{self.kind}/{self.sensor.id}"

    @property
    def device(self) -> tuple[str, str]:
        """Hub and id of the sensor."""
        return self.hub, self.sensor.id

    @property
    def series(self) -> tuple[str, str, Kind]:
        """Hub, id and kind."""
        return self.hub, self.sensor.id, self.kind

    def observing(self, **changed: Any) -> Transmission:
        """The transmission with parts of its observation changed."""
        return self._replace(observation=self.observation._replace(**changed))

    def with_fields(self, **changed: float) -> Transmission:
        """The transmission with other values of some of its fields."""
        return self.observing(fields=self.observation.fields | changed)


def transmissions_of(day: HubDay) -> list[list[Transmission]]:
    """The readings of a hub's day, series by series, each sent at the moment it was taken."""
    return [
        [Transmission(o.time_ns, day.hub.id, series.sensor, series.kind, o) for o in series.observations]
        for series in day.series
        if series.observations
    ]


Disturb = Callable[[list[Transmission]], list[Transmission]]
"""What becomes of the transmissions of one series and day, which are never none when it is called."""


class SendingOrder:
    """Puts transmissions into the order in which they are sent."""

    def __init__(self) -> None:
        self._waiting: list[Transmission] = []

    def add(self, transmissions: Iterable[Transmission]) -> None:
        """Take in transmissions; those that never leave the hub go no further."""
        self._waiting += [transmission for transmission in transmissions if not transmission.lost]

    def until(self, time_ns: int | None) -> list[Transmission]:
        """Take out what is sent before an instant, or everything."""
        self._waiting.sort(key=_sent_ns)
        stop = len(self._waiting) if time_ns is None else bisect_left(self._waiting, time_ns, key=_sent_ns)
        due, self._waiting = self._waiting[:stop], self._waiting[stop:]
        return due


_sent_ns = attrgetter("sent_ns")


Speak = Callable[[Transmission], TimedMessage | None]
"""The message of a device that speaks another format; None where it speaks natively."""


def messages_of(
    transmissions: Sequence[Transmission], *, readings_max: int, speak: Speak = lambda _transmission: None
) -> Iterator[TimedMessage]:
    """Transmissions in sending order as messages of up to so many readings of one topic.

    A reading with a payload of its own travels alone: what is refused with it would be refused for its neighbours too.
    So does one of a device that speaks another format.
    """
    if readings_max == 1:
        yield from (speak(transmission) or _single(transmission) for transmission in transmissions)
        return
    messages: list[TimedMessage] = []
    series: dict[tuple[str, str, Kind], list[Transmission]] = {}
    for transmission in transmissions:
        spoken = speak(transmission)
        if spoken is not None or transmission.content is not None:
            messages.append(spoken or _single(transmission))
        else:
            series.setdefault(transmission.series, []).append(transmission)
    for same in series.values():
        messages += map(_batch, _batches(same, readings_max))
    yield from sorted(messages)


def _batches(transmissions: Sequence[Transmission], readings_max: int) -> Iterator[Sequence[Transmission]]:
    """Cut transmissions of one series into batches. A copy goes with the next: in one message it would count twice."""
    first, times_ns = 0, set[int]()
    for at, transmission in enumerate(transmissions):
        time_ns = transmission.observation.time_ns
        if time_ns in times_ns or at - first == readings_max:
            yield transmissions[first:at]
            first, times_ns = at, set()
        times_ns.add(time_ns)
    yield transmissions[first:]


def payload(time_ns: int, fields: Mapping[str, object]) -> bytes:
    """One reading as a native payload, its time in milliseconds since 1970."""
    return dump({"time": time_ns // NS_A_MS, **fields})


def dump(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def _batch(transmissions: Sequence[Transmission]) -> TimedMessage:
    last = transmissions[-1]
    observations = (transmission.observation for transmission in transmissions)
    content = dump([{"time": o.time_ns // NS_A_MS, **o.fields} for o in observations])
    return TimedMessage(last.sent_ns, last.topic, content)


def _single(transmission: Transmission) -> TimedMessage:
    observation = transmission.observation
    content = payload(observation.time_ns, observation.fields) if transmission.content is None else transmission.content
    return TimedMessage(transmission.sent_ns, transmission.topic, content)
