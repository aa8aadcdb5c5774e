"""Which sources may carry a sensor's messages, and what a format can't do for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from schemas.estate import Sensor
from schemas.kinds import FIELD_KINDS, Kind
from schemas.sources import Source

_NATIVE = "native"
_FRAMES = frozenset({"tts", "chirpstack", "paxcounter"})
"""Formats of LoRaWAN frames, which the decoder of a model reads."""

_DEVICES_ALONE = _FRAMES | {"tasmota", "zigbee2mqtt", "shelly", "homeassistant", "collectd", "unpoller"}
"""Formats whose devices know no hub: what they call themselves is never `<hub>/<sensor>`."""

_KINDS: Mapping[str, frozenset[Kind]] = {
    "collectd": frozenset({Kind.WIFI}),
    "unpoller": frozenset({Kind.WIFI}),
    "paxcounter": frozenset({Kind.WIFI, Kind.DEVICE}),
    "tasmota": frozenset({Kind.TEMPERATURE, Kind.HUMIDITY, Kind.PRESSURE, Kind.CO2, Kind.DEVICE}),
    "shelly": frozenset({Kind.TEMPERATURE, Kind.HUMIDITY, Kind.DEVICE}),
    "homeassistant": frozenset({Kind.TEMPERATURE, Kind.HUMIDITY, Kind.PRESSURE, Kind.CO2, Kind.DEVICE}),
}
"""What messages of a format can hold, where that is not everything."""


def carries(source: Source, sensor: Sensor | None) -> bool:
    """Whether messages of a source may be a sensor's; without a sensor: whether they may name hub and sensor."""
    if sensor is None:
        return source.format not in _DEVICES_ALONE
    if sensor.device is None:
        return source.format not in _DEVICES_ALONE
    if sensor.source is not None:
        return source.topic == sensor.source
    return source.format != _NATIVE and not (sensor.model and _is_without_frames(source.format))


def cannot(sensor: Sensor, sources: Sequence[Source]) -> Iterator[str]:
    """What a sensor needs and the sources that carry it don't have."""
    carriers = [source for source in sources if carries(source, sensor)]
    if not carriers:
        if sensor.device is not None:
            what = f"a {sensor.model}" if sensor.model else f"device {sensor.device!r}"
            yield f"no source carries {what}: add its topic and format to `sources`"
        return
    if sensor.device is not None and len(carriers) > 1:
        topics = ", ".join(source.topic for source in carriers)
        yield f"device {sensor.device!r} may come by {topics}: name one of them as its `source:`"
    able = frozenset().union(*(_kinds_of(source) for source in carriers))
    if missing := [kind for kind in sensor.kinds if kind not in able]:
        formats = ", ".join(sorted({source.format for source in carriers}))
        yield f"format {formats} has no {', '.join(missing)}"


def _kinds_of(source: Source) -> frozenset[Kind]:
    if source.mapping is not None:
        return frozenset(FIELD_KINDS[name] for name, _ in source.mapping.fields.given())
    return _KINDS.get(source.format, frozenset(Kind))


def _is_without_frames(name: str) -> bool:
    """Whether a format is one of ours without frames; one of another package may have them."""
    return name not in _FRAMES and (name in _DEVICES_ALONE or name in ("json", "senml", _NATIVE))
