"""The native format: topic `hubs/<hub>/<kind>/<sensor>`, payload an object, an array of objects or a bare number.

Payloads are parsed by the batch: those of one kind are joined to one JSON array and validated at once. Joining can
in principle glue two broken payloads into something valid, so the joined parse is believed only where every payload
is an object by its first and last byte, the number of objects equals the number of payloads, and nothing at all was
odd; two glued payloads always leave one object too few, an unknown key or an odd value. Anything odd is parsed again
one by one, which is the truth that the joined parse must equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails, SchemaValidator, ValidationError, core_schema

from schemas.kinds import KINDS, Kind, KindSpec
from schemas.readings import Reason, Rejection
from sensors.samples import Fields, Parsed, Sample
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


class NativeParser:
    """Parses the native payloads of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._spec = KINDS[kind]
        self._one, self._many = _validators(self._spec)
        single = self._spec.single
        self._units = _UNITS[single.unit] if single else {}

    def parse(self, payloads: Sequence[bytes]) -> list[Parsed]:
        """The samples of each payload, or why it was refused; never raises."""
        items = self._joined(payloads)
        if items is not None:
            samples = self._samples_or_none(items)
            if samples is not None:
                return [[sample] for sample in samples]
        return [self._parse_one(payload) for payload in payloads]

    def _joined(self, payloads: Sequence[bytes]) -> list[dict[str, Any]] | None:
        if len(payloads) == 1 or any(p[:1] != b"{" or p[-1:] != b"}" for p in payloads):
            return None
        text = b"[" + b",".join(payloads) + b"]"
        if _literal_in(text):
            return None
        try:
            items: list[dict[str, Any]] = self._many.validate_json(text, strict=True)
        except ValidationError:
            return None
        return items if len(items) == len(payloads) else None

    def _samples_or_none(self, items: list[dict[str, Any]]) -> list[Sample] | None:
        try:
            return [self._sample(item) for item in items]
        except ValueError:
            return None

    def _parse_one(self, payload: bytes) -> Parsed:
        text = payload.strip(b" \t\r\n")
        first = text[:1]
        if literal := _literal_in(text):
            return Rejection(reason=Reason.BAD_PAYLOAD, detail=f"{literal} is not JSON: send a finite number")
        try:
            if first == b"[":
                items = self._many.validate_json(text, strict=True)
            elif first == b"{":
                items = [self._one.validate_json(text, strict=True)]
            else:
                return self._parse_bare(text)
            if not items:
                return Rejection(reason=Reason.BAD_SCHEMA, detail="the array is empty: send at least one reading")
            return [self._sample(item) for item in items]
        except ValidationError as error:
            return self._explain(error.errors(include_url=False)[0])
        except ValueError as error:
            return Rejection(reason=Reason.BAD_SCHEMA, detail=str(error))

    def _parse_bare(self, text: bytes) -> Parsed:
        """A bare number is the value of a kind with one field; its time is the receive time."""
        if not text:
            return Rejection(reason=Reason.BAD_PAYLOAD, detail="the payload is empty: send a reading as JSON")
        try:
            value = _ANYTHING.validate_json(text)
        except ValidationError as error:
            return Rejection(reason=Reason.BAD_PAYLOAD, detail=_json_sentence(error.errors(include_url=False)[0]))
        if type(value) not in (int, float):
            return Rejection(
                reason=Reason.BAD_SCHEMA,
                detail=f"{_shown(value)} is not a reading: send an object, an array of objects or a number",
            )
        if not self._units:
            names = ", ".join(field.name for field in self._spec.fields)
            return Rejection(
                reason=Reason.BAD_SCHEMA,
                detail=f"a bare number, but {self._spec.kind} has several fields: send an object with some of {names}",
            )
        return self._parse_one(b'{"value":' + text + b"}")

    def _sample(self, item: dict[str, Any]) -> Sample:
        """One object as a sample. Raises ValueError with what to send instead."""
        time = item.pop("time", _ABSENT)
        time_ns: int | None
        if time is _ABSENT:
            time_ns = None
        elif type(time) is str:
            time_ns = text_ns(time)
        elif type(time) is int or type(time) is float:
            time_ns = number_ns(time)
        else:
            raise ValueError(f"time {_shown(time)} is neither a number nor text: write RFC 3339 or a Unix time")
        if self._units:
            return Sample(time_ns, self._single_value(item))
        if not item:
            names = ", ".join(field.name for field in self._spec.fields)
            raise ValueError(f"no field: send one or more of {names}")
        return Sample(time_ns, item)

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
        if detail["type"] == "json_invalid":
            return Rejection(reason=Reason.BAD_PAYLOAD, detail=_json_sentence(detail))
        place = "".join(f"[{part}]" if isinstance(part, int) else str(part) for part in detail["loc"])
        given = _shown(detail["input"])
        if detail["type"] == "int_parsing_size":
            return Rejection(reason=Reason.OUT_OF_RANGE, detail=f"{place}: {given} is beyond any counter")
        match detail["type"]:
            case "extra_forbidden":
                known = ", ".join(self._known_keys())
                sentence = f"unknown key {place}: {self._spec.kind} knows {known}"
            case "int_from_float" | "int_type":
                sentence = f"{place}: {given} is not a whole number"
            case "float_type":
                sentence = f"{place}: {given} is not a number"
            case "dict_type":
                sentence = f"{place or 'the payload'}: {given} is not an object"
            case _:
                sentence = f"{place}: {detail['msg']}"
        return Rejection(reason=Reason.BAD_SCHEMA, detail=sentence)

    def _known_keys(self) -> list[str]:
        names = [field.name for field in self._spec.fields]
        return ["time", "value", "unit", *names] if self._units else ["time", *names]


def _literal_in(text: bytes) -> str | None:
    """NaN or Infinity, which the parser would read although they are not JSON."""
    return next((literal.decode() for literal in _NUMBER_LITERALS if literal in text), None)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


def _json_sentence(detail: ErrorDetails) -> str:
    return f"not JSON: {detail.get('ctx', {}).get('error', detail['msg'])}"


_ANYTHING = SchemaValidator(core_schema.any_schema())


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
