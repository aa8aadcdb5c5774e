"""Known answers of devices and networks in the field as messages, each with the estate that it needs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

KINDS = ["temperature", "humidity", "co2", "pressure", "footfall", "wifi", "device"]
EUI = "24e124710c401234"
SENT = "2026-11-28T10:00:00Z"
TAKEN = {"published", "composed", "derived", "policy", "trap-policy", "derived-vendor-executed", "published+corrected"}
"""Others are no pass or fail: where public sources differ, and devices have habits."""
SOURCES = {
    "tts": "v3/+/devices/+/up",
    "chirpstack": "application/+/device/+/event/+",
    "tasmota": "tele/#",
    "shelly": "+/events/rpc",
    "collectd": "collectd/#",
    "senml": "senml/#",
    "homeassistant": "homeassistant/#",
}
OF_THE_RADIO = {"rssi_dbm", "snr_db", "frame_count", "spreading_factor"}
_OURS = {
    "temperature": "temperature_c",
    "humidity": "relative_humidity_pct",
    "co2": "co2_ppm",
    "pressure": "pressure_hpa",
    "people_total_in": "entries_total",
    "people_total_out": "exits_total",
    "line_1_period_in": "entries",
    "line_1_period_out": "exits",
}
_SENML = {"Cel": "temperature_c", "%RH": "relative_humidity_pct", "count": "entries"}
_OLDEST_S = 10**9


class Known(NamedTuple):
    """A message and what is known of it: the fields of its readings at each time, and whether any of it is refused."""

    id: str
    format: str
    device: dict[str, str]
    topic: str
    payload: bytes
    readings: tuple[dict[str, Any], ...]
    is_refused: bool | None
    """None where that is not said."""

    @property
    def estate(self) -> dict[str, Any]:
        """The content of an estate file that knows the device."""
        sensor = {"id": "sensor", "kinds": KINDS, "zone": "hall", **self.device}
        sources = [{"topic": SOURCES[self.format], "format": self.format}]
        return {"timezone": "Europe/London", "sources": sources, "hubs": [{"id": "hub", "sensors": [sensor]}]}


def known_messages(folder: Path) -> Iterator[Known]:
    """Every message whose answer is given."""
    for form, wrapped in (("tts", _in_tts), ("chirpstack", _in_chirpstack)):
        for vector in (*_vectors(folder, "milesight"), *_vectors(folder, "elsys")):
            model = "elsys/ers" if vector["device"].startswith("elsys/") else vector["device"]
            topic, sent = wrapped(vector)
            device = {"device": EUI, "model": model}
            readings, is_refused = _of_frame(vector)
            yield Known(f"{form}-{vector['id']}", form, device, topic, _json(sent), readings, is_refused)
    for vector in _vectors(folder, "json_payloads"):
        form = vector["format"].removesuffix("-gen2").removesuffix("-discovery")
        payload = _json(vector.get("payload_text") or vector["payload"])
        name = vector["topic"].split("/")[0 if form == "shelly" else 1]
        canonical = vector["expected"].get("canonical")
        readings = (canonical,) if canonical else ()
        yield Known(vector["id"], form, {"device": name}, vector["topic"], payload, readings, is_refused=False)
    for vector in _vectors(folder, "lns_envelopes"):
        yield from _of_network_server(vector)
    for vector in _vectors(folder, "senml"):
        yield _of_pack(vector)


def _vectors(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    found = json.loads((folder / f"{name}.json").read_text())["vectors"]
    yield from (vector for vector in found if vector["kind"] in TAKEN)


def _json(content: Any) -> bytes:
    text = content if isinstance(content, str) else json.dumps(content)
    return text.encode()


def _of_frame(vector: dict[str, Any]) -> tuple[tuple[dict[str, Any], ...], bool]:
    expected = vector["expected"]
    records = [*expected.get("history", ()), expected.get("partial", {})]
    ours = [{_OURS[name]: value for name, value in record.items() if name in _OURS} for record in records]
    error = expected.get("error", "settings_frame")
    return tuple(filter(None, [*ours, vector.get("canonical", {})])), error != "settings_frame"


def _of_network_server(vector: dict[str, Any]) -> Iterator[Known]:
    form, expected = vector["format"].partition("-")[0], vector["expected"]
    if "canonical" in expected:
        device = {"device": vector["payload"]["end_device_ids"]["dev_eui"], "model": vector["decoder"]}
        canonical = expected["canonical"]
        yield Known(
            vector["id"], form, device, vector["topic"], _json(vector["payload"]), (canonical,), is_refused=False
        )
    elif expected.get("measurements") == []:
        device = {"device": EUI}
        yield Known(vector["id"], form, device, vector["topic"], _json(vector["payload"]), (), is_refused=False)


def _of_pack(vector: dict[str, Any]) -> Known:
    expected = vector["expected"]
    records = expected if isinstance(expected, list) else []
    name = records[0]["n"] if records and records[0]["t"] > _OLDEST_S else "nobody/here"
    stem = name if len({record["n"] for record in records}) == 1 else name.rpartition(":")[0] or name
    at: dict[float, dict[str, Any]] = {}
    for record in records:
        if record.get("u") in _SENML and record["t"] > _OLDEST_S:
            at.setdefault(record["t"], {})[_SENML[record["u"]]] = record["v"]
    is_refused = True if not isinstance(expected, list) else None
    return Known(
        vector["id"], "senml", {"device": stem}, "senml/x", _json(vector["pack"]), tuple(at.values()), is_refused
    )


def _in_tts(vector: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    uplink = {"f_port": vector["f_port"], "f_cnt": 3, "frm_payload": vector["base64"]}
    ids = {"device_id": "one", "dev_eui": EUI.upper()}
    return "v3/app@tenant/devices/one/up", {"end_device_ids": ids, "received_at": SENT, "uplink_message": uplink}


def _in_chirpstack(vector: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    payload = {"time": SENT, "deviceInfo": {"devEui": EUI}, "fCnt": 3, "fPort": vector["f_port"]}
    return f"application/a/device/{EUI}/event/up", payload | {"data": vector["base64"]}
