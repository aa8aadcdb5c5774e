"""What Milesight's models send: for each channel and type, the values and their places.

Source: the "Uplink payload" chapter of each model's user guide. A number is a count of bytes that measure nothing of
ours (light, movement, gases other than CO2, regions, alarms): the frame goes on after them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sensors.decoders.frames import Value

Part = Value | int
Parts = tuple[Part, ...]
Channels = Mapping[int, Parts]
"""By channel and type as one number: 0x0367 is channel 03, type 67."""


class Model(NamedTuple):
    """What a model sends now, and in records of the past, some of which have a byte that says what they hold."""

    channels: dict[int, Parts]
    records: Mapping[int, Parts | Channels] = {}


ATTRIBUTES: dict[int, Parts] = {
    0xFF01: (1,),  # version of the protocol
    0xFF08: (6,),  # serial number
    0xFF09: (2,),  # version of the hardware
    0xFF0A: (2,),  # version of the firmware
    0xFF0B: (1,),  # switched on
    0xFF0F: (1,),  # class of LoRaWAN
    0xFF16: (8,),  # serial number
    0xFF18: (2,),  # parts that work
    0xFF1F: (4,),  # version of the firmware
    0xFFFE: (1,),  # was reset
    0xFFFF: (2,),  # version of the data model
}

_BATTERY = Value("battery_pct", "B")
_TEMPERATURE = Value("temperature_c", "h", 10)
_HUMIDITY = Value("relative_humidity_pct", "B", 2, absent=0xFF)
_HUMIDITY_WIDE = Value("relative_humidity_pct", "H", 2, absent=0xFFFF)
_HUMIDITY_TENTHS = Value("relative_humidity_pct", "H", 10, absent=0xFFFF)
_CO2 = Value("co2_ppm", "H", absent=0xFFFF)
_PRESSURE = Value("pressure_hpa", "H", 10, absent=0xFFFF)
_PEOPLE = Value("people", "B")
_PEOPLE_WIDE = Value("people", "H")


def _counts(packed: str, line: int = 1) -> tuple[Value, Value]:
    return Value("entries", packed, line=line), Value("exits", packed, line=line)


def _totals(packed: str, line: int = 1) -> tuple[Value, Value]:
    return Value("entries_total", packed, line=line), Value("exits_total", packed, line=line)


_POWER: dict[int, Parts] = {0x0175: (_BATTERY,)}
_CLIMATE: dict[int, Parts] = {**_POWER, 0x0367: (_TEMPERATURE,), 0x0468: (_HUMIDITY,)}
_ALARM: dict[int, Parts] = {0x8367: (_TEMPERATURE, 1)}
_CHANGE_ALARM: dict[int, Parts] = {0x83D7: (_TEMPERATURE, 3)}

# ------------------------------------------------------------------------------------------- AM: the air of a room

_AM103 = {**_CLIMATE, 0x077D: (_CO2,)}
_AM104 = {**_CLIMATE, 0x056A: (2,), 0x0665: (6,)}  # activity; light
_AM107 = {**_AM104, 0x077D: (_CO2,), 0x087D: (2,), 0x0973: (_PRESSURE,)}
_AM307 = {
    **_AM103,
    0x0973: (_PRESSURE,),
    0x0500: (1,),  # movement
    0x06CB: (1,),  # light
    0x087D: (2,),  # volatile compounds, as an index
    0x08E6: (2,),  # the same in ug/m3
    0x0E01: (1,),  # buzzer
}
_AM308 = {**_AM307, 0x0B7D: (2,), 0x0C7D: (2,)}  # particles
_AM319 = {**_AM308, 0x0A7D: (2,), 0x0D7D: (2,), 0x0F7D: (2,)}  # formaldehyde or ozone


def _air(more: int, records: Iterable[int] = (0x20CE, 0x21CE)) -> dict[int, Parts]:
    """The records of an AM300: movement, light, CO2, volatile compounds, pressure, and what more the model measures."""
    record: Parts = (_TEMPERATURE, _HUMIDITY_WIDE, 2, _CO2, 2, _PRESSURE, more)
    return dict.fromkeys(records, record)


_AM = {
    "am102": Model(_CLIMATE, {0x20CE: (_TEMPERATURE, _HUMIDITY)}),
    "am103": Model(_AM103, {0x20CE: (_TEMPERATURE, _HUMIDITY, _CO2)}),
    "am104": Model(_AM104),
    "am107": Model(_AM107),
    "am307": Model(_AM307, _air(0)),
    "am308": Model(_AM308, _air(4)),
    "am319": Model(_AM319, _air(6)),
    "am319-hcho": Model(_AM319, _air(6)),
    "am319-hcho-ir": Model(_AM319, _air(6)),
    "am319-hcho-well": Model(_AM319, _air(4, (0x22CE, 0x23CE))),
    "am319-o3": Model(_AM319, _air(6)),
}
_AM |= {f"{name[:5]}l{name[5:]}": model for name, model in _AM.items() if name not in ("am104", "am107")}
"""The same without a display."""

# ------------------------------------------------------------------------------------------ EM, TS: one measure each

_SWITCH: dict[int, Parts] = {0x0500: (1,), 0x05C8: (4,), 0x05E1: (8,), 0x8500: (2,), 0x85E1: (9,)}  # contact, pulses
_DISTANCE: dict[int, Parts] = {**_POWER, **_ALARM, 0x0367: (_TEMPERATURE,), 0x0482: (2,), 0x0500: (1,), 0x8482: (3,)}
_EM_ONE_BIT = Model(
    {**_CLIMATE, 0x0500: (1,), 0x0600: (1,)},  # a leak, a magnet
    {0x20CE: (_TEMPERATURE, _HUMIDITY, 1)},
)
_RADAR = Model(
    {**_DISTANCE, 0x06C7: (2,), 0x9482: (5,), 0xB482: (3,)},
    {0x20CE: (7,)},  # its temperature may be a code for none
)
_EM320_V2: dict[int, Parts] = {
    **_CLIMATE,
    **_ALARM,
    0x049A: (_HUMIDITY_TENTHS,),
    0x056B: (1,),  # why it was sent
    0x059C: (1,),  # memory
    0x8468: (_HUMIDITY, 1),
    0x849A: (_HUMIDITY_TENTHS, 1),
    0x9367: (_TEMPERATURE, 3),
    0x9468: (_HUMIDITY, 2),
    0x949A: (_HUMIDITY_TENTHS, 3),
    **dict.fromkeys((0xB367, 0xB468, 0xB49A), (2,)),  # faults of the sensor
}
_EM_TS = {
    "em300-cl": Model({**_POWER, 0x03ED: (1,), 0x04EE: (1,), 0x83ED: (2,)}),
    "em300-di": Model(
        {**_CLIMATE, **_SWITCH}, {0x20CE: (_TEMPERATURE, _HUMIDITY, 6), 0x21CE: (_TEMPERATURE, _HUMIDITY, 11)}
    ),
    "em300-di-hall": Model({**_POWER, **_SWITCH}, {0x21CE: (14,)}),
    "em300-mcs": _EM_ONE_BIT,
    "em300-mld": Model({**_POWER, 0x0500: (1,)}, {0x20CE: (4,)}),
    "em300-sld": _EM_ONE_BIT,
    "em300-th": Model(_CLIMATE, {0x20CE: (_TEMPERATURE, _HUMIDITY, 1)}),
    "em300-zld": _EM_ONE_BIT,
    "em310-tilt": Model({**_POWER, 0x03CF: (7,)}),
    "em310-udl": Model({**_POWER, 0x0382: (2,), 0x0400: (1,)}),
    "em320-th": Model(_CLIMATE, {0x20CE: (_TEMPERATURE, _HUMIDITY)}),
    "em320-th-v2": Model(_EM320_V2, {0x20CE: (_TEMPERATURE, _HUMIDITY_TENTHS, 1)}),
    "em320-tilt": Model({**_POWER, 0x03D4: (6,)}),
    "em400-mud": Model(_DISTANCE),
    "em400-tld": Model(_DISTANCE),
    "em400-udl": Model(_DISTANCE),
    "em410-rdl": _RADAR,
    "em411-rdl": _RADAR,
    "em500-co2": Model(
        {**_CLIMATE, **_CHANGE_ALARM, 0x057D: (_CO2,), 0x0673: (_PRESSURE,)},
        {0x20CE: (_CO2, _PRESSURE, _TEMPERATURE, _HUMIDITY)},
    ),
    "em500-lgt": Model({**_POWER, 0x0394: (4,)}, {0x20CE: (4,)}),
    "em500-pp": Model({**_POWER, 0x037B: (2,)}, {0x20CE: (2,)}),  # the pressure in a pipe
    "em500-pt100": Model({**_POWER, **_CHANGE_ALARM, 0x0367: (_TEMPERATURE,)}, {0x20CE: (_TEMPERATURE,)}),
    "em500-smtc": Model(  # soil: its temperature is its own, its moisture is no air's
        {**_POWER, **_CHANGE_ALARM, 0x0367: (_TEMPERATURE,), 0x0468: (1,), 0x04CA: (2,), 0x057F: (2,)}, {0x20CE: (6,)}
    ),
    "em500-swl": Model({**_POWER, 0x0377: (2,)}, {0x20CE: (2,)}),
    "em500-udl": Model({**_POWER, 0x0382: (2,), 0x83E9: (5,)}, {0x20CE: (2,)}),
    "ts101": Model({**_POWER, **_ALARM, 0x0367: (_TEMPERATURE,), 0x93D7: (_TEMPERATURE, 3)}, {0x20CE: (_TEMPERATURE,)}),
    "ts201": Model(
        {**_POWER, **_ALARM, 0x0367: (_TEMPERATURE,), 0x9367: (_TEMPERATURE, 3), 0xB367: (1,)}, {0x20CE: (7,)}
    ),
}

# ------------------------------------------------------------------------------------------------- VS: people, WS: rest

_VS121: dict[int, Parts] = {
    0x04C9: (_PEOPLE, 3),  # in view; regions
    0x05CC: _counts("h"),
    0x06CD: (1,),  # most in view
    0x07D5: (8,),
    0x08D5: (8,),  # people by region
    **dict.fromkeys((0x09DA, 0x0ADA, 0x0BDA, 0x0CDA), (8,)),  # ways between regions
    0x0DCC: _totals("H"),
    0x0EE4: (5,),  # how long they stay
    0x0F85: (4,),  # its clock
    0x10F7: (4,),  # a line of its own, beside the counts above
}
_VS121_RECORDS: Channels = {
    0x01: (_PEOPLE, 3),
    0x02: _counts("H"),
    0x03: (1,),
    **dict.fromkeys(range(0x04, 0x10), (4,)),
    0x10: _totals("H"),
    0x11: (5,),
    0x12: (4,),
}


def _lines(*, children: bool) -> Iterable[tuple[int, Parts]]:
    """Totals in, totals out and counts of lines 1 to 4 by channel; those of children count no people twice."""
    first = 0x11 if children else 0x03
    for line in range(1, 5):
        entries, exits = _totals("I", line)
        channel = first + 3 * (line - 1)
        yield channel, (4,) if children else (entries,)
        yield channel + 1, (4,) if children else (exits,)
        yield channel + 2, (4,) if children else _counts("H", line)


_VS133_RECORDS: dict[int, Parts] = {**dict(_lines(children=False)), **dict(_lines(children=True))}
_VS133: dict[int, Parts] = {
    # The third channel of each line holds counts, the others totals.
    **{channel << 8 | (0xD2, 0xD2, 0xCC)[i % 3]: parts for i, (channel, parts) in enumerate(_VS133_RECORDS.items())},
    **dict.fromkeys((0x0FE3, 0x1DE3), (4,)),  # people by region
    **dict.fromkeys((0x10E4, 0x1EE4), (5,)),  # how long they stay
    0x50FC: (3,),  # something is before the lens
}
_VS133_RECORDS |= {
    **dict.fromkeys((0x0F, 0x1D), (4,)),
    **dict.fromkeys((0x10, 0x20, 0x1E, 0x3C), (3,)),
}
_DOOR: dict[int, Parts] = {
    **_POWER,
    0x0275: (1,),  # battery of the other half
    0x03F4: (2,),  # an event
    0x04CC: _totals("H"),
    0x05CC: _counts("H"),
    0x0AEF: (4,),  # its clock
    0x81EE: (1,),  # sensitivity
    0x84CC: (*_totals("H"), 1),
    0x85CC: (*_counts("H"), 1),
}
_WARM_DOOR = {**_DOOR, **_ALARM, 0x0367: (_TEMPERATURE,)}
_DOOR_RECORDS: Mapping[int, Channels] = {0x20CE: {0: _counts("H"), 1: (*_counts("H"), *_totals("H"))}}
_STATE = Model({**_POWER, 0x0300: (1,), 0x0400: (1,)})  # a contact, a movement, a seat; light

_VS_WS = {
    "vs121": Model(_VS121, {0x20CE: _VS121_RECORDS}),
    "vs132": Model({0x03D2: _totals("I")[:1], 0x04D2: _totals("I")[1:], 0x05CC: _counts("H")}),
    "vs133": Model(_VS133, {0x20CE: _VS133_RECORDS}),
    "vs135": Model(_VS133, {0x20CE: _VS133_RECORDS}),
    "vs321": Model(
        {**_CLIMATE, **_ALARM, 0x05FD: (_PEOPLE_WIDE,), 0x06FE: (4,), 0x07FF: (1,), 0x08F4: (2,)}
        | {0x0AEF: (4,), 0x8468: (_HUMIDITY, 1)},
        {0x20CE: {0: (_PEOPLE_WIDE,), 1: (4,)}},
    ),
    "vs330": Model({**_POWER, 0x0282: (2,), 0x038E: (1,), 0x048E: (1,)}),
    "vs340": _STATE,
    "vs341": _STATE,
    "vs350": Model(_WARM_DOOR, _DOOR_RECORDS),
    "vs351": Model(_WARM_DOOR, _DOOR_RECORDS),
    "vs360": Model(_DOOR, _DOOR_RECORDS),
    "vs370": _STATE,
    "ws101": Model(_POWER),
    "ws136": Model(_POWER),
    "ws156": Model(_POWER),  # buttons, which say FF 2E or FF 34
    "ws202": _STATE,
    "ws203": Model({**_CLIMATE, **_ALARM, 0x0500: (1,)}, {0x20CE: (2, _TEMPERATURE, _HUMIDITY)}),
    "ws301": _STATE,
    "ws302": Model({**_POWER, 0x055B: (7,)}),  # sound
    "ws303": _STATE,
}

MODELS: Mapping[str, Model] = {**_AM, **_EM_TS, **_VS_WS}
