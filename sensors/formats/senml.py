"""SenML in JSON (RFC 8428): a pack of records, whose base fields stay in force until they are replaced.

A name ends in `<hub>/<kind>/<sensor>`, and after it may have a field (`.../footfall/door-1/exits`); or the estate file
has it, or what is before its last `:` or `/`, as `device:`. Units say what is measured; a count says it by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mqtt.messages import Message
from schemas.ids import is_id
from schemas.kinds import FIELD_KINDS, KINDS, Kind
from schemas.localtime import NS_A_SECOND
from schemas.readings import Reason, Rejection
from sensors.formats import READINGS_MAX, Answer, Decoded, Fields, Item, NoReading
from sensors.formats.items import Time, availability_of, json_of, not_read, typed_value
from sensors.macs import quoted
from sensors.times import SinceReceipt

RELATIVE_BELOW_S = 2**28
"""A resolved time below this counts from now (RFC 8428, section 4.5.3)."""
_LATEST_S = 10**10
_VERSION_MAX = 10
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:./_-]*", re.ASCII)
_VALUES = ("v", "vs", "vb", "vd")
_NUMBERS = ("bt", "bv", "bs", "bver", "v", "s", "t", "ut")
_TEXTS = ("bn", "bu", "n", "u", "vs", "vd")
_KNOWN = frozenset((*_NUMBERS, *_TEXTS, "vb"))
_FIELDS = {
    **dict.fromkeys(("Cel", "K"), "temperature_c"),
    "%RH": "relative_humidity_pct",
    "ppm": "co2_ppm",
    **dict.fromkeys(("hPa", "Pa"), "pressure_hpa"),
    "%EL": "battery_pct",
}
_COUNT_UNITS = ("count", "")
_COUNTS = {Kind.FOOTFALL: ("entries", "entries_total"), Kind.WIFI: ("clients", None)}
"""The field of a value and of a sum whose name says no more than the kind."""


class Record(NamedTuple):
    """A resolved record: its name, its time in s (None: now), its unit, and what it has of v, vs, vb, vd and s."""

    name: str
    time_s: float | None
    unit: str | None
    values: Mapping[str, Any]


class SenmlFormat:
    """Messages that are SenML packs."""

    def decode(self, messages: Sequence[Message]) -> list[Answer]:
        """What each message holds; a pack with a fault is refused whole, as the standard has it."""
        return [self._decode(message) for message in messages]

    def _decode(self, message: Message) -> Answer:
        device = message.topic.decode(errors="replace")
        state = availability_of(message.payload, device)
        if state is not None:
            return state
        try:
            pack = json_of(message.payload)
        except ValueError as error:
            return not_read("JSON", error)
        try:
            records = list(resolve(pack))
        except ValueError as error:
            return Rejection(Reason.BAD_SCHEMA, f"not a pack of SenML: {error}")
        decoded = [found for record in records if (found := _decoded(record))]
        return _joined(decoded) or NoReading("no measure of ours")


def resolve(pack: object) -> Iterator[Record]:
    """The records of a pack without base fields (RFC 8428, section 4.6). Raises ValueError where it is none."""
    if not isinstance(pack, list) or not pack:
        raise ValueError("a pack is an array with a record at least")
    if len(pack) > READINGS_MAX:
        raise ValueError(f"{len(pack)} records: send at most {READINGS_MAX} in one message")
    base: dict[str, Any] = {}
    for number, record in enumerate(pack):
        try:
            _check(record)
            base.update((label, record[label]) for label in ("bn", "bt", "bu", "bv", "bs", "bver") if label in record)
            if record.keys() & {"n", "u", "t", "ut", "s", *_VALUES}:
                yield _resolved(record, base)
        except (OverflowError, ValueError) as error:
            raise ValueError(f"[{number}]: {error}") from error


def _check(record: object) -> None:
    if not isinstance(record, dict):
        raise ValueError(f"{quoted(record)} is not a record")  # noqa: TRY004 - one kind of error for the pack
    for label, value in record.items():
        if label.endswith("_") and label not in _KNOWN:
            raise ValueError(f"label {quoted(label)} must be understood, and is not known")
        if label in _NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(f"{label} {quoted(value)} is not a number")
        if label in _TEXTS and not isinstance(value, str):
            raise ValueError(f"{label} {quoted(value)} is not text")
    if not isinstance(record.get("vb", True), bool):
        raise ValueError(f"vb {quoted(record['vb'])} is neither true nor false")  # noqa: TRY004 - as above
    if record.get("bver", _VERSION_MAX) > _VERSION_MAX:
        raise ValueError(f"bver {quoted(record['bver'])} is a later version than {_VERSION_MAX}")


def _resolved(record: Mapping[str, Any], base: Mapping[str, Any]) -> Record:
    name = base.get("bn", "") + record.get("n", "")
    if not name:
        raise ValueError("the name is empty: send bn or n")
    if not _NAME.fullmatch(name):
        raise ValueError(f"name {quoted(name)} has signs that none may have, or begins with one")
    given = [label for label in _VALUES if label in record]
    if len(given) > 1 or not (given or "s" in record):
        problem = "more than one of" if given else "none of"
        raise ValueError(f"{problem} v, vs, vb and vd")
    values = {label: record[label] for label in given}
    if "v" in values:
        values["v"] += base.get("bv", 0)
    if "s" in record:
        values["s"] = record["s"] + base.get("bs", 0)
    time_s = base.get("bt", 0) + record.get("t", 0)
    return Record(name, time_s or None, record.get("u", base.get("bu")), values)


def _joined(decoded: Sequence[Decoded]) -> list[Decoded]:
    """What was decoded, with the values of one device, kind and time in one reading, such as entries and exits."""
    joined: list[Decoded] = []
    latest: dict[tuple[str, Kind, Time], Fields] = {}
    for device, items, also in decoded:
        kept: list[Item | Rejection] = []
        for item in items:
            if isinstance(item, Item):
                whole = also[-1] if device == also[0] else device
                fields = latest.get((whole, item.kind, item.time_ns))
                if fields is not None and fields.keys().isdisjoint(item.fields):
                    fields.update(item.fields)
                    continue
                latest[whole, item.kind, item.time_ns] = item.fields
            kept.append(item)
        if kept:
            joined.append(Decoded(device, kept, also))
    return joined


def _decoded(record: Record) -> Decoded | None:
    """The device and the items of a record; None where it measures nothing of ours."""
    levels = re.split("[/:]", record.name)
    kind, field, device = _of_name(levels)
    items = list(_items(record, kind, field or (levels[-1] if levels[-1] in FIELD_KINDS else None)))
    if not items:
        return None
    head = record.name[: -len(levels[-1]) - 1]
    return Decoded(device or record.name, items, tuple(name for name in (record.name, head) if name))


def _of_name(levels: list[str]) -> tuple[Kind | None, str | None, str | None]:
    """The kind, the field and the device, as `<hub>/<sensor>`, that the end of a name has."""
    field = levels[-1] if levels[-1] in FIELD_KINDS else None
    *_, hub, kind, sensor = ["", "", "", *(levels[:-1] if field else levels)]
    if kind not in Kind.__members__.values() or not (is_id(hub) and is_id(sensor)):
        return None, field, None
    return Kind(kind), field, f"{hub}/{sensor}"


def _items(record: Record, kind: Kind | None, field: str | None) -> Iterator[Item | Rejection]:
    unit = record.unit or ""
    for label, value in record.values.items():
        name = _field_of(label, unit, kind, field)
        if name is None:
            continue
        if kind is not None and FIELD_KINDS[name] is not kind:
            yield Rejection(Reason.BAD_SCHEMA, f"{quoted(record.name)}: unit {quoted(unit)} is not for {kind}")
            continue
        try:
            number = typed_value(name, value, None if unit in (*_COUNT_UNITS, "%EL") else unit)
            yield Item(FIELD_KINDS[name], 1, _time(record.time_s), {name: number})
        except (OverflowError, ValueError) as error:
            yield Rejection(Reason.BAD_SCHEMA, f"{quoted(record.name)}: {error}")


def _field_of(label: str, unit: str, kind: Kind | None, field: str | None) -> str | None:
    """The field that a value (v) or a sum (s) is of; None for what is neither a measure nor a count of ours."""
    if label == "v" and unit in _FIELDS:
        return _FIELDS[unit]
    if label not in ("v", "s") or unit not in _COUNT_UNITS:
        # A unit that the kind of the name has not: `_items` says so.
        return KINDS[kind].fields[0].name if kind and label == "v" and KINDS[kind].single else None
    if field is not None:
        return field
    if kind in _COUNTS:
        return _COUNTS[kind][label == "s"]
    single = KINDS[kind].single if kind else None
    return single.name if single and label == "v" and not unit else None


def _time(time_s: float | None) -> Time:
    if time_s is None:
        return None
    if abs(time_s) > _LATEST_S:
        raise ValueError(f"time {quoted(time_s)} is beyond the calendar")
    time_ns = time_s * NS_A_SECOND if isinstance(time_s, int) else round(time_s * 1e6) * 1000
    return SinceReceipt(time_ns) if time_s < RELATIVE_BELOW_S else time_ns
