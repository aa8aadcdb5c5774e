"""Known answers of devices and networks in the field, where their folder is there: through `explain`'s own decoder."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.explain import explain
from schemas import Estate
from schemas.settings import Settings
from sensors.registry import Registry

DataSet = Callable[[str], Path]
KINDS = ["temperature", "humidity", "co2", "pressure", "footfall", "wifi", "device"]
EUI = "24e124710c401234"
SENT = "2026-11-28T10:00:00Z"
NOW_NS = 1_796_000_000 * 10**9
OF_THE_RADIO = {"rssi_dbm", "snr_db", "frame_count"}
TAKEN = {"published", "composed", "derived", "policy", "derived-vendor-executed"}
SOURCES = {
    "tts": "v3/+/devices/+/up",
    "chirpstack": "application/+/device/+/event/+",
    "tasmota": "tele/#",
    "shelly": "+/events/rpc",
    "collectd": "collectd/#",
}


def vectors(folder: Path, *names: str) -> Iterator[dict[str, Any]]:
    """Those whose right readings are given."""
    for name in names:
        for vector in json.loads((folder / f"{name}.json").read_text())["vectors"]:
            if vector["kind"] in TAKEN:
                yield vector


def fields_of(form: str, topic: str, payload: bytes, sent: str | None = None, **sensor: str) -> dict[str, Any]:
    """The fields of the readings of a sensor's first line, taken at a time, without those of the radio."""
    known = {"id": "sensor", "kinds": KINDS, "zone": "hall", **sensor}
    estate = Estate.model_validate(
        {
            "timezone": "Europe/London",
            "sources": [{"topic": SOURCES[form], "format": form}],
            "hubs": [{"id": "hub", "sensors": [known]}],
        }
    )
    readings, _, _ = explain(topic, payload, registry=Registry(estate), settings=Settings(), clock_ns=lambda: NOW_NS)
    return {
        name: value
        for reading in readings
        if reading.sensor == "sensor" and sent in (None, reading.time)
        for name, value in reading.fields.items()
        if name not in OF_THE_RADIO
    }


def in_tts(vector: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    uplink = {"f_port": vector["f_port"], "f_cnt": 3, "frm_payload": vector["base64"]}
    ids = {"device_id": "one", "dev_eui": EUI.upper()}
    return "v3/app@tenant/devices/one/up", {"end_device_ids": ids, "received_at": SENT, "uplink_message": uplink}


def in_chirpstack(vector: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    payload = {"time": SENT, "deviceInfo": {"devEui": EUI}, "fCnt": 3, "fPort": vector["f_port"]}
    return f"application/a/device/{EUI}/event/up", payload | {"data": vector["base64"]}


@pytest.mark.parametrize("form, wrapped", [("tts", in_tts), ("chirpstack", in_chirpstack)])
def test_frames_are_what_the_makers_of_devices_say(
    data_set: DataSet, form: str, wrapped: Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]
) -> None:
    tried = 0
    for vector in vectors(data_set("vectors"), "milesight", "elsys"):
        if not any(name.endswith(("_c", "_total", "entries", "_ppm")) for name in vector.get("canonical", ())):
            continue
        model = "elsys/ers" if vector["device"] == "elsys/generic" else vector["device"]
        topic, payload = wrapped(vector)
        found = fields_of(form, topic, json.dumps(payload).encode(), SENT, device=EUI, model=model)
        assert found == pytest.approx(vector["canonical"]), vector["id"]
        tried += 1
    assert tried > 20


def test_json_in_the_field_is_what_it_says(data_set: DataSet) -> None:
    tried = 0
    for vector in vectors(data_set("vectors"), "json_payloads"):
        form = vector["format"].removesuffix("-gen2")
        if form not in SOURCES or "canonical" not in vector["expected"]:
            continue
        text = vector.get("payload_text") or json.dumps(vector["payload"])
        device = vector["topic"].split("/")[0 if form == "shelly" else 1]
        found = fields_of(form, vector["topic"], text.encode(), device=device)
        expected = vector["expected"]["canonical"]
        assert {name: found.get(name) for name in expected} == pytest.approx(expected), vector["id"]
        tried += 1
    assert tried > 4


def test_an_uplink_of_the_things_stack_has_its_time_to_the_nanosecond(data_set: DataSet) -> None:
    (vector,) = (each for each in vectors(data_set("vectors"), "lns_envelopes") if each["id"] == "tts-am307")
    payload = json.dumps(vector["payload"]).encode()
    eui = vector["payload"]["end_device_ids"]["dev_eui"]
    expected = vector["expected"]
    found = fields_of("tts", vector["topic"], payload, expected["time"], device=eui, model=vector["decoder"])
    assert found == pytest.approx(expected["canonical"])
