"""The native format: topic `hubs/<hub>/<kind>/<sensor>`, payload an object, an array of objects or a bare number.

Payloads are parsed by the batch: those of one kind are joined to one JSON array and validated at once. That must never
let broken payloads repair each other: `{"value":1},{"value":2}`, `{"time":[{}` and `{}],"time":5,"value":3}` would make
an array of three good objects. So the joined parse is believed only where counting bytes shows that

    no payload holds the separator that joins them,
    every separator stands between a `}` and a `{`, and
    there are as many `{` as payloads, so that each payload has one, at its start.

The separator holds a line feed, which no JSON string may: it can't stand inside of a string, nor inside of an object,
whose `}` before it would need a `{` of its own. So the n-th object of the array is the n-th payload and nothing else.
Whatever does not pass is parsed one by one, which is the truth that the joined parse must equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails, SchemaValidator, ValidationError, core_schema

from mqtt.messages import Message
from schemas.ids import is_id
from schemas.kinds import KINDS, Kind, KindSpec
from schemas.readings import Reason, Rejection
from sensors.formats import Answer, Decoded, Fields, Item
from sensors.times import number_ns, text_ns

_UNITS: Mapping[str, Mapping[str, Callable[[float], float]]] = {
    "Cel": {
        **dict.fromkeys(("Cel", "C", "°C"), lambda celsius: celsius),
        "K": lambda kelvin: kelvin - 273.15,
        **dict.fromkeys(("degF", "F", "°F"), lambda fahrenheit: (fahrenheit - 32) / 1.8),
    },
    "%RH": dict.fromkeys(("%RH", "%"), lambda percent: percent),
    "hPa": {
        **dict.fromkeys(("hPa", "mbar"), lambda hectopascal: hectopascal),
        "Pa": lambda pascal: pascal / 100,
        "kPa": lambda kilopascal: kilopascal * 10,
    },
    "ppm": {"ppm": lambda parts: parts},
}
"""What `value` may be given in, by the unit that is stored. Unit names are those of SenML (RFC 8428) and common use."""

_ABSENT = object()
_NUMBER_LITERALS = (b"NaN", b"Infinity")
_SHOWN_CHARS = 60
_PART_PAYLOADS = 64
"""So many payloads at most are parsed one by one for the sake of one that is odd."""

_SEPARATOR = b"\n,\r"
"""Between joined payloads: white space that nobody writes, so that it can be counted. It can't overlap itself."""


Sample = tuple[int | None, Fields]
"""One reading: UTC nanoseconds (None where it names no time) and fields."""

Parsed = list[Sample] | Rejection
"""What became of one payload."""

_TOPIC_LEVELS = 4


class NativeFormat:
    """Messages whose topic names hub, kind and sensor.

    `decode` is the protocol of every format. Ingest takes the short way to the same: `identify` once for a topic, then
    a parser for each kind.
    """

    def __init__(self) -> None:
        self.parsers = {kind: NativeParser(kind) for kind in Kind}

    def identify(self, topic: str) -> tuple[str, Kind] | Rejection:
        """The device, as `<hub>/<sensor>`, and the kind that a topic names."""
        levels = topic.split("/")
        if len(levels) != _TOPIC_LEVELS or levels[0] != "hubs":
            return Rejection(Reason.BAD_TOPIC, f"{topic[:200]!r} is not hubs/<hub>/<kind>/<sensor>")
        _, hub, kind, sensor = levels
        if not is_id(hub) or not is_id(sensor):
            problem = "is not an id: lower-case letters, digits, - and _, at most 64"
            return Rejection(Reason.BAD_TOPIC, f"{(sensor if is_id(hub) else hub)[:80]!r} {problem}")
        if kind not in Kind.__members__.values():
            return Rejection(Reason.BAD_TOPIC, f"{kind[:80]!r} is not a kind: use one of {', '.join(Kind)}")
        return f"{hub}/{sensor}", Kind(kind)

    def decode(self, messages: Sequence[Message]) -> list[Answer]:
        """The device and items of each message, or why it was refused."""
        return [self._decode(message) for message in messages]

    def _decode(self, message: Message) -> Answer:
        identity = self.identify(message.topic.decode(errors="replace"))
        if isinstance(identity, Rejection):
            return identity
        device, kind = identity
        [samples] = self.parsers[kind].parse([message.payload])
        if isinstance(samples, Rejection):
            return samples
        return [Decoded(device, [Item(kind, 1, time_ns, fields) for time_ns, fields in samples])]


class NativeParser:
    """Parses the native payloads of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._spec = KINDS[kind]
        self._one, self._many = _validators(self._spec)
        single = self._spec.single
        self.single_name = single.name if single else None
        self._names = ", ".join(field.name for field in self._spec.fields)
        self._units = _UNITS[single.unit] if single else {}

    def parse(self, payloads: Sequence[bytes]) -> list[Parsed]:
        """The samples of each payload, or why it was refused; never raises."""
        joined = self._parse_joined(payloads)
        if joined is not None:
            return joined
        parsed: list[Parsed] = []
        for start in range(0, len(payloads), _PART_PAYLOADS):
            part = payloads[start : start + _PART_PAYLOADS]
            parsed += self._parse_joined(part) or map(self._parse_one, part)
        return parsed

    def _parse_joined(self, payloads: Sequence[bytes]) -> list[Parsed] | None:
        """All payloads at once, or None where they must be looked at one by one."""
        text = b"[" + _SEPARATOR.join(payloads) + b"]"
        if not _is_one_object_each(text, len(payloads)) or _literal_in(text):
            return None
        try:
            return self._samples(self._many.validate_json(text, strict=True))
        except ValueError:
            return None

    def _samples(self, items: list[dict[str, Any]]) -> list[Parsed]:
        """The sample of each object. Raises ValueError where one is odd."""
        name = self.single_name
        if name is None:
            return [[self._sample(item)] for item in items]
        parsed: list[Parsed] = []
        for item in items:
            # Nearly every object is {"time": ..., "value": ...}: no other key has to be looked for.
            value = item.get("value")
            time = item.get("time")
            if len(item) == 2 and value is not None and time is not None:  # noqa: PLR2004 - the two just named
                parsed.append([(_time_ns(time), {name: value})])
            else:
                parsed.append([self._sample(item)])
        return parsed

    def _parse_one(self, payload: bytes) -> Parsed:
        text = payload.strip(b" \t\r\n")
        if not text:
            return Rejection(Reason.BAD_PAYLOAD, "the payload is empty: send a reading as JSON")
        if literal := _literal_in(text):
            return Rejection(Reason.BAD_PAYLOAD, f"{literal} is not JSON: send a finite number")
        try:
            return self._read(text)
        except ValidationError as error:
            return self._explain(error.errors(include_url=False)[0])
        except ValueError as error:
            return Rejection(Reason.BAD_SCHEMA, str(error))

    def _read(self, text: bytes) -> list[Sample]:
        """The samples of a payload that is not empty. Raises ValueError with what to send instead."""
        if text.startswith(b"{"):
            return [self._sample(self._one.validate_json(text, strict=True))]
        if not text.startswith(b"["):
            return [(None, self._bare(_NUMBER.validate_json(text, strict=True)))]
        items = self._many.validate_json(text, strict=True)
        if not items:
            raise ValueError("the array is empty: send at least one reading")
        return [self._sample(item) for item in items]

    def _bare(self, value: float) -> Fields:
        """A bare number is the value of a kind with one field; its time is the receive time."""
        if self.single_name is None:
            problem = f"a bare number, but {self._spec.kind} has several fields"
            raise ValueError(f"{problem}: send an object with some of {self._names}")
        return {self.single_name: value}

    def _sample(self, item: dict[str, Any]) -> Sample:
        """One object as a sample. Raises ValueError with what to send instead."""
        time = item.pop("time", _ABSENT)
        time_ns = None if time is _ABSENT else _time_ns(time)
        if self.single_name is not None:
            return time_ns, self._single_value(item)
        if not item:
            raise ValueError(f"no field: send one or more of {self._names}")
        return time_ns, item

    def _single_value(self, item: dict[str, Any]) -> Fields:
        field = self._spec.fields[0]
        value = item.get("value")
        unit = item.get("unit")
        if value is None:
            value = item.get(field.name)
            if value is None or len(item) > 1:
                raise ValueError(f"no value: send value, with or without unit, or {field.name}")
        elif field.name in item:
            raise ValueError(f"both value and {field.name}: send one of them")
        elif unit is not None:
            convert = self._units.get(unit) if isinstance(unit, str) else None
            if convert is None:
                raise ValueError(f"unit {_shown(unit)} is not for {self._spec.kind}: use {', '.join(self._units)}")
            value = round(convert(value), 6) if unit != field.unit else value
        return {field.name: value}

    def _explain(self, detail: ErrorDetails) -> Rejection:
        place = _place(detail)
        given = _shown(detail["input"])
        match detail["type"]:
            case "json_invalid":
                problem = detail.get("ctx", {}).get("error", detail["msg"])
                return Rejection(Reason.BAD_PAYLOAD, f"not JSON: {problem}")
            case "int_parsing_size":
                return Rejection(Reason.OUT_OF_RANGE, f"{place}: {given} is beyond any counter")
            case _ if not detail["loc"]:
                sentence = f"{given} is not a reading: send an object, an array of objects or a number"
            case "extra_forbidden":
                known = f"time, value, unit, {self._names}" if self._units else f"time, {self._names}"
                sentence = f"unknown key {place}: {self._spec.kind} knows {known}"
            case "int_from_float" | "int_type":
                sentence = f"{place}: {given} is not a whole number"
            case "float_type":
                sentence = f"{place}: {given} is not a number"
            case "dict_type":
                sentence = f"{place}: {given} is not an object"
            case _:
                sentence = f"{place}: {detail['msg']}"
        return Rejection(Reason.BAD_SCHEMA, sentence)


def _is_one_object_each(text: bytes, payloads: int) -> bool:
    """Whether each of the joined payloads can only be one object; see above."""
    return (
        text.count(_SEPARATOR) == payloads - 1
        and text.count(b"}" + _SEPARATOR + b"{") == payloads - 1
        and text.count(b"{") == payloads
    )


def _time_ns(time: object) -> int:
    """The instant that `time` names. Raises ValueError with what to send instead."""
    if type(time) is int or type(time) is float:
        return number_ns(time)
    if type(time) is str:
        return text_ns(time)
    raise ValueError(f"time {_shown(time)} is neither a number nor text: write RFC 3339 or a Unix time")


def _literal_in(text: bytes) -> str | None:
    """NaN or Infinity, which the parser would read although they are not JSON."""
    return next((literal.decode() for literal in _NUMBER_LITERALS if literal in text), None)


def _place(detail: ErrorDetails) -> str:
    """Where in the payload: `[3]value`, with a key of the sender's cut short."""
    parts = (f"[{part}]" if isinstance(part, int) else _cut(ascii(part)[1:-1]) for part in detail["loc"])
    return "".join(parts)


def _shown(value: object) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


_NUMBER = SchemaValidator(core_schema.float_schema())


def _validators(spec: KindSpec) -> tuple[SchemaValidator, SchemaValidator]:
    """Validators of one object and of an array of them, with exactly the keys that the kind knows."""
    keys: dict[str, core_schema.CoreSchema] = {"time": core_schema.any_schema()}
    if spec.single:
        keys |= {"value": core_schema.float_schema(), "unit": core_schema.any_schema()}
    for field in spec.fields:
        keys[field.name] = core_schema.int_schema() if field.number is int else core_schema.float_schema()
    shape = core_schema.typed_dict_schema(
        {name: core_schema.typed_dict_field(schema, required=False) for name, schema in keys.items()},
        extra_behavior="forbid",
        strict=True,
    )
    return SchemaValidator(shape), SchemaValidator(core_schema.list_schema(shape))
