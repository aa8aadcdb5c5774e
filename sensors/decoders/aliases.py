"""What network servers and vendors' codecs call a value, and which field it is.

Names are compared by their letters and digits alone: `line_1_total_in`, `Line1TotalIn` and `line-1-total-in` are one.
What is not known is left out, for there is always more in such an object than we measure. Where two names of a field
differ in their values, neither is believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from schemas.kinds import FIELDS
from schemas.readings import Reason, Rejection
from sensors.formats import Item, NoReading
from sensors.formats.items import Readings
from sensors.macs import quoted
from sensors.numbers import as_number
from sensors.times import text_ns

_NAMES: Mapping[str, str] = {
    "temperature_c": """temperature temp tempc temperaturec tempcelsius temperaturecelsius degreesc airtemperature
        airtemp ambienttemperature roomtemperature tempcsht tc temperaturedegc""",
    "temperature_c degF": "tempf temperaturef tempfahrenheit temperaturefahrenheit tf",
    "relative_humidity_pct": """humidity hum rh relativehumidity relhumidity airhumidity ambienthumidity roomhumidity
        humiditypct humiditypercent relativehumiditypercent humsht rhpct""",
    "co2_ppm": "co2 carbondioxide co2level co2concentration airco2 co2value",
    "pressure_hpa": """pressure barometer barometricpressure airpressure atmosphericpressure ambientpressure baro
        pressurehpa barometerhpa pressurembar""",
    "pressure_hpa Pa": "pressurepa barometerpa",
    "entries": """peoplein personsin personin visitorsin periodin periodcounterin periodiccounterin periodicin
        peoplecountin countperiodin enteredperiod""",
    "exits": """peopleout personsout personout visitorsout periodout periodcounterout periodiccounterout periodicout
        peoplecountout countperiodout leftperiod""",
    "entries_total": """totalin intotal peopletotalin totalpeoplein totalcounterin countertotalin totalentries
        cumulativein peopleintotal incumulative""",
    "exits_total": """totalout outtotal peopletotalout totalpeopleout totalcounterout countertotalout totalexits
        cumulativeout peopleouttotal outcumulative""",
    "people": "peoplecount peoplecountall peopletotalcounts personcount numberofpeople occupantcount",
    "clients": "wificlients connectedclients numsta",
    "devices": "wifi wificount wifidevices",
    "battery_pct": "battery batterypercent batterypercentage batterylevel batpct batterypct batpercent",
    "battery_v": "batteryvoltage batteryv batv battv vbat vdd batterymv batmv battvoltage batteryvolt",
}
"""By field, and the unit of the names where that is not the field's."""

_PLACES = frozenset(
    (  # noqa: SIM905 - a list of words
        "air ambient barometer battery co2 counter counters counts data decoded environment humidity indoor "
        "measurement measurements metering object payload people pressure sensor sensors temperature values"
    ).split()
)
"""Objects whose values are looked at; whatever is in others (soil, water, a probe) is another thing."""

_LINE = re.compile(r"line([1-9])(.*)")
_NUMBERED = re.compile(r"(.*?)(\d{1,3})")
_BATTERY_V_MAX = 5
"""A battery with a fraction of this or less is in volts, as The Things Stack's normalized form has it."""

_MILLIVOLTS_FROM = 100
_KEYS_SHOWN, _KEYS_MAX, _NAME_CHARS_MAX = 12, 1000, 64


class _Alias(NamedTuple):
    field: str
    unit: str | None
    rank: int
    """Which name goes before another of the same field: the lower."""


class _Found(NamedTuple):
    alias: _Alias
    key: str
    value: Any
    unit: Any


def _plain(name: str) -> str:
    return "".join(sign for sign in name.lower() if sign.isascii() and sign.isalnum())


def _aliases() -> Iterator[tuple[str, _Alias]]:
    for target, names in _NAMES.items():
        field, _, unit = target.partition(" ")
        yield from ((name, _Alias(field, unit or None, 2 if unit else 1)) for name in names.split())
    # Last: a codec that gives our own names means them.
    yield from ((_plain(field), _Alias(field, None, 0)) for field in FIELDS)


_ALIASES = dict(_aliases())
_COUNTED = frozenset({"entries", "exits", "entries_total", "exits_total"})


def read_objects(objects: Sequence[Mapping[str, Any]]) -> list[Item | Rejection] | NoReading | Rejection:
    """The items that known names of these objects stand for, or a refusal that names what was there instead."""
    items = [item for values in objects for item in _read(values)]
    if items:
        return items
    names = list(dict.fromkeys(str(name) for values in objects for name, _, _ in _values(values)))
    if known := [quoted(name) for name in names if _alias_of(_plain(name))[1] is not None]:
        return NoReading(f"no value: {', '.join(known[:_KEYS_SHOWN])}")
    shown = ", ".join(quoted(name) for name in names[:_KEYS_SHOWN]) or "nothing"
    more = f" and {len(names) - _KEYS_SHOWN} more" if len(names) > _KEYS_SHOWN else ""
    problem = f"no name in it is known: {shown}{more}"
    return Rejection(Reason.BAD_SCHEMA, f"{problem}; name a `model:`, or write a codec that says {', '.join(FIELDS)}")


def _read(values: Mapping[str, Any]) -> list[Item | Rejection]:
    readings = Readings(_time_ns(values.get("time")))
    found: dict[tuple[str, int], list[_Found]] = {}
    for key, value, unit in _values(values):
        line, alias = _alias_of(_plain(key))
        if alias is not None and value is not None:
            meant, number = _as_battery(alias, value)
            found.setdefault((meant.field, line), []).append(_Found(meant, key, number, unit or meant.unit))
    for (field, line), candidates in found.items():
        rank = min(candidate.alias.rank for candidate in candidates)
        first, *others = (candidate for candidate in candidates if candidate.alias.rank == rank)
        if any(as_number(other.value) != as_number(first.value) for other in others):
            names = " and ".join(quoted(candidate.key) for candidate in (first, *others)[:_KEYS_SHOWN])
            readings.refuse(f"{names} differ, and each may be {field}: write a codec that says {field}")
        elif not field.startswith("battery") or as_number(first.value) is not None:
            readings.add(field, first.value, unit=first.unit, line=line)
    return readings.items()


def _values(values: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Name, value and unit of what an object holds, also one level deeper."""
    for key, value in list(values.items())[:_KEYS_MAX]:
        if not isinstance(value, Mapping):
            yield key, value, None
        elif "value" in value:
            yield key, value["value"], value.get("unit") or value.get("units")
        elif _plain(key) in _PLACES or _LINE.fullmatch(_plain(key)):
            for inner, part in list(value.items())[:_KEYS_MAX]:
                joined = f"{key}.{inner}"
                yield (joined if _alias_of(_plain(joined))[1] else inner), part, None
        else:
            yield key, None, None


def _alias_of(name: str) -> tuple[int, _Alias | None]:
    """The line, and the field that a name stands for."""
    return _known(name) if len(name) <= _NAME_CHARS_MAX else (1, None)


@lru_cache(maxsize=4096)
def _known(name: str) -> tuple[int, _Alias | None]:
    if (alias := _ALIASES.get(name)) is not None:
        return 1, alias
    if (lined := _LINE.fullmatch(name)) is not None:
        alias = _ALIASES.get(lined[2]) or _ALIASES.get(f"people{lined[2]}")
        return int(lined[1]), alias if alias is not None and alias.field in _COUNTED else None
    numbered = _NUMBERED.fullmatch(name)
    alias = _ALIASES.get(numbered[1]) if numbered is not None else None
    # Channels, as of Cayenne's low power payload.
    return 1, alias._replace(rank=3) if alias is not None and alias.field not in _COUNTED else None


def _as_battery(alias: _Alias, value: Any) -> tuple[_Alias, Any]:
    """A battery's value in percent or V, by what it can be."""
    number = as_number(value)
    if number is None:
        return alias, value
    if alias.field == "battery_pct" and alias.rank and number <= _BATTERY_V_MAX and number != number // 1:
        return alias._replace(field="battery_v"), value
    if alias.field == "battery_v" and alias.rank and number >= _MILLIVOLTS_FROM:
        return alias, number / 1000
    return alias, value


def _time_ns(value: object) -> int | None:
    try:
        return text_ns(value) if isinstance(value, str) else None
    except ValueError:
        return None
