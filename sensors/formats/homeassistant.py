"""Home Assistant's MQTT discovery: retained messages announce sensors, where their states come, how to read them.

Source: Home Assistant's documentation, "MQTT Discovery". `<prefix>/sensor/[<node>/]<object>/config` announces, and an
empty message takes it back. Of templates only `{{ value }}`, `{{ value_json.a.b }}` and `{{ value_json['a'] }}` are
read: anything else could compute a value that no sensor measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mqtt.messages import Message
from schemas.readings import Reason, Rejection
from sensors.formats import Announcement, Answer, Availability, Decoded, NoReading
from sensors.formats.items import Readings, availability_of, json_of, not_read, object_of, part_of, text_of, time_of

_CONFIG = re.compile(r".+/([a-z_]+)/(?:[A-Za-z0-9_-]+/)?[A-Za-z0-9_-]+/config")
_LONG = {
    "stat_t": "state_topic",
    "val_tpl": "value_template",
    "unit_of_meas": "unit_of_measurement",
    "dev_cla": "device_class",
    "uniq_id": "unique_id",
    "stat_cla": "state_class",
    "dev": "device",
    "avty_t": "availability_topic",
    "avty": "availability",
    "t": "topic",
    "ids": "identifiers",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
}
_FIELDS = {
    "temperature": "temperature_c",
    "humidity": "relative_humidity_pct",
    "carbon_dioxide": "co2_ppm",
    "atmospheric_pressure": "pressure_hpa",
    "pressure": "pressure_hpa",
    "battery": "battery_pct",
    "signal_strength": "rssi_dbm",
}
_OWN_UNITS = {"battery_pct": "%", "rssi_dbm": "dBm"}
_TEMPLATE = re.compile(r"""\{\{\s*value(?:_json((?:\.\w+|\[\s*(?:'[^'\\]*'|"[^"\\]*"|\d+)\s*\])+))?\s*\}\}""")
_STEP = re.compile(r"""\.(\w+)|\[\s*(?:'([^']*)'|"([^"]*)"|(\d+))\s*\]""")
_TOPICS_MAX = 10_000
_TIME_KEYS = ("time", "timestamp", "last_seen")


class _Sensor(NamedTuple):
    """An announced sensor."""

    field: str
    unit: str | None
    path: tuple[str | int, ...]
    names: tuple[str, ...]
    """Its device's identifiers, its own unique id, and its state topic: a `device:` may be any of them."""


class _Switch(NamedTuple):
    """Where a device says that it is on line."""

    device: str
    on_line: bytes
    off_line: bytes


class HomeAssistantFormat:
    """Announcements, and the states of what was announced."""

    announces = True
    """How a message is read depends on others: one worker reads them all."""

    def __init__(self) -> None:
        self._sensors: dict[str, dict[str, _Sensor]] = {}
        """By state topic, then by the topic of the announcement."""
        self._switches: dict[str, _Switch] = {}
        self._topics: dict[str, tuple[str, str | None]] = {}
        """The state topic and the topic of availability of each announcement."""

    def decode(self, messages: Sequence[Message]) -> list[Answer]:
        """What each message holds, or announces for those that follow."""
        return [self._decode(message) for message in messages]

    def _decode(self, message: Message) -> Answer:
        topic = message.topic.decode(errors="replace")
        config = _CONFIG.fullmatch(topic)
        try:
            if config is not None:
                return self._announce(topic, config[1], message.payload)
            return self._state(topic, message.payload)
        except (OverflowError, ValueError) as error:
            return not_read("of Home Assistant's discovery", error)

    def _announce(self, topic: str, component: str, payload: bytes) -> Answer:
        self._forget(topic)
        if not text_of(payload):
            return Announcement("takes an announcement back")
        if component != "sensor":
            return NoReading(f"announces a {component[:32]}")
        sent = _spelled_out(object_of(payload))
        state_topic = sent.get("state_topic")
        field = _FIELDS.get(str(sent.get("device_class")))
        if not isinstance(state_topic, str) or not state_topic:
            raise ValueError("an announcement without state_topic")
        if field is None:
            return NoReading("announces a sensor that measures nothing of ours")
        path = _template_path(sent.get("value_template"))
        if path is None:
            return NoReading("announces a template that computes: only value_json.a.b and value_json['a'] are read")
        if len(self._topics) >= _TOPICS_MAX:
            raise ValueError(f"more than {_TOPICS_MAX} announcements: name a narrower topic as source")
        unit = sent.get("unit_of_measurement")
        sensor = _Sensor(field, unit if isinstance(unit, str) else None, path, _names(sent, state_topic))
        self._sensors.setdefault(state_topic, {})[topic] = sensor
        self._topics[topic] = state_topic, self._watch(sent, sensor)
        place = f" at {'.'.join(map(str, path))}" if path else ""
        return Announcement(f"announces {field} of {state_topic}{place}")

    def _watch(self, sent: Mapping[str, Any], sensor: _Sensor) -> str | None:
        """Note where the device's availability comes."""
        listed = sent.get("availability")
        first = listed[0] if isinstance(listed, list) and listed else listed
        place = _spelled_out(first) if isinstance(first, dict) else dict(sent)
        topic = place.get("topic") or sent.get("availability_topic")
        if not isinstance(topic, str):
            return None
        texts = (str(place.get(key, default)) for key, default in _PAYLOADS)
        self._switches[topic] = _Switch(sensor.names[0], *(text.encode(errors="replace") for text in texts))
        return topic

    def _forget(self, topic: str) -> None:
        state_topic, switch = self._topics.pop(topic, ("", None))
        sensors = self._sensors.get(state_topic, {})
        sensors.pop(topic, None)
        if not sensors:
            self._sensors.pop(state_topic, None)
        if switch is not None and all(switch != other for _, other in self._topics.values()):
            self._switches.pop(switch, None)

    def _state(self, topic: str, payload: bytes) -> Answer:
        sensors = tuple(self._sensors.get(topic, {}).values())
        switch = self._switches.get(topic)
        if switch is not None and (state := _switched(switch, payload)):
            return state
        if not sensors:
            if switch is not None or topic.endswith("/status"):
                return NoReading("availability")
            problem = "nothing has announced this topic: redrive it once something has"
            return Rejection(Reason.UNKNOWN_SENSOR, problem)
        state = availability_of(payload, sensors[0].names[0])
        return state or _values(sensors, payload)


_PAYLOADS = (("payload_available", "online"), ("payload_not_available", "offline"))


def _values(sensors: Sequence[_Sensor], payload: bytes) -> list[Decoded] | NoReading:
    is_json = any(sensor.path for sensor in sensors)
    sent = json_of(payload) if is_json else text_of(payload).decode(errors="replace")
    times = [sent[key] for key in _TIME_KEYS if key in sent] if isinstance(sent, dict) else []
    by_device: dict[tuple[str, ...], Readings] = {}
    for sensor in sensors:
        value = _at(sensor.path, sent)
        unit = None if sensor.unit == _OWN_UNITS.get(sensor.field) else sensor.unit
        if value not in (None, "", "unknown", "unavailable", "None"):
            readings = by_device.setdefault(sensor.names[:1], Readings(time_of(times[0]) if times else None))
            readings.add(sensor.field, value, unit=unit)
    names = {sensor.names[:1]: sensor.names for sensor in sensors}
    found = [Decoded(names[key][0], readings.items(), names[key][1:]) for key, readings in by_device.items()]
    return found or NoReading("no value")


def _switched(switch: _Switch, payload: bytes) -> Availability | None:
    text = text_of(payload)
    if text not in (switch.on_line, switch.off_line):
        return None
    return Availability(switch.device, text == switch.on_line)


def _spelled_out(sent: Mapping[str, Any]) -> dict[str, Any]:
    """An announcement without abbreviations, `~` replaced at the start or end of each topic."""
    found = {_LONG.get(key, key): value for key, value in sent.items()}
    base = found.pop("~", None)
    if isinstance(base, str):
        for key, value in found.items():
            if isinstance(value, str) and key.endswith("topic"):
                head = base + value[1:] if value.startswith("~") else value
                found[key] = head[:-1] + base if head.endswith("~") else head
        inner = found.get("availability")
        if isinstance(inner, list):
            found["availability"] = [{"~": base, **each} if isinstance(each, dict) else each for each in inner]
    return found


def _names(sent: Mapping[str, Any], state_topic: str) -> tuple[str, ...]:
    listed = _spelled_out(part_of(sent, "device")).get("identifiers")
    identifiers = listed if isinstance(listed, list) else [listed]
    names = [*identifiers, sent.get("unique_id"), state_topic]
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))


def _template_path(template: object) -> tuple[str | int, ...] | None:
    """The steps to a template's value; none of them for the whole payload; None for a template that computes."""
    if template is None:
        return ()
    found = _TEMPLATE.fullmatch(template.strip()) if isinstance(template, str) else None
    if found is None:
        return None
    steps = (step.groups() for step in _STEP.finditer(found[1] or ""))
    return tuple(
        int(index) if index is not None else name or single or double or "" for name, single, double, index in steps
    )


def _at(path: Sequence[str | int], sent: Any) -> Any:
    found = sent
    for step in path:
        if isinstance(found, dict) and isinstance(step, str):
            found = found.get(step)
        elif isinstance(found, list) and isinstance(step, int) and step < len(found):
            found = found[step]
        else:
            return None
    return found
