r"""Messages to a batch: decode by kind, validate, encode as line protocol.

    messages -> topic's route -> parser of the kind -> clock, range, plausibility -> lines
                       \-> refused         \-> refused            \-> refused, that one reading

Nothing is done per message that can be done once per batch or once per sensor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.batches import Batch, DayMark, Delivery, Refused
from mqtt.messages import Message
from schemas.kinds import KINDS, Field, Kind
from schemas.localtime import NS_A_SECOND, day_span, from_ns, local_day, rfc3339
from schemas.readings import Reason, Rejection
from sensors.native import NativeParser
from sensors.registry import Registry, SensorPlace
from sensors.samples import Fields, Sample
from stores.lines import series_prefix

OLDEST_NS = 946_684_800 * NS_A_SECOND
"""2000-01-01: a clock that reads earlier was never set, whatever the retention."""

_TOPICS_MAX = 50_000
_DEFAULT_EVERY_S = 600
_SHOWN_CHARS = 24

Limits = tuple[float, float, float, float]
"""Refused below and above, suspect below and above."""


class _HubDays:
    """Which past local day of a hub a time falls on; remembers the last one, since times come in runs."""

    __slots__ = ("_hub", "_mark", "_start_ns", "_stop_ns", "_zone", "today_ns", "tomorrow_ns")

    def __init__(self, hub: str, zone: ZoneInfo) -> None:
        self._hub, self._zone = hub, zone
        self._mark = DayMark(hub, 0)
        self._start_ns = self._stop_ns = self.today_ns = self.tomorrow_ns = 0

    def refresh(self, now_ns: int) -> None:
        if not self.today_ns <= now_ns < self.tomorrow_ns:
            self.today_ns, self.tomorrow_ns = day_span(local_day(now_ns, self._zone), self._zone)

    def mark(self, time_ns: int) -> DayMark:
        if not self._start_ns <= time_ns < self._stop_ns:
            self._start_ns, self._stop_ns = day_span(local_day(time_ns, self._zone), self._zone)
            self._mark = DayMark(self._hub, self._start_ns)
        return self._mark


class _Receipt(NamedTuple):
    """When a message came; as many nanoseconds from there on are its own as it has readings."""

    time_ns: int
    is_redelivery: bool


class KindBatch:
    """The messages of one kind within the batch at hand, each with its route."""

    __slots__ = ("messages", "parser", "routes", "single")

    def __init__(self, kind: Kind) -> None:
        self.parser = NativeParser(kind)
        single = KINDS[kind].single
        self.single = single.name if single else None
        self.routes: list[TopicRoute] = []
        self.messages: list[Message] = []

    def clear(self) -> None:
        self.routes, self.messages = [], []


@dataclass(slots=True)
class TopicRoute:
    """What never changes between two messages of a topic."""

    place: SensorPlace
    kind_batch: KindBatch
    days: _HubDays
    prefix: str
    """`temperature,hub=armley,sensor=air-1 `, and for a kind with one field `temperature_c=` after it."""
    limits: Mapping[str, Limits]
    plain_low: float
    plain_high: float
    """Between these the value of a kind with one field is neither refused nor suspect."""


class Decoder:
    """Decodes lists of messages for the estate in force. Not shared between threads."""

    def __init__(
        self,
        registry: Registry,
        *,
        clock_ns: Callable[[], int],
        clock_ahead_max_s: int = 600,
        retention_days: int | None = None,
        message_bytes_max: int = 1024 * 1024,
        known_delivery: Callable[[Message], Delivery | None] = lambda _message: None,
    ) -> None:
        self._registry = registry
        self._clock_ns = clock_ns
        self._ahead_ns = clock_ahead_max_s * NS_A_SECOND
        self._retention = timedelta(days=retention_days) if retention_days else None
        self._message_bytes_max = message_bytes_max
        self._known_delivery = known_delivery
        self._kind_batches = {kind: KindBatch(kind) for kind in Kind}
        self._limits: dict[tuple[Kind, int | None], Mapping[str, Limits]] = {}
        self._routes: dict[bytes, TopicRoute] = {}
        self._days: dict[str, _HubDays] = {}
        self._last_receive_ns = 0
        self._now_ns = self._received_ns = self._latest_ns = self._oldest_ns = 0

    def use(self, registry: Registry) -> None:
        """Decode for another estate from here on."""
        self._registry = registry
        self._forget_topics()

    def decode(self, messages: Sequence[Message], *, received_ns: int | None = None) -> Batch:
        """The batch of a list of messages; whatever a message holds, this does not raise.

        `received_ns` is when they came, where that was not now: what has no time of its own gets exactly it.
        """
        self._set_clock()
        self._received_ns = self._now_ns
        if received_ns is not None:
            self._received_ns, self._last_receive_ns = received_ns, received_ns - 1
        batch = Batch(messages=len(messages))
        for kind_batch in self._kind_batches.values():
            kind_batch.clear()
        routes = self._routes
        for message in messages:
            if message.cut_from_bytes or len(message.payload) > self._message_bytes_max:
                self._refuse(message.cut(), self._too_large(message), batch)
                continue
            route = routes.get(message.topic) or self.resolve_topic(message.topic)
            if isinstance(route, Rejection):
                self._refuse(message, route, batch)
            else:
                route.kind_batch.routes.append(route)
                route.kind_batch.messages.append(message)
        for kind_batch in self._kind_batches.values():
            if kind_batch.messages:
                self._accept_batch(kind_batch, batch)
        return batch

    def refuse(self, message: Message, rejection: Rejection) -> Batch:
        """The batch of a message that is not to be decoded at all."""
        self._set_clock()
        self._received_ns = self._now_ns
        batch = Batch(messages=1)
        self._refuse(message, rejection, batch)
        return batch

    def _set_clock(self) -> None:
        self._now_ns = self._clock_ns()
        self._latest_ns = self._now_ns + self._ahead_ns
        self._oldest_ns = OLDEST_NS
        if self._retention is not None:
            self._oldest_ns = max(OLDEST_NS, self._now_ns - int(self._retention.total_seconds()) * NS_A_SECOND)
        for days in self._days.values():
            days.refresh(self._now_ns)

    def _forget_topics(self) -> None:
        self._routes.clear()
        self._days.clear()

    def resolve_topic(self, topic: bytes) -> TopicRoute | Rejection:
        """The route of a topic that was not seen yet; a topic that is refused is looked at anew each time."""
        try:
            place = self._registry.resolve(topic.decode())
        except UnicodeDecodeError:
            return Rejection(reason=Reason.BAD_TOPIC, detail="the topic is not UTF-8")
        if isinstance(place, Rejection):
            return place
        if len(self._routes) >= _TOPICS_MAX:
            self._forget_topics()
        self._routes[topic] = route = self._new_route(place)
        return route

    def _new_route(self, place: SensorPlace) -> TopicRoute:
        days = self._days.get(place.hub)
        if days is None:
            days = self._days[place.hub] = _HubDays(place.hub, place.zone_info)
            days.refresh(self._now_ns)
        kind_batch = self._kind_batches[place.kind]
        series = series_prefix(place.kind, (("hub", place.hub), ("sensor", place.sensor), ("zone", place.zone)))
        limits = self._limits_of(place.kind, place.every_s)
        low, high, plausible_low, plausible_high = next(iter(limits.values()))
        return TopicRoute(
            place=place,
            kind_batch=kind_batch,
            days=days,
            prefix=f"{series} {kind_batch.single}=" if kind_batch.single else f"{series} ",
            limits=limits,
            plain_low=max(low, plausible_low),
            plain_high=min(high, plausible_high),
        )

    def _limits_of(self, kind: Kind, every_s: int | None) -> Mapping[str, Limits]:
        known = self._limits.get((kind, every_s))
        if known is None:
            known = self._limits[kind, every_s] = {f.name: _limits(f, every_s) for f in KINDS[kind].fields}
        return known

    def _too_large(self, message: Message) -> Rejection:
        return Rejection(
            reason=Reason.TOO_LARGE,
            detail=f"{message.payload_bytes} bytes: send at most {self._message_bytes_max} in one message",
        )

    def _accept_batch(self, kind_batch: KindBatch, batch: Batch) -> None:
        """Take what the messages hold; one plain reading with a time, which nearly all are, by the shortest path."""
        parsed = kind_batch.parser.parse([message.payload for message in kind_batch.messages])
        single, oldest_ns, latest_ns = kind_batch.single, self._oldest_ns, self._latest_ns
        add_line, add_mark = batch.lines.append, batch.marks.add
        for route, message, samples in zip(kind_batch.routes, kind_batch.messages, parsed, strict=True):
            if isinstance(samples, Rejection):
                self._refuse(message, samples, batch)
                continue
            if single is not None and len(samples) == 1:
                time_ns, fields = samples[0]
                value = fields[single]
                if (
                    time_ns is not None
                    and oldest_ns <= time_ns <= latest_ns
                    and route.plain_low <= value <= route.plain_high
                ):
                    add_line(f"{route.prefix}{value!r} {time_ns}")
                    if time_ns < route.days.today_ns:
                        add_mark(route.days.mark(time_ns))
                    continue
            self.accept(route, message, samples, batch)

    def accept(self, route: TopicRoute, message: Message, samples: list[Sample], batch: Batch) -> None:
        rejections: list[Rejection] = []
        receipt: _Receipt | None = None
        untimed = 0
        today_ns, latest_ns, oldest_ns = route.days.today_ns, self._latest_ns, self._oldest_ns
        for time_ns, fields in samples:
            if time_ns is None:
                if message.retained:
                    rejections.append(_RETAINED)
                    continue
                receipt = receipt or self._receipt(message, len(samples), batch)
                time_ns = receipt.time_ns + untimed  # noqa: PLW2901 - from here on it has a time
                untimed += 1
            if not oldest_ns <= time_ns <= latest_ns:
                rejections.append(self._wrong_clock(time_ns))
                continue
            line = _encode(route, fields, time_ns)
            if isinstance(line, Rejection):
                rejections.append(line)
                continue
            batch.lines.append(line)
            if time_ns < today_ns:
                batch.marks.add(route.days.mark(time_ns))
        if rejections:
            receipt = receipt or self._receipt(message, 1, batch)
            batch.refused.append(Refused(message, rejections, len(samples) - len(rejections), *receipt))

    def _refuse(self, message: Message, rejection: Rejection, batch: Batch) -> None:
        batch.refused.append(Refused(message, [rejection], 0, *self._receipt(message, 1, batch)))

    def _receipt(self, message: Message, readings: int, batch: Batch) -> _Receipt:
        """When the message came, which is at its first delivery where the broker delivers it again."""
        known = self._known_delivery(message)
        if known is not None:
            batch.deliveries.append(known)
            return _Receipt(known.time_ns, is_redelivery=True)
        first_ns = max(self._received_ns, self._last_receive_ns + 1)
        self._last_receive_ns = first_ns + readings - 1
        if message.packet_id:
            batch.deliveries.append(Delivery(message.packet_id, message.digest(), first_ns))
        return _Receipt(first_ns, is_redelivery=False)

    def _wrong_clock(self, time_ns: int) -> Rejection:
        if time_ns > self._latest_ns:
            return Rejection(
                reason=Reason.CLOCK_AHEAD,
                detail=f"time {_shown_time(time_ns)} is more than {self._ahead_ns // NS_A_SECOND} s in the future:"
                " set the device's clock",
            )
        return Rejection(
            reason=Reason.TOO_OLD,
            detail=f"time {_shown_time(time_ns)} is before {rfc3339(self._oldest_ns)}, the oldest that is kept:"
            " set the device's clock or raise HUBPULSE_RETENTION_DAYS",
        )


def _encode(route: TopicRoute, fields: Fields, time_ns: int) -> str | Rejection:
    suspect = ""
    values = []
    single = route.kind_batch.single is not None
    for name, value in fields.items():
        low, high, plausible_low, plausible_high = route.limits[name]
        if not low <= value <= high:
            return _out_of_range(route.place.kind, name, value)
        if not plausible_low <= value <= plausible_high:
            suspect = ",suspect=true"
        text = f"{value}i" if type(value) is int else repr(value)
        values.append(text if single else f"{name}={text}")
    return f"{route.prefix}{','.join(values)}{suspect} {time_ns}"


def _limits(spec: Field, every_s: int | None) -> Limits:
    scale = (every_s or _DEFAULT_EVERY_S) / _DEFAULT_EVERY_S if spec.per_interval else 1
    return spec.low, spec.high, spec.plausible_low, spec.plausible_high * scale


def _out_of_range(kind: Kind, name: str, value: float) -> Rejection:
    spec = next(f for f in KINDS[kind].fields if f.name == name)
    shown = str(value)
    shown = shown if len(shown) <= _SHOWN_CHARS else f"{shown[:_SHOWN_CHARS]}..."
    return Rejection(
        reason=Reason.OUT_OF_RANGE, detail=f"{name} {shown} is outside {spec.low:g}..{spec.high:g} {spec.unit}"
    )


def _shown_time(time_ns: int) -> str:
    try:
        return from_ns(time_ns).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        return "beyond the calendar"


_RETAINED = Rejection(
    reason=Reason.BAD_SCHEMA,
    detail="retained and without a time: it would count again at each connection; send a time, or don't retain it",
)
