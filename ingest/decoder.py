r"""Messages to a batch: decode by kind, validate, encode as line protocol.

    messages -> lane of the topic -> parser of the kind -> clock, range, plausibility -> lines
                       \-> refused         \-> refused            \-> refused, that one reading

Nothing is done per message that can be done once per batch or once per sensor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from ingest.batches import Batch, DayMark, Delivery, Message, Refused
from schemas.kinds import KINDS, Field, Kind
from schemas.localtime import NS_A_SECOND, day_bounds_ns, from_ns, local_day, rfc3339
from schemas.readings import Reason, Rejection
from sensors.native import NativeParser
from sensors.registry import Registry, Route
from sensors.samples import Fields, Sample
from stores.lines import series_prefix

OLDEST_NS = 946_684_800 * NS_A_SECOND
"""2000-01-01: a clock that reads earlier was never set, whatever the retention."""

_LANES_MAX = 200_000
_DEFAULT_EVERY_S = 600
_DIGEST_BYTES = 16
_SHOWN_CHARS = 24

Limits = tuple[float, float, float, float]


@dataclass(slots=True)
class _HubDays:
    """Which past local day of a hub a time falls on; remembers the last one, since times come in runs."""

    hub: str
    zone: ZoneInfo
    today_ns: int = 0
    tomorrow_ns: int = 0
    start_ns: int = 0
    stop_ns: int = 0

    def refresh(self, now_ns: int) -> None:
        if not self.today_ns <= now_ns < self.tomorrow_ns:
            self.today_ns, self.tomorrow_ns = day_bounds_ns(local_day(now_ns, self.zone), self.zone)

    def mark(self, time_ns: int) -> DayMark:
        if not self.start_ns <= time_ns < self.stop_ns:
            self.start_ns, self.stop_ns = day_bounds_ns(local_day(time_ns, self.zone), self.zone)
        return DayMark(self.hub, self.start_ns)


@dataclass(slots=True)
class _Lane:
    """What never changes between two messages of a topic."""

    route: Route
    days: _HubDays
    prefix: str
    single: str | None
    limits: Mapping[str, Limits]


@dataclass(slots=True)
class _Group:
    """The messages of one kind within a batch."""

    lanes: list[_Lane] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)


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
        known_delivery: Callable[[int], Delivery | None] = lambda _packet_id: None,
    ) -> None:
        self._registry = registry
        self._clock_ns = clock_ns
        self._ahead_ns = clock_ahead_max_s * NS_A_SECOND
        self._retention = timedelta(days=retention_days) if retention_days else None
        self._message_bytes_max = message_bytes_max
        self._known_delivery = known_delivery
        self._parsers = {kind: NativeParser(kind) for kind in Kind}
        self._lanes: dict[bytes, _Lane | Rejection] = {}
        self._days: dict[str, _HubDays] = {}
        self._last_receive_ns = 0
        self._now_ns = self._received_ns = self._latest_ns = self._oldest_ns = 0

    def decode(self, messages: Sequence[Message], *, received_ns: int | None = None) -> Batch:
        """The batch of a list of messages; whatever a message holds, this does not raise.

        `received_ns` is when they came, where that was not now; readings without a time get it.
        """
        self._set_clock()
        self._received_ns = self._now_ns if received_ns is None else received_ns
        batch = Batch(messages=len(messages))
        groups: dict[Kind, _Group] = {}
        for message in messages:
            lane = self._lanes.get(message.topic) or self._open_lane(message.topic)
            if isinstance(lane, Rejection):
                batch.refused.append(Refused(message, [lane], 0))
            elif len(message.payload) > self._message_bytes_max:
                batch.refused.append(Refused(message, [self._too_large(message)], 0))
            else:
                kind = lane.route.kind
                group = groups.get(kind)
                if group is None:
                    group = groups[kind] = _Group()
                group.lanes.append(lane)
                group.messages.append(message)
        for kind, group in groups.items():
            self._decode_kind(kind, group, batch)
        return batch

    def _set_clock(self) -> None:
        self._now_ns = self._clock_ns()
        self._latest_ns = self._now_ns + self._ahead_ns
        self._oldest_ns = OLDEST_NS
        if self._retention is not None:
            self._oldest_ns = max(OLDEST_NS, self._now_ns - int(self._retention.total_seconds()) * NS_A_SECOND)
        for days in self._days.values():
            days.refresh(self._now_ns)

    def _open_lane(self, topic: bytes) -> _Lane | Rejection:
        if len(self._lanes) >= _LANES_MAX:
            self._lanes.clear()
        self._lanes[topic] = lane = self._resolve(topic)
        return lane

    def _resolve(self, topic: bytes) -> _Lane | Rejection:
        try:
            route = self._registry.resolve(topic.decode())
        except UnicodeDecodeError:
            return Rejection(reason=Reason.BAD_TOPIC, detail="the topic is not UTF-8")
        if isinstance(route, Rejection):
            return route
        days = self._days.get(route.hub)
        if days is None:
            days = self._days[route.hub] = _HubDays(route.hub, route.zone_info)
            days.refresh(self._now_ns)
        spec = KINDS[route.kind]
        tags = (("hub", route.hub), ("sensor", route.sensor), ("zone", route.zone))
        return _Lane(
            route=route,
            days=days,
            prefix=series_prefix(route.kind, tags),
            single=spec.single.name if spec.single else None,
            limits={f.name: _limits(f, route.every_s) for f in spec.fields},
        )

    def _too_large(self, message: Message) -> Rejection:
        return Rejection(
            reason=Reason.TOO_LARGE,
            detail=f"{len(message.payload)} bytes: send at most {self._message_bytes_max} in one message",
        )

    def _decode_kind(self, kind: Kind, group: _Group, batch: Batch) -> None:
        parsed = self._parsers[kind].parse([message.payload for message in group.messages])
        for lane, message, samples in zip(group.lanes, group.messages, parsed, strict=True):
            if isinstance(samples, Rejection):
                batch.refused.append(Refused(message, [samples], 0))
            else:
                self._take(lane, message, samples, batch)

    def _take(self, lane: _Lane, message: Message, samples: list[Sample], batch: Batch) -> None:
        rejections: list[Rejection] = []
        receive_ns = 0
        today_ns, latest_ns, oldest_ns = lane.days.today_ns, self._latest_ns, self._oldest_ns
        for sample in samples:
            time_ns, fields = sample
            if time_ns is None:
                if message.retained:
                    rejections.append(_RETAINED)
                    continue
                if not receive_ns:
                    receive_ns = self._receive_ns(message, len(samples), batch)
                time_ns = receive_ns
                receive_ns += 1
            if not oldest_ns <= time_ns <= latest_ns:
                rejections.append(self._wrong_clock(time_ns))
                continue
            line = _encode(lane, fields, time_ns)
            if isinstance(line, Rejection):
                rejections.append(line)
                continue
            batch.lines.append(line)
            if time_ns < today_ns:
                batch.marks.add(lane.days.mark(time_ns))
        if rejections:
            batch.refused.append(Refused(message, rejections, len(samples) - len(rejections)))

    def _receive_ns(self, message: Message, samples: int, batch: Batch) -> int:
        """The receive time of a message without one; the same again where the broker delivers it again."""
        digest = hashlib.blake2b(message.topic + b"\0" + message.payload, digest_size=_DIGEST_BYTES).digest()
        known = self._known_delivery(message.packet_id) if message.dup else None
        if known is not None and known.digest == digest:
            return known.time_ns
        first_ns = max(self._received_ns, self._last_receive_ns + 1)
        self._last_receive_ns = first_ns + samples
        if message.packet_id:
            batch.deliveries.append(Delivery(message.packet_id, digest, first_ns))
        return first_ns

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


def _encode(lane: _Lane, fields: Fields, time_ns: int) -> str | Rejection:
    suspect = ""
    for name, value in fields.items():
        low, high, plausible_low, plausible_high = lane.limits[name]
        if not low <= value <= high:
            return _out_of_range(lane.route.kind, name, value)
        if not plausible_low <= value <= plausible_high:
            suspect = ",suspect=true"
    if lane.single is not None:
        return f"{lane.prefix} {lane.single}={fields[lane.single]!r}{suspect} {time_ns}"
    values = ",".join(
        [f"{name}={value}i" if type(value) is int else f"{name}={value!r}" for name, value in fields.items()]
    )
    return f"{lane.prefix} {values}{suspect} {time_ns}"


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
