"""What a message becomes, without a broker, a buffer or a store: the pipeline's own decoder, looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ingest.answers import answers_of, read_frames
from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas.kinds import RAW_FIELDS, Kind
from schemas.localtime import NS_A_SECOND, rfc3339
from schemas.readings import Reading, Rejection
from schemas.settings import Settings
from sensors.formats import Announcement, Availability, Decoded, Item, NoReading, Uplink
from sensors.registry import Registry
from sensors.times import LocalTime
from stores.lines import parse


class Explanation(NamedTuple):
    """The readings that a message would be stored as, what of it would be refused, and what it is if neither."""

    readings: list[Reading]
    rejected: list[Rejection]
    no_reading: str | None


class Step(NamedTuple):
    """A step of a message's way: its name, and what is known after it."""

    step: str
    found: dict[str, Any]


def explain(
    topic: str,
    payload: bytes,
    *,
    registry: Registry,
    settings: Settings,
    clock_ns: Callable[[], int],
    announcements: Sequence[Message] = (),
) -> Explanation:
    """What would become of a message; `announcements` came before it, and say how others are to be read."""
    decoder = Decoder(registry, settings, clock_ns=clock_ns)
    decoder.remember(announcements)
    batch = decoder.decode([_message(topic, payload)])
    rejections = [rejection for refused in batch.refused for rejection in refused.rejections]
    return Explanation([_reading(line) for line in batch.lines], rejections, next(iter(batch.no_reading), None))


def steps(
    topic: str,
    payload: bytes,
    *,
    registry: Registry,
    settings: Settings,
    clock_ns: Callable[[], int],
    announcements: Sequence[Message] = (),
) -> list[Step]:
    """The way of a message: format, device, decoder, frame, values as they were sent, and what is stored of them."""
    decoder = Decoder(registry, settings, clock_ns=clock_ns)
    decoder.remember(announcements)
    message = _message(topic, payload)
    found = registry.format_of(topic)
    source = registry.source_of(topic)
    if isinstance(found, Rejection) or source is None:
        return [Step("format", {"source": None, "detail": found.detail if isinstance(found, Rejection) else ""})]
    way = [Step("format", {"name": source.format, "source": source.topic})]
    [answer] = answers_of(*found, [message])
    way += _answer_steps(answer, registry)
    for line in decoder.decode([message]).points:
        way.append(Step("reading", _stored(line)))
    return way


def _answer_steps(answer: Any, registry: Registry) -> list[Step]:
    if isinstance(answer, Uplink):
        return _frame_steps(answer, registry)
    if isinstance(answer, Availability):
        return [Step("device", {"names": [answer.device], "online": answer.online})]
    if isinstance(answer, (NoReading, Announcement)):
        return [Step("no reading", {"what": answer.what})]
    if isinstance(answer, Rejection):
        return [Step("refused", {"reason": answer.reason.value, "detail": answer.detail})]
    return [step for decoded in answer for step in _device_steps(decoded, registry)]


def _device_steps(decoded: Decoded, registry: Registry) -> list[Step]:
    names = (decoded.device, *decoded.also)
    return [Step("device", {"names": list(names), **registry.describe(names)}), *map(_item_step, decoded.items)]


def _frame_steps(uplink: Uplink, registry: Registry) -> list[Step]:
    names = (uplink.device, *uplink.also)
    known = registry.describe(names)
    frame = {"f_port": uplink.f_port, "bytes": uplink.frame.hex(), "objects": list(uplink.objects)}
    way = [Step("device", {"names": list(names), **known}), Step("frame", {**frame, "radio": uplink.radio})]
    device = next((name for name in names if registry.describe((name,))), names[0])
    [answer] = read_frames([(uplink, device)], registry)
    decoder = known.get("model") or uplink.model or ("the network server's" if uplink.objects else None)
    way.append(Step("decoder", {"name": decoder}))
    if isinstance(answer, (NoReading, Rejection)):
        return way + _answer_steps(answer, registry)
    return way + [_item_step(item) for item in answer]


def _item_step(item: Item | Rejection) -> Step:
    if isinstance(item, Rejection):
        return Step("refused", {"reason": item.reason.value, "detail": item.detail})
    time = "the receipt"
    if isinstance(item.time_ns, int):
        time = rfc3339(item.time_ns)
    elif isinstance(item.time_ns, LocalTime):
        time = f"{rfc3339(item.time_ns.wall_ns)[:-1]} on the hub's clocks"
    elif item.time_ns is not None:
        time = f"{item.time_ns.offset_ns / NS_A_SECOND:+g} s from the receipt"
    return Step("value", {"kind": item.kind.value, "line": item.line, "time": time, "fields": item.fields})


def _stored(line: str) -> dict[str, Any]:
    point = parse(line)
    raw = {name: point.fields[stored] for name, stored in RAW_FIELDS.items() if stored in point.fields}
    shown = _reading(line).model_dump(mode="json", exclude_none=True)
    return shown | ({"before_calibration": raw} if raw else {})


def _message(topic: str, payload: bytes) -> Message:
    return Message(topic.encode(errors="surrogateescape"), payload)


def _reading(line: str) -> Reading:
    point = parse(line)
    suspect = bool(point.fields.pop("suspect", False))
    raw = RAW_FIELDS.values()
    return Reading(
        hub=point.tags["hub"],
        kind=Kind(point.measurement),
        sensor=point.tags["sensor"],
        zone=point.tags.get("zone"),
        time=rfc3339(point.time_ns),
        fields={name: value for name, value in point.fields.items() if name not in raw},
        suspect=suspect,
    )
