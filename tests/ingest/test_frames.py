"""Frames of LoRaWAN devices in a batch of many: those of a codec go over together, and a bad one costs no other."""

import base64
import json
from pathlib import Path

import pytest

from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas import Estate, Reason
from sensors.registry import Registry
from sensors.times import text_ns

pytest.importorskip("py_mini_racer", reason="the extra `codecs` is not installed")

NOW_NS = text_ns("2026-05-12T12:00:00Z")
CODEC = """function decodeUplink(input) {
    if (input.bytes[0] === 9) for (;;);
    return {data: {co2: 400 + input.bytes[0]}};
}"""


def uplink(device: int, frame: str) -> Message:
    sent = {
        "end_device_ids": {"device_id": f"d{device}", "dev_eui": f"{device:016X}"},
        "uplink_message": {"f_port": 85, "frm_payload": base64.b64encode(bytes.fromhex(frame)).decode()},
        "received_at": "2026-05-12T11:00:00Z",
    }
    return Message(f"v3/app/devices/d{device}/up".encode(), json.dumps(sent).encode())


def test_frames_of_codecs_and_decoders_come_out_each_by_its_own(tmp_path: Path) -> None:
    (tmp_path / "acme.js").write_text(CODEC)
    models = {1: "js/acme", 2: "milesight/am103", 3: "js/acme", 4: "js/acme"}
    sensors = [{"id": f"s-{n}", "device": f"{n:016x}", "model": model} for n, model in models.items()]
    estate = Estate.model_validate(
        {"sources": [{"topic": "v3/#", "format": "tts"}], "hubs": [{"id": "armley", "sensors": sensors}]}
    )
    decoder = Decoder(Registry(estate, codecs=tmp_path), clock_ns=lambda: NOW_NS)

    batch = decoder.decode(
        [uplink(1, "01"), uplink(2, "077D6402"), uplink(3, "09"), uplink(4, "02"), uplink(5, "01"), uplink(1, "03")]
    )

    found = [line for line in batch.lines if line.startswith("co2")]
    assert [line.split(" ")[0].rpartition("sensor=")[2][:3] for line in found] == ["s-1", "s-2", "s-4", "s-1"]
    assert [line.split(" ")[1] for line in found] == [f"co2_ppm={ppm}" for ppm in (401.0, 612.0, 402.0, 403.0)]
    refused = [(refused.message.topic[-5:], refused.rejections[0].reason) for refused in batch.refused]
    assert refused == [(b"d3/up", Reason.BAD_PAYLOAD), (b"d5/up", Reason.UNKNOWN_SENSOR)]
