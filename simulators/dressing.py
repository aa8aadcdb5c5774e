"""Gives the sensors of an estate file devices that speak other formats, as far as each can carry what they measure.

`dressed(document, "mixed")` is an estate of many makers: the formats take turns among sensors that they fit. A sensor
keeps what its format can carry: a Shelly has no CO2, an access point behind collectd only the number of clients.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import cycle
from typing import Any

from schemas import HubpulseError

NATIVE, MIXED = "native", "mixed"
SOURCES: Mapping[str, str] = {
    "tts": "v3/+/devices/+/up",
    "chirpstack": "application/+/device/+/event/+",
    "zigbee2mqtt": "zigbee2mqtt/#",
    "tasmota": "tele/#",
    "shelly": "+/events/rpc",
    "collectd": "collectd/#",
    "senml": "senml/#",
}
"""Where devices of each format publish."""

FORMATS = (NATIVE, *SOURCES, MIXED)
_AIR = ("temperature", "humidity", "pressure", "co2", "device")
_CARRIES: Mapping[str, tuple[str, ...]] = {
    "tts": (*_AIR, "footfall"),
    "chirpstack": (*_AIR, "footfall"),
    "zigbee2mqtt": _AIR,
    "tasmota": _AIR[:4],
    "shelly": ("temperature", "humidity", "device"),
    "collectd": ("wifi",),
    "senml": (*_AIR[:4], "footfall"),
}
_AIR_MODEL, _DOOR_MODEL = "milesight/am307", "milesight/vs133"
_LORAWAN = ("tts", "chirpstack")


def dressed(document: Mapping[str, Any], name: str, *, hubs: Collection[str] | None = None) -> dict[str, Any]:
    """The estate file's content with devices of a format, or of all in turns (`mixed`), at some hubs or all.

    Raises HubpulseError.
    """
    if name not in FORMATS:
        raise HubpulseError(f"no format is called {name!r} here: choose from {', '.join(FORMATS)}")
    found = dict(document)
    if name == NATIVE:
        return found
    turns = {kind: cycle(_fitting(kind, name)) for kind in (*_AIR, "wifi", "footfall")}
    found["hubs"] = [
        {**hub, "sensors": [_sensor(hub["id"], sensor, turns) for sensor in hub.get("sensors", [])]}
        if hubs is None or hub["id"] in hubs
        else hub
        for hub in document["hubs"]
    ]
    used = [SOURCES[name] for name in SOURCES if any(SOURCES[name] == s.get("source") for s in _sensors(found))]
    formats = {topic: name for name, topic in SOURCES.items()}
    native = document.get("sources") or [{"topic": "hubs/#", "format": NATIVE}]
    found["sources"] = [*native, *({"topic": topic, "format": formats[topic]} for topic in used)]
    return found


def _sensors(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [sensor for hub in document["hubs"] for sensor in hub.get("sensors", [])]


def _fitting(kind: str, name: str) -> list[str]:
    """The formats that may carry a kind, native last; of a single format itself, where it can."""
    able = [known for known in SOURCES if kind in _CARRIES[known] and name in (known, MIXED)]
    return [*able, NATIVE] if name == MIXED or not able else able


def _sensor(hub: str, sensor: Mapping[str, Any], turns: Mapping[str, Any]) -> dict[str, Any]:
    kinds: Sequence[str] = sensor.get("kinds", ())
    name = next(turns[kinds[0]]) if kinds and kinds[0] in turns else NATIVE
    if name == NATIVE:
        return dict(sensor)
    dress = {"device": device_of(name, hub, sensor["id"]), "source": SOURCES[name]}
    if name in _LORAWAN:
        dress["model"] = _DOOR_MODEL if kinds[0] == "footfall" else _AIR_MODEL
    return {**sensor, "kinds": [kind for kind in kinds if kind in _CARRIES[name]], **dress}


def device_of(name: str, hub: str, sensor: str) -> str:
    """What a device of a format calls itself."""
    if name in _LORAWAN:
        number = sum(byte * 257**place for place, byte in enumerate(f"{hub}/{sensor}".encode())) % 2**40
        return f"24e124{number:010x}"
    if name == "zigbee2mqtt":
        return f"{hub}/the {sensor}"
    if name == "senml":
        return f"urn:dev:org:{hub}:{sensor}"
    if name == "shelly":
        return f"shellyplusht-{hub}-{sensor}"
    return f"{hub}-{sensor}-ow"
