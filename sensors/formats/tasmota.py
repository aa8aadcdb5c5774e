"""Tasmota: `tele/<topic>/SENSOR` with an object for each sensor, `tele/<topic>/LWT` with Online or Offline.

Source: Tasmota's documentation, "MQTT" and "JSON Status Responses". `Time` is the device's local time without an
offset. A chip's own temperature (`ESP32`) and estimates (`eCO2`) are no measures of a room. Where a message has several
sensors of a kind, the second one is line 2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mqtt.messages import Message
from schemas.readings import Reason, Rejection
from sensors.formats import Answer, Decoded, NoReading
from sensors.formats.items import Readings, availability_of, not_read, object_of, part_of, time_of

_FIELDS = {
    "Temperature": ("temperature_c", "TempUnit"),
    "Humidity": ("relative_humidity_pct", None),
    "Pressure": ("pressure_hpa", "PressureUnit"),
    "CarbonDioxide": ("co2_ppm", None),
}
_CHIPS = ("ESP32", "ESP8266", "ESP32C3", "ESP32S2", "ESP32S3")
_PREFIX = "tele"


class TasmotaFormat:
    """Messages of Tasmota devices, by the full topic `%prefix%/%topic%/` or `%topic%/%prefix%/`."""

    def decode(self, messages: Sequence[Message]) -> list[Answer]:
        """What each message holds."""
        return [self._decode(message) for message in messages]

    def _decode(self, message: Message) -> Answer:
        *levels, what = message.topic.decode(errors="replace").split("/")
        if len(levels) < 2 or _PREFIX not in (levels[0], levels[-1]):  # noqa: PLR2004 - prefix and topic
            return NoReading("no telemetry")
        device = "/".join(levels[1:] if levels[0] == _PREFIX else levels[:-1])
        if what == "LWT":
            state = availability_of(message.payload, device)
            return state or Rejection(Reason.BAD_PAYLOAD, "an LWT is Online or Offline")
        if what != "SENSOR":
            return NoReading(f"{what[:32]}, which is no SENSOR")
        try:
            return availability_of(message.payload, device) or _sensors(device, message.payload)
        except ValueError as error:
            return not_read("telemetry of Tasmota", error)


def _sensors(device: str, payload: bytes) -> list[Decoded] | NoReading:
    sent = object_of(payload)
    time = time_of(sent.get("Time"))
    lines: Counter[str] = Counter()
    found: list[Decoded] = []
    for name in sent:
        if name in _CHIPS:
            continue
        sensor = part_of(sent, name)
        readings = Readings(time)
        for key, (field, unit_key) in _FIELDS.items():
            if key in sensor:
                lines[field] += 1
                readings.add(field, sensor[key], unit=sent.get(unit_key) if unit_key else None, line=lines[field])
        if items := readings.items():
            found.append(Decoded(device, items))
    return found or NoReading("no sensor with a measure of ours")
