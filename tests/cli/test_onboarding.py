"""An unknown device is seen, adopted, and what it sent meanwhile is taken, as the one who adopts it would do it."""

import base64
import json
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from ingest.buffer import Buffer, BufferReader
from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas import Estate
from schemas.localtime import NS_AN_HOUR
from sensors.registry import Registry
from sensors.times import text_ns
from stores import Accepted
from stores.lines import encode
from stores.sqlite_store import SqliteStore
from tests.cli.command import CommandLine

EUI = "24e124710c401234"
ESTATE = """\
# Ours. Ask Sam before changing it.
name: Hubs
sources:
  - {topic: "v3/+/devices/+/up", format: tts}
hubs:
  - id: armley
    sensors:
      - {id: door-1}  # the old door
  - id: beeston
"""


def uplink(frame: str, received: str, **more: object) -> Message:
    sent = {
        "end_device_ids": {"device_id": "iaq", "dev_eui": EUI.upper()},
        "uplink_message": {"f_port": 85, "frm_payload": base64.b64encode(bytes.fromhex(frame)).decode(), **more},
        "received_at": received,
    }
    return Message(b"v3/app/devices/iaq/up", json.dumps(sent).encode())


@pytest.fixture
def hubpulse(tmp_path: Path) -> CommandLine:
    """A folder whose ingest met an AM307 that nobody had named."""
    (tmp_path / "estate.yaml").write_text(ESTATE)
    registry = Registry(Estate.model_validate({"sources": [{"topic": "v3/#", "format": "tts"}]}))
    decoder = Decoder(registry, clock_ns=time.time_ns)
    with closing(Buffer(tmp_path / "data", clock_ns=time.time_ns)) as buffer:
        buffer.commit(
            decoder.decode(
                [
                    uplink("03671801 077D6402 09736627", "2026-11-02T09:00:00Z"),
                    uplink("03671901 077D6502", "2026-11-02T09:10:00Z"),
                ]
            )
        )
    return CommandLine(tmp_path)


def test_sensors_that_the_estate_file_does_not_name_are_lines_to_put_into_it(hubpulse: CommandLine) -> None:
    now_ns = time.time_ns()
    tags = {"hub": "beeston", "sensor": "air-9", "zone": "cafe"}
    with closing(SqliteStore(hubpulse.folder / "data" / "store.db")) as store:
        lines = (
            encode("footfall", {"hub": "armley", "sensor": "door-1"}, {"entries": 1}, now_ns),
            encode("footfall", {"hub": "armley", "sensor": "door-1-line2"}, {"entries": 1}, now_ns),
            encode("co2", tags, {"co2_ppm": 500.0}, now_ns),
            encode("temperature", tags, {"temperature_c": 20.0}, now_ns),
        )
        assert store.write("\n".join(lines).encode()) == Accepted()
    (new,) = hubpulse.run("sensors", "new", "--json").json
    assert (new["hub"], new["sensor"], new["kinds"]) == ("beeston", "air-9", ["co2", "temperature"])
    said = hubpulse.run("sensors", "new").out
    assert said.startswith("beeston: - {id: air-9, kinds: [co2, temperature], zone: cafe}   # last seen ")
    assert "names every sensor" in hubpulse.run("sensors", "new", "--hub", "armley").out


def test_sensors_are_listed_with_what_the_radio_lost(hubpulse: CommandLine) -> None:
    day_ns = text_ns("2026-05-12T00:00:00Z")
    tags = {"hub": "armley", "sensor": "door-1"}
    told = {"rssi_dbm": -97.0, "spreading_factor": 9, "battery_pct": 80.0}
    with closing(SqliteStore(hubpulse.folder / "data" / "store.db")) as store:
        for hour, number in ((1, 7), (2, 8), (4, 10)):
            line = encode("device", tags, {**told, "frame_count": number}, day_ns + hour * NS_AN_HOUR)
            assert store.write(line.encode()) == Accepted()

    (door,) = hubpulse.run("sensors", "list", "--day", "2026-05-12", "--json").json
    assert (door["hub"], door["sensor"], door["silent"], door["battery_pct"]) == ("armley", "door-1", True, 80.0)
    assert (door["rssi_dbm"], door["spreading_factor"]) == (-97.0, 9)
    assert (door["frames_received"], door["frames_lost"], door["lost_share"]) == (2, 1, 1 / 3)
    (quiet,) = hubpulse.run("sensors", "list", "--hub", "armley", "--json").json
    assert (quiet["frames_received"], quiet["frames_lost"], quiet["lost_share"]) == (None, None, None)
    (line,) = hubpulse.run("sensors", "list", "--day", "2026-05-12").out.splitlines()[1:]
    assert line.split() == [
        "armley/door-1",
        "2026-05-12",
        "04:00,",
        "silent",
        "80",
        "%",
        "-97",
        "dBm",
        "9",
        "2",
        "33.3%",
    ]


def test_a_device_is_seen_adopted_and_its_messages_taken(hubpulse: CommandLine) -> None:
    [found] = hubpulse.run("sensors", "pending", "--json").json
    assert (found["device"], found["format"], found["messages"]) == (EUI, "tts", 2)
    assert {"milesight/am307", "milesight/am308"} <= set(found["models"])
    assert {"temperature", "co2"} <= set(found["kinds"])
    assert "frm_payload" in found["sample"]

    answer = hubpulse.run(
        *("sensors", "adopt", "24-E1-24-71-0C-40-12-34", "--hub", "armley", "--zone", "cafe"),
        *("--model", "milesight/am307", "--json"),
    )

    assert answer.json == {
        "added": [
            {"hub": "armley", "id": "air-1234", "device": EUI, "model": "milesight/am307", "zone": "cafe"},
        ],
        "redriven": 2,
        "readings": 5 + 2,
        "refused_again": [],
    }
    line = f"      - {{id: air-1234, device: {EUI}, model: milesight/am307, zone: cafe}}\n"
    assert (hubpulse.folder / "estate.yaml").read_text() == ESTATE.replace("  - id: beeston", line + "  - id: beeston")
    assert lines_of(hubpulse.folder)["co2,hub=armley,sensor=air-1234,zone=cafe"] == 2
    assert hubpulse.run("sensors", "pending", "--json").json == []


def lines_of(folder: Path) -> Mapping[str, int]:
    found: dict[str, int] = {}
    with closing(BufferReader(folder / "data")) as reader:
        for row in reader.pending.oldest(1000):
            for line in row.lines.decode().splitlines():
                series = line.split(" ")[0]
                found[series] = found.get(series, 0) + 1
    return found


def test_what_cannot_be_adopted_is_said_and_leaves_the_file(hubpulse: CommandLine) -> None:
    for arguments, why in (
        (("24e124710c40ffff", "--hub", "armley"), "nothing of device '24e124710c40ffff' waits"),
        ((EUI, "--hub", "armley"), "say which by --model"),
        ((EUI, "--hub", "armly", "--model", "milesight/am307"), "hub 'armly' is not in"),
        ((EUI, "--hub", "armley", "--model", "milesight/am307", "--id", "door-1"), "door-1"),
    ):
        answer = hubpulse.run("sensors", "adopt", *arguments)
        assert (answer.exit_code, why in answer.err) == (1, True), answer.err
        assert "Traceback" not in answer.err
    assert (hubpulse.folder / "estate.yaml").read_text() == ESTATE


def test_a_spreadsheet_names_devices_and_takes_what_they_sent(hubpulse: CommandLine) -> None:
    sheet = hubpulse.folder / "devices.csv"
    sheet.write_text(f"hub,id,device,model\nbeeston,air-1,{EUI},milesight/am307\nbramley,air-1,,\n")
    wrong = hubpulse.run("sensors", "import", "devices.csv")
    assert (wrong.exit_code, "line 3: hub 'bramley'" in wrong.out) == (1, True), wrong
    assert (hubpulse.folder / "estate.yaml").read_text() == ESTATE

    sheet.write_text(f"hub,id,device,model\nbeeston,air-1,{EUI},milesight/am307\n")
    answer = hubpulse.run("sensors", "import", "devices.csv", "--json")

    assert (answer.json["redriven"], answer.json["readings"]) == (2, 7)
    assert (hubpulse.folder / "estate.yaml").read_text().startswith(ESTATE)
