"""What a device of each format sends for one reading: the topic and the payload that its maker documents."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from schemas import Estate
from schemas.localtime import NS_A_MICROSECOND, NS_A_SECOND, from_ns, rfc3339
from simulators.devices import NS_A_MS, Fields, every_ns
from simulators.messages import TimedMessage
from simulators.transmissions import Transmission, dump

_PORT = 85
_COUNT_FIELDS: Mapping[str, tuple[bytes, str]] = {
    "entries_total": (b"\x03\xd2", "<I"),
    "exits_total": (b"\x04\xd2", "<I"),
}
_VALUES: Mapping[str, tuple[bytes, str, float]] = {
    "battery_pct": (b"\x01\x75", "<B", 1),
    "temperature_c": (b"\x03\x67", "<h", 10),
    "relative_humidity_pct": (b"\x04\x68", "<B", 2),
    "co2_ppm": (b"\x07\x7d", "<H", 1),
    "pressure_hpa": (b"\x09\x73", "<H", 10),
}
_ZIGBEE = {"temperature_c": "temperature", "relative_humidity_pct": "humidity", "co2_ppm": "co2"} | {
    "pressure_hpa": "pressure",
    "battery_pct": "battery",
}
_TASMOTA = {"temperature_c": "Temperature", "relative_humidity_pct": "Humidity", "pressure_hpa": "Pressure"} | {
    "co2_ppm": "CarbonDioxide"
}
_SENML_UNITS = {"temperature_c": "Cel", "relative_humidity_pct": "%RH", "pressure_hpa": "hPa", "co2_ppm": "ppm"}
_CARRIED: Mapping[str, tuple[str, ...]] = {
    "collectd": ("clients",),
    "shelly": ("temperature_c", "relative_humidity_pct", "battery_pct", "rssi_dbm"),
    "zigbee2mqtt": tuple(_ZIGBEE),
    "tasmota": tuple(_TASMOTA),
}
"""The fields that a format carries, where it is not all of those of its kinds."""

_SECONDS_ONLY = ("tasmota",)


class Speech:
    """Turns the transmissions of an estate's devices into their messages."""

    def __init__(self, estate: Estate) -> None:
        self._formats = {source.topic: source.format for source in estate.sources}
        self._zones = {hub.id: estate.zone_of(hub.id) for hub in estate.hubs}

    def format_of(self, transmission: Transmission) -> str | None:
        """The format of a transmission's device; None of one that speaks natively."""
        return self._formats.get(transmission.sensor.source or "")

    def cut(self, transmissions: list[Transmission]) -> list[Transmission]:
        """What of a series' transmissions its format can carry: some fields, and times in whole seconds."""
        name = self.format_of(transmissions[0]) if transmissions else None
        carried = _CARRIED.get(name or "")
        if carried is None:
            return transmissions
        cut = []
        for each in transmissions:
            time_ns = each.observation.time_ns
            fields = {field: value for field, value in each.observation.fields.items() if field in carried}
            if fields:
                whole_ns = time_ns - time_ns % NS_A_SECOND if name in _SECONDS_ONLY else time_ns
                cut.append(each.observing(fields=fields, time_ns=whole_ns))
        return cut

    def message(self, transmission: Transmission) -> TimedMessage | None:
        """The message of a device's reading; None of one that speaks natively."""
        name = self.format_of(transmission)
        if name is None or transmission.sensor.device is None:
            return None
        topic, content = _SPEAK[name](transmission, self._zones[transmission.hub])
        return TimedMessage(transmission.sent_ns, topic, transmission.content or content)


def _frame(fields: Fields) -> bytes:
    parts = [
        code + struct.pack(kind, int(fields[name])) for name, (code, kind) in _COUNT_FIELDS.items() if name in fields
    ]
    if "entries" in fields:
        parts.append(b"\x05\xcc" + struct.pack("<HH", int(fields["entries"]), int(fields["exits"])))
    parts += [
        code + struct.pack(kind, round(fields[name] * scale))
        for name, (code, kind, scale) in _VALUES.items()
        if name in fields
    ]
    return b"".join(parts)


def _radio(transmission: Transmission) -> tuple[int, dict[str, object]]:
    """The number of the frame of this time, which goes on where frames are lost, and how a gateway heard it."""
    observation = transmission.observation
    number = observation.time_ns // every_ns(transmission.sensor)
    rssi = observation.fields.get("rssi_dbm")
    return number % 2**32, {} if rssi is None else {"rssi": rssi, "snr": 7.5}


def _tts(transmission: Transmission, _zone: ZoneInfo) -> tuple[str, bytes]:
    number, heard = _radio(transmission)
    device = f"{transmission.hub}-{transmission.sensor.id}"
    time = rfc3339(transmission.observation.time_ns)
    up = {
        "f_port": _PORT,
        "f_cnt": number,
        "frm_payload": b64encode(_frame(transmission.observation.fields)).decode(),
        "rx_metadata": [{"gateway_ids": {"gateway_id": transmission.hub}, "time": time, **heard}],
        "settings": {"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 7}}},
        "received_at": rfc3339(transmission.sent_ns),
    }
    ids = {"device_id": device, "dev_eui": (transmission.sensor.device or "").upper()}
    return f"v3/hubs@ttn/devices/{device}/up", dump({"end_device_ids": ids, "uplink_message": up})


def _chirpstack(transmission: Transmission, _zone: ZoneInfo) -> tuple[str, bytes]:
    number, heard = _radio(transmission)
    eui = transmission.sensor.device
    time = rfc3339(transmission.observation.time_ns).removesuffix("Z") + "+00:00"
    content = {
        "time": time,
        "deviceInfo": {"devEui": eui, "deviceName": f"{transmission.hub} {transmission.sensor.id}"},
        "fCnt": number,
        "fPort": _PORT,
        "data": b64encode(_frame(transmission.observation.fields)).decode(),
        "rxInfo": [{"gatewayId": transmission.hub, **heard}],
    }
    return f"application/hubs/device/{eui}/event/up", dump(content)


def _zigbee2mqtt(transmission: Transmission, _zone: ZoneInfo) -> tuple[str, bytes]:
    values = {_ZIGBEE[name]: value for name, value in transmission.observation.fields.items()}
    content = dump({**values, "last_seen": transmission.observation.time_ns // NS_A_MS, "linkquality": 120})
    return f"zigbee2mqtt/{transmission.sensor.device}", content


def _tasmota(transmission: Transmission, zone: ZoneInfo) -> tuple[str, bytes]:
    local = from_ns(transmission.observation.time_ns).astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")
    values = {_TASMOTA[name]: value for name, value in transmission.observation.fields.items()}
    content = {"Time": local, "BME280": values, "PressureUnit": "hPa", "TempUnit": "C"}
    return f"tele/{transmission.sensor.device}/SENSOR", dump(content)


def _shelly(transmission: Transmission, _zone: ZoneInfo) -> tuple[str, bytes]:
    fields, device = transmission.observation.fields, transmission.sensor.device
    status: dict[str, object] = {"ts": transmission.observation.time_ns / NS_A_SECOND}
    if "temperature_c" in fields:
        status["temperature:0"] = {"id": 0, "tC": fields["temperature_c"]}
    if "relative_humidity_pct" in fields:
        status["humidity:0"] = {"id": 0, "rh": fields["relative_humidity_pct"]}
    if "battery_pct" in fields:
        status["devicepower:0"] = {"id": 0, "battery": {"percent": fields["battery_pct"]}}
    if "rssi_dbm" in fields:
        status["wifi"] = {"rssi": fields["rssi_dbm"]}
    return f"{device}/events/rpc", dump({"src": device, "method": "NotifyStatus", "params": status})


def _collectd(transmission: Transmission, _zone: ZoneInfo) -> tuple[str, bytes]:
    time_s = transmission.observation.time_ns // NS_A_MICROSECOND / 10**6
    content = f"{time_s:.3f}:{transmission.observation.fields['clients']}\0".encode()
    return f"collectd/{transmission.sensor.device}/iwinfo-wlan0/stations", content


def _senml(transmission: Transmission, _zone: ZoneInfo) -> tuple[str, bytes]:
    observation = transmission.observation
    records = [
        {"n": f":{name}", "u": _SENML_UNITS.get(name, "count"), "v": value}
        for name, value in observation.fields.items()
    ]
    records[0] |= {"bn": transmission.sensor.device or "", "bt": observation.time_ns / NS_A_SECOND}
    return f"senml/{transmission.hub}", dump(records)


_SPEAK: Mapping[str, Callable[[Transmission, ZoneInfo], tuple[str, bytes]]] = {
    "tts": _tts,
    "chirpstack": _chirpstack,
    "zigbee2mqtt": _zigbee2mqtt,
    "tasmota": _tasmota,
    "shelly": _shelly,
    "collectd": _collectd,
    "senml": _senml,
}
