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

from collections.abc import Callable, Sequence
from itertools import accumulate, chain
from typing import Any

from msgspec import MsgspecError, Struct
from msgspec.json import Decoder
from pydantic_core import SchemaValidator, core_schema, from_json

from mqtt.messages import Message
from schemas.ids import is_id
from schemas.kinds import KINDS, Kind, KindSpec
from schemas.readings import Reason, Rejection
from sensors.formats import READINGS_MAX, Answer, Decoded, Fields, Item
from sensors.formats.items import text_of
from sensors.macs import quoted
from sensors.numbers import as_number
from sensors.times import number_ns, text_or_number_ns, times_ns
from sensors.units import UNITS, convert

_ABSENT = object()
_NUMBER_LITERALS = (b"NaN", b"Infinity")
_KEYS_MAX = 32
"""More colons than an object of known keys has, those of its time included: its keys and their faults are bounded."""
_PART_PAYLOADS = 64
"""So many payloads at most are parsed one by one for the sake of one that is odd."""

_SEPARATOR = b"\n,\r"
"""Between joined payloads: white space that nobody writes, so that it can be counted. It can't overlap itself."""


Sample = tuple[int | None, Fields]
"""One reading: UTC nanoseconds (None where it names no time) and fields."""

Columns = tuple[list[int], list[float]]
"""Readings of kinds with one field: the time and the value of each, in their order."""

Arrays = tuple[list[int], list[float], list[int]]
"""The columns of several payloads, and behind which of their readings each payload ends."""

Quote = Callable[..., str]
"""How a fault quotes what was sent: `quoted`, or shorter where nobody reads it."""

Parsed = list[Sample | Rejection] | Rejection
"""What became of one payload: of each of its items, or why it was refused whole."""

_FAULTS_TOLD = 100
_MORE_FAULTS = Rejection(
    Reason.BAD_SCHEMA, f"one of more than {_FAULTS_TOLD} items that can't be read: see the first ones"
)

_TOPIC_LEVELS = 4


class _Plain(Struct, forbid_unknown_fields=True, gc=False):
    """What nearly every reading is of a kind with one field."""

    time: float | int | str
    value: float


_ONE, _SOME = Decoder(_Plain), Decoder(list[_Plain])


class NativeFormat:
    """Messages whose topic names hub, kind and sensor.

    `decode` is the protocol of every format. Ingest takes the short way to the same: `identify` once for a topic, then
    a parser for each kind.
    """

    def __init__(self, quote: Quote = quoted) -> None:
        self._quote = quote
        self.parsers = {kind: NativeParser(kind, quote) for kind in Kind}

    def identify(self, topic: str) -> tuple[str, Kind] | Rejection:
        """The device, as `<hub>/<sensor>`, and the kind that a topic names."""
        levels = topic.split("/")
        if len(levels) != _TOPIC_LEVELS or levels[0] != "hubs":
            return Rejection(Reason.BAD_TOPIC, f"{self._quote(topic)} is not hubs/<hub>/<kind>/<sensor>")
        _, hub, kind, sensor = levels
        if not is_id(hub) or not is_id(sensor):
            problem = "is not an id: lower-case letters, digits, - and _, at most 64"
            return Rejection(Reason.BAD_TOPIC, f"{self._quote(sensor if is_id(hub) else hub)} {problem}")
        if kind not in Kind.__members__.values():
            return Rejection(Reason.BAD_TOPIC, f"{self._quote(kind)} is not a kind: use one of {', '.join(Kind)}")
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
        items = [sample if isinstance(sample, Rejection) else Item(kind, 1, *sample) for sample in samples]
        return [Decoded(device, items)]


class NativeParser:
    """Parses the native payloads of one kind."""

    def __init__(self, kind: Kind, quote: Quote = quoted) -> None:
        self._spec, self._quote = KINDS[kind], quote
        self._many = _validator(self._spec)
        single = self._spec.single
        self.single_name = single.name if single else None
        self._names = ", ".join(field.name for field in self._spec.fields)
        self._units = UNITS[single.unit] if single else {}
        self._numbers: dict[str, type[int | float] | None] = {field.name: field.number for field in self._spec.fields}
        self._numbers |= {"time": None} | ({"value": float, "unit": None} if single else {})
        """The keys that a reading may have, and the type of those that are numbers."""

    def plain(self, payloads: Sequence[bytes]) -> Columns | None:
        """Payloads each of which is one object with a time and a value; None where one is anything else."""
        try:
            return None if self.single_name is None else _columns(list(map(_ONE.decode, payloads)))
        except (MsgspecError, ValueError):
            return None

    def plain_arrays(self, payloads: Sequence[bytes]) -> Arrays | None:
        """Payloads each of which is an array of such objects; None where one is anything else."""
        if self.single_name is None:
            return None
        try:
            arrays = [_SOME.decode(p) for p in payloads if p.startswith(b"[") and _has_few_keys(p)]
            stops = list(accumulate(map(len, arrays)))
            if not all(arrays) or len(arrays) < len(payloads):
                return None
            return (*_columns(list(chain.from_iterable(arrays))), stops)
        except (MsgspecError, ValueError):
            return None

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
        if not _is_one_object_each(text, len(payloads)) or _literal_in(text) or not _has_few_keys(text):
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
                time_ns = text_or_number_ns(time) if type(time) is str else self._time_ns(time)
                parsed.append([(time_ns, {name: value})])
            else:
                parsed.append([self._sample(item)])
        return parsed

    def _parse_one(self, payload: bytes) -> Parsed:
        text = text_of(payload)
        if not text:
            return Rejection(Reason.BAD_PAYLOAD, "the payload is empty: send a reading as JSON")
        if literal := _literal_in(text):
            return Rejection(Reason.BAD_PAYLOAD, f"{literal} is not JSON: send a finite number")
        return (self._parse_array(text) if text.startswith(b"[") else None) or self._parse_items(text)

    def _parse_array(self, text: bytes) -> Parsed | None:
        """An array all of whose items are as they should be, or None."""
        if not _has_few_keys(text):
            return None
        try:
            return [self._sample(item) for item in self._many.validate_json(text, strict=True)]
        except ValueError:
            return None

    def _parse_items(self, text: bytes) -> Parsed:
        """Each item by itself, read with patience: numbers as text, counts with a fraction of 0, null for not given."""
        try:
            content = from_json(text)
        except ValueError as error:
            return Rejection(Reason.BAD_PAYLOAD, f"{self._quote(text.decode(errors='replace'))} is not JSON: {error}")
        if not isinstance(content, list):
            sample = self._item(content)
            return sample if isinstance(sample, Rejection) else [sample]
        if not content:
            return Rejection(Reason.BAD_SCHEMA, "the array is empty: send at least one reading")
        if len(content) > READINGS_MAX:
            problem = f"{len(content)} readings: send at most {READINGS_MAX} in one message"
            return Rejection(Reason.TOO_LARGE, problem)
        return self._items(content)

    def _items(self, content: list[object]) -> list[Sample | Rejection]:
        """Each item of an array by itself. After many faults the others share one sentence: memory is bounded."""
        parsed: list[Sample | Rejection] = []
        faults = 0
        for number, item in enumerate(content):
            sample = self._item(item, f"[{number}]: ") if faults < _FAULTS_TOLD or type(item) is dict else _MORE_FAULTS
            if isinstance(sample, Rejection):
                faults += 1
                sample = sample if faults <= _FAULTS_TOLD else _MORE_FAULTS
            parsed.append(sample)
        return parsed

    def _item(self, item: object, place: str = "") -> Sample | Rejection:
        try:
            if isinstance(item, dict):
                return self._sample(self._checked(item))
            return None, self._bare(item, is_alone=not place)
        except OverflowError:
            return Rejection(Reason.OUT_OF_RANGE, f"{place}{self._quote(item)} is beyond any measure")
        except ValueError as error:
            return Rejection(Reason.BAD_SCHEMA, f"{place}{error}")

    def _bare(self, value: object, *, is_alone: bool) -> Fields:
        """A bare number is the value of a kind with one field; its time is the receive time."""
        if not is_alone:
            raise ValueError(f"{self._quote(value)} is not an object")
        number = as_number(value)
        if number is None:
            raise ValueError(f"{self._quote(value)} is not a reading: send an object, an array of objects or a number")
        if self.single_name is None:
            problem = f"a bare number, but {self._spec.kind} has several fields"
            raise ValueError(f"{problem}: send an object with some of {self._names}")
        return {self.single_name: float(number)}

    def _checked(self, item: dict[str, Any]) -> dict[str, Any]:
        """What an object gives, each number in its field's type. Raises ValueError with what to send instead."""
        given: dict[str, Any] = {}
        for key, value in item.items():
            if key not in self._numbers:
                known = f"time, value, unit, {self._names}" if self._units else f"time, {self._names}"
                name = self._quote(key, 61).strip("'")
                raise ValueError(f"unknown key {name}: {self._spec.kind} knows {known}")
            if value is not None:
                number = self._numbers[key]
                given[key] = value if number is None else _typed(key, value, number, self._quote)
        return given

    def _sample(self, item: dict[str, Any]) -> Sample:
        """One object as a sample. Raises ValueError with what to send instead."""
        time = item.pop("time", _ABSENT)
        time_ns = None if time is _ABSENT else self._time_ns(time)
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
        elif unit is not None and unit != "":
            value = convert(value, unit, field.unit, self._spec.kind)
        return {field.name: value}

    def _time_ns(self, time: object) -> int:
        """The instant that `time` names. Raises ValueError with what to send instead."""
        if type(time) is int or type(time) is float:
            return number_ns(time)
        if type(time) is str:
            return text_or_number_ns(time)
        raise ValueError(f"time {self._quote(time)} is neither a number nor text: write RFC 3339 or a Unix time")


def _columns(readings: Sequence[_Plain]) -> Columns:
    return times_ns([reading.time for reading in readings]), [reading.value for reading in readings]


def _is_one_object_each(text: bytes, payloads: int) -> bool:
    """Whether each of the joined payloads can only be one object; see above."""
    return (
        text.count(_SEPARATOR) == payloads - 1
        and text.count(b"}" + _SEPARATOR + b"{") == payloads - 1
        and text.count(b"{") == payloads
    )


def _has_few_keys(text: bytes) -> bool:
    """Whether the objects of a text are no more, and no larger, than what the validator may be given whole."""
    objects = text.count(b"{")
    return 0 < objects <= READINGS_MAX and text.count(b":") <= objects * _KEYS_MAX


def _literal_in(text: bytes) -> str | None:
    """NaN or Infinity, which the parser would read although they are not JSON."""
    return next((literal.decode() for literal in _NUMBER_LITERALS if literal in text), None)


def _typed(name: str, value: object, number: type[int | float], quote: Quote) -> int | float:
    """A field's value in the field's type, which never changes. Raises ValueError, OverflowError."""
    given = as_number(value)
    if given is None or (number is int and given != given // 1):
        raise ValueError(f"{name}: {quote(value)} is not {'a whole number' if number is int else 'a number'}")
    return number(given)


def _validator(spec: KindSpec) -> SchemaValidator:
    """Validates an array of objects with exactly the keys that the kind knows, each of its own type."""
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
    # At the first fault the items are read one by one: an error object for each would take a hundred times the payload.
    return SchemaValidator(core_schema.list_schema(shape, fail_fast=True))
