"""Devices of the estate file: whose messages they are, what is corrected, and what waits until somebody adopts them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.buffer import Buffer, BufferReader
from ingest.decoder import Decoder
from ingest.explain import steps
from ingest.status import StatusReport
from mqtt.messages import Message
from schemas import Estate, Kind, Reason, Settings
from schemas.estate import Sensor
from sensors.registry import Registry
from stores.lines import parse
from stores.sqlite_store import SqliteStore
from tests.ingest.given import NOW_NS, make_decoder, reasons
from usage.queries.sensors import read_sensors

EUI = "24e124710c401234"
TTS = {"topic": "v3/+/devices/+/up", "format": "tts"}
SOURCES = [
    {"topic": "hubs/#"},
    {"topic": "v3/other/devices/#", "format": "tts"},
    TTS,
    {"topic": "zigbee2mqtt/#", "format": "zigbee2mqtt"},
    {"topic": "tele/#", "format": "tasmota"},
    {"topic": "homeassistant/#", "format": "homeassistant"},
]


def estate(*sensors: dict[str, Any], sources: list[dict[str, Any]] = SOURCES) -> Estate:
    hubs = [{"id": "armley", "sensors": sensors}, {"id": "beeston"}]
    return Estate.model_validate({"hubs": hubs, "sources": sources, "timezone": "Europe/London"})


def uplink(app: str = "app", eui: str = EUI, **values: Any) -> Message:
    content = {
        "end_device_ids": {"device_id": "air-cafe", "dev_eui": eui.upper()},
        "received_at": "2026-05-12T11:00:00Z",
        "uplink_message": {"f_port": 1, "frm_payload": "AQ==", "decoded_payload": values or {"co2": 640}},
    }
    return Message(f"v3/{app}/devices/air-cafe/up".encode(), json.dumps(content).encode())


def numbered(number: int, frame: str, *, eui: str = EUI, port: int = 85) -> Message:
    """A frame as it came, in base64, that was heard at this number of minutes past eleven."""
    radio = {"f_cnt": number, "rx_metadata": [{"rssi": -90, "snr": 7.5}]}
    heard = {"time": f"2026-05-12T11:{number:02}:00Z", "data_rate": {"lora": {"spreading_factor": 9}}}
    content = {
        "end_device_ids": {"device_id": "air-cafe", "dev_eui": eui.upper()},
        "uplink_message": {"f_port": port, "frm_payload": frame, "settings": heard, **radio},
    }
    return Message(b"v3/app/devices/air-cafe/up", json.dumps(content).encode())


ATTRIBUTES, TOO_LONG, WHOLE = "/wsB", "AAAA" * 86, "A2fuAA=="


def test_a_frame_without_a_reading_keeps_its_number_so_that_it_is_not_taken_for_lost(buffer: Buffer) -> None:
    known = estate({"id": "air", "device": EUI, "model": "milesight/am307"})
    messages = [numbered(1, WHOLE), numbered(2, ATTRIBUTES), numbered(3, TOO_LONG), numbered(4, WHOLE)]
    batch = make_decoder(known).decode(messages)

    assert (kinds(batch.lines), len(batch.no_reading), len(batch.refused)) == (["temperature", "device"] * 2, 1, 1)
    told = {parse(line).fields["frame_count"]: parse(line) for line in batch.points if line.startswith("device")}
    assert list(told) == [1, 4, 2, 3]
    assert told[2].fields == {"frame_count": 2, "rssi_dbm": -90.0, "snr_db": 7.5, "spreading_factor": 9}
    assert (told[2].tags, told[2].time_ns) == ({"hub": "armley", "sensor": "air"}, NOW_NS - 58 * 60 * 10**9)
    buffer.commit(batch)
    ledger = buffer.ledger.read()
    assert (ledger.balanced, ledger.messages_no_reading, ledger.messages_accepted) == (True, 1, 2)
    assert ledger.readings_accepted == ledger.readings_pending == 6
    assert buffer.pending.oldest(10)[0].readings == 6


@pytest.mark.parametrize("message", [numbered(2, ATTRIBUTES, eui="24e124710c409999"), numbered(2, ATTRIBUTES, port=0)])
def test_a_frame_of_nobody_has_no_number(message: Message) -> None:
    known = estate({"id": "air", "device": "0011223344556677", "model": "milesight/am307"})
    assert make_decoder(known).decode([message]).frames == []


def test_the_number_of_a_frame_at_no_time_or_a_wrong_one_is_not_kept() -> None:
    known = estate({"id": "air", "device": EUI, "model": "milesight/am307"})
    sent = json.loads(numbered(2, ATTRIBUTES).payload)
    for time in ("", "2026-05-12T13:00:00Z"):
        sent["uplink_message"]["settings"] = {"time": time}
        batch = make_decoder(known).decode([Message(b"v3/app/devices/x/up", json.dumps(sent).encode())])
        assert (batch.frames, len(batch.no_reading)) == ([], 1)


def zigbee(name: str, **values: Any) -> Message:
    return Message(f"zigbee2mqtt/{name}".encode(), json.dumps(values).encode())


@pytest.fixture
def buffer(tmp_path: Path) -> Iterator[Buffer]:
    opened = Buffer(tmp_path, clock_ns=lambda: NOW_NS)
    yield opened
    opened.close()


def kinds(lines: list[str]) -> list[str]:
    return [parse(line).measurement for line in lines]


@pytest.mark.parametrize("written", [EUI, EUI.upper(), "24-E1-24-71-0C-40-12-34", "air-cafe"])
def test_a_device_is_known_however_it_is_written(written: str) -> None:
    batch = make_decoder(estate({"id": "air", "device": written, "source": TTS["topic"]})).decode([uplink()])

    assert kinds(batch.lines) == ["co2", "device"]
    assert batch.refused == []


def test_a_device_belongs_to_the_source_that_its_sensor_names() -> None:
    bound = make_decoder(estate({"id": "air", "device": EUI, "source": TTS["topic"]}))
    batch = bound.decode([uplink(), uplink("other"), zigbee(EUI, temperature=20)])

    assert kinds(batch.lines) == ["co2", "device"]
    assert reasons(batch) == [Reason.UNKNOWN_SENSOR] * 2
    assert f"whose messages come by {TTS['topic']}" in batch.refused[0].rejections[0].detail


def test_a_model_of_frames_comes_by_network_servers_alone() -> None:
    batch = make_decoder(estate({"id": "air", "device": EUI, "model": "milesight/am307"})).decode(
        [zigbee(EUI, temperature=20)]
    )

    assert reasons(batch) == [Reason.UNKNOWN_SENSOR]


def test_nobody_speaks_for_a_device_on_a_native_topic() -> None:
    decoder = make_decoder(estate({"id": "air", "device": EUI}))
    batch = decoder.decode([Message(b"hubs/armley/co2/air", b"640"), Message(b"hubs/armley/co2/other", b"640")])

    assert reasons(batch) == [Reason.UNKNOWN_SENSOR]
    assert len(batch.lines) == 1


def test_what_a_device_calls_itself_names_no_hub() -> None:
    """A friendly name may hold a slash, and anybody may give one."""
    batch = make_decoder(estate({"id": "air"})).decode([zigbee("armley/air", temperature=20)])

    assert reasons(batch) == [Reason.UNKNOWN_SENSOR]


def test_a_source_that_the_file_does_not_have_is_a_slip() -> None:
    with pytest.raises(ValueError, match="source 'v3/x' is not one of `sources`"):
        estate({"id": "air", "device": EUI, "source": "v3/x"})


@pytest.mark.parametrize(
    "field, calibration, sent, stored",
    [
        ("temperature_c", {"offset": -0.4}, 21.4, "temperature_c=21.0,raw_temperature_c=21.4"),
        ("temperature_c", {"scale": 1.1, "offset": 1}, 20.0, "temperature_c=23.0,raw_temperature_c=20.0"),
        ("temperature_c", {"offset": -0.4}, 85.0, "temperature_c=84.6,suspect=true,raw_temperature_c=85.0"),
        ("temperature_c", {"offset": 50}, 30.0, "temperature_c=80.0,suspect=true,raw_temperature_c=30.0"),
    ],
)
def test_a_calibrated_value_keeps_beside_it_what_was_sent(
    field: str, calibration: dict[str, float], sent: float, stored: str
) -> None:
    decoder = make_decoder(estate({"id": "air", "calibration": {field: calibration}}))
    [line] = decoder.decode([Message(b"hubs/armley/temperature/air", b"%r" % sent)]).lines

    assert line.split(" ")[1] == stored


@pytest.mark.parametrize("sent", [-127.0, 86.0])
def test_a_value_that_no_sensor_measured_is_not_calibrated_into_one(sent: float) -> None:
    decoder = make_decoder(estate({"id": "air", "calibration": {"temperature_c": {"scale": 0.1}}}))

    assert reasons(decoder.decode([Message(b"hubs/armley/temperature/air", b"%r" % sent)])) == [Reason.OUT_OF_RANGE]


def test_counts_are_not_calibrated() -> None:
    with pytest.raises(ValueError, match="entries"):
        Sensor.model_validate({"id": "door", "calibration": {"entries": {"scale": 1.1}}})


def test_a_counter_that_hangs_the_other_way_round_is_turned() -> None:
    decoder = make_decoder(estate({"id": "door", "swapped": True}))
    sent = b'{"time": 1767225600, "entries": 3, "exits": 1, "entries_total": 30, "exits_total": 10, "people": 2}'
    [line] = decoder.decode([Message(b"hubs/armley/footfall/door", sent)]).lines

    fields = {"exits": 3, "entries": 1, "exits_total": 30, "entries_total": 10, "people": 2}
    assert parse(line).fields == fields


def test_an_unknown_device_waits_with_its_format_and_what_it_seems_to_measure(buffer: Buffer, tmp_path: Path) -> None:
    decoder = make_decoder(estate())
    messages = [uplink(co2=640, temperature=20), uplink(co2=641), zigbee("hall/air", humidity=40), zigbee("x", co2=3)]
    buffer.commit(decoder.decode(messages))
    found = BufferReader(tmp_path).quarantine.unknown_devices()

    assert {(device.device, device.format, device.kinds, device.messages) for device in found} == {
        (EUI, "tts", (Kind.CO2, Kind.TEMPERATURE), 2),
        ("hall/air", "zigbee2mqtt", (Kind.HUMIDITY,), 1),
        ("x", "zigbee2mqtt", (Kind.CO2,), 1),
    }
    assert buffer.quarantine.get(found[-1].sample_id).reason is Reason.UNKNOWN_SENSOR


def test_a_device_that_goes_off_line_is_silent_at_once_and_one_that_sends_is_not(
    buffer: Buffer, tmp_path: Path
) -> None:
    known = estate({"id": "air", "device": "tasmota_A1", "kinds": ["temperature"], "every": "1h"})
    clock = [NOW_NS]
    store = SqliteStore(tmp_path / "store.db")
    report = StatusReport("test", clock_ns=lambda: clock[0])
    decoder = Decoder(Registry(known), clock_ns=lambda: clock[0])

    def silent_after(topic: bytes, payload: bytes) -> bool:
        clock[0] += 10**9
        batch = decoder.decode([Message(topic, payload)])
        buffer.commit(batch)
        lines = [*batch.lines, *report.lines(buffer)]
        store.write("\n".join(lines).encode())
        report.taken()
        return read_sensors(store, known, clock[0]).by_hub["armley"][0].silent

    sensor = b'{"SHT3X": {"Temperature": 20.5}}'
    assert not silent_after(b"tele/tasmota_A1/SENSOR", sensor)
    assert silent_after(b"tele/tasmota_A1/LWT", b"Offline")
    assert not silent_after(b"tele/tasmota_A1/LWT", b"Online")
    assert silent_after(b"tele/tasmota_A1/LWT", b"Offline")
    assert not silent_after(b"tele/tasmota_A1/SENSOR", sensor)
    assert buffer.ledger.read().messages_no_reading == 3
    store.close()


CONFIG = b'{"state_topic": "homeassistant/a/state", "device_class": "temperature", "unique_id": "garage-t"}'
TOPIC = b"homeassistant/sensor/garage/config"


def test_what_was_announced_is_known_after_a_restart_and_an_edit(buffer: Buffer, tmp_path: Path) -> None:
    known = estate({"id": "air", "device": "garage-t"})
    state = Message(b"homeassistant/a/state", b"21.5")
    first = make_decoder(known)
    buffer.commit(first.decode([Message(TOPIC, CONFIG, retained=True)]))
    restarted = make_decoder(known)
    assert reasons(restarted.decode([state])) == [Reason.UNKNOWN_SENSOR]
    restarted.remember(BufferReader(tmp_path).devices.announcements())
    assert len(restarted.decode([state]).lines) == 1
    restarted.use(Registry(known))
    assert len(restarted.decode([state]).lines) == 1

    buffer.commit(restarted.decode([Message(TOPIC, b"", retained=True)]))
    assert BufferReader(tmp_path).devices.announcements() == []
    assert reasons(restarted.decode([state])) == [Reason.UNKNOWN_SENSOR]


def test_each_step_of_a_message_s_way_is_shown() -> None:
    calibrated = {
        "id": "air",
        "device": EUI,
        "model": "milesight/am307",
        "calibration": {"temperature_c": {"offset": 1}},
    }
    content = {
        "end_device_ids": {"device_id": "d", "dev_eui": EUI},
        "received_at": "2026-05-12T11:00:00Z",
        "uplink_message": {"f_port": 85, "f_cnt": 3, "frm_payload": "A2fuAARofA=="},
    }
    way = steps(
        "v3/app/devices/d/up",
        json.dumps(content).encode(),
        registry=Registry(estate(calibrated)),
        settings=Settings(),
        clock_ns=lambda: NOW_NS,
    )

    assert [step.step for step in way] == ["format", "device", "frame", "decoder", *["value"] * 3, *["reading"] * 3]
    found = {step.step: step.found for step in reversed(way)}
    assert found["format"] == {"name": "tts", "source": "v3/+/devices/+/up"}
    assert found["device"]["calibration"] == "temperature_c: * 1 +1"
    assert found["frame"]["bytes"] == "0367ee0004687c"
    assert found["decoder"] == {"name": "milesight/am307"}
    assert found["value"]["fields"] == {"temperature_c": 23.8}
    assert found["reading"]["fields"] == {"temperature_c": 24.8}
    assert found["reading"]["before_calibration"] == {"temperature_c": 23.8}


def test_what_the_sources_can_not_do_for_a_sensor_is_named() -> None:
    problems = Registry(
        estate(
            {"id": "a", "device": EUI, "model": "milesight/am307"},
            {"id": "b", "device": "kitchen"},
            {"id": "c", "device": "hall", "source": "tele/#", "kinds": ["footfall", "co2"]},
            {"id": "d", "device": "0011223344556677", "model": "acme/unknown", "source": TTS["topic"]},
        )
    ).limits

    assert any(p.startswith("armley/a: device") and "name one of them as its `source:`" in p for p in problems)
    assert any(p.startswith("armley/b: device 'kitchen' may come by") for p in problems)
    assert "armley/c: format tasmota has no footfall" in problems
    assert any(p.startswith("armley/d: model 'acme/unknown' is not installed") for p in problems)
    nowhere = Registry(estate({"id": "a", "device": EUI}, sources=[{"topic": "hubs/#"}])).limits
    assert nowhere == [f"armley/a: no source carries device '{EUI}': add its topic and format to `sources`"]
