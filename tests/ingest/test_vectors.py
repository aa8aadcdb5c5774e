"""Known answers of devices and networks in the field, where their folder is: through `explain`, and into the store."""

import json
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ingest.explain import explain
from mqtt.messages import Message
from mqtt.publisher import Publisher
from schemas import KINDS, Estate, Kind, Reason, Rejection
from schemas.settings import IngestSettings, MqttSettings, Settings
from sensors.decoders import find_decoder
from sensors.formats import Item, Uplink
from sensors.formats.tts import TtsFormat
from sensors.registry import Registry
from sensors.times import text_ns
from simulators.messages import TimedMessage
from stores.sqlite_store import SqliteStore
from tests.ingest.vectors import EUI, OF_THE_RADIO, Known, known_messages
from tests.ingest.walking import running
from tests.mqtt.receiving import DEADLINE_S
from tests.servers import Mosquitto
from tests.waiting import wait_until

DataSet = Callable[[str], Path]
NOW_NS = 1_796_000_000 * 10**9
AT_LEAST = 90


def without_radio(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in OF_THE_RADIO}


def by_time(readings: Iterable[tuple[Any, Kind | str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """What a device measured at each time; a kind that comes twice at one time is a reading of its own."""
    found: dict[Any, list[dict[str, Any]]] = {}
    for time, _, fields in readings:
        parts = found.setdefault(time, [])
        fitting = next((part for part in parts if not part.keys() & fields.keys()), None)
        if fitting is None:
            parts.append(dict(fields))
        else:
            fitting.update(fields)
    return [part for parts in found.values() for part in parts if part]


def assert_as_known(found: list[dict[str, Any]], known: Known) -> None:
    assert len(found) == len(known.readings), (known.id, found)
    for reading in known.readings:
        assert any(reading == pytest.approx(other) for other in found), (known.id, reading, found)


def test_explain_says_what_is_known_of_them(data_set: DataSet) -> None:
    tried = 0
    for known in known_messages(data_set("vectors")):
        registry = Registry(Estate.model_validate(known.estate))
        readings, rejected, _ = explain(
            known.topic, known.payload, registry=registry, settings=Settings(), clock_ns=lambda: NOW_NS
        )
        found = by_time((r.time, r.kind, without_radio(r.fields)) for r in readings if r.sensor == "sensor")
        assert_as_known(found, known)
        assert known.is_refused in (None, bool(rejected)), (known.id, rejected)
        tried += 1
    assert tried >= AT_LEAST, tried


@pytest.mark.needs("mosquitto")
def test_all_of_them_rest_in_the_store_as_they_are_known(
    data_set: DataSet, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Each in a hub of its own, and each frame of a device of its own, so that none overwrites another's."""
    every = list(known_messages(data_set("vectors")))
    frames = [known for known in every if known.format in ("tts", "chirpstack") and EUI in known.device["device"]]
    alone = [known for known in every if known not in frames]
    sent, hubs, expected = [], [], {}
    for number, known in enumerate(frames):
        eui = f"24e1247100{number:06x}"
        hubs.append(hub_of(number, known, device=eui))
        expected[f"hub-{number}"] = known
        changed = known.payload.replace(EUI.encode(), eui.encode()).replace(EUI.upper().encode(), eui.upper().encode())
        sent.append(TimedMessage(0, known.topic.replace(EUI, eui), changed))
    names = set()
    for number, known in enumerate(alone, len(frames)):
        if known.device["device"] not in names:  # of one device's several messages the first
            names.add(known.device["device"])
            hubs.append(hub_of(number, known))
            expected[f"hub-{number}"] = known
            sent.append(TimedMessage(0, known.topic, known.payload))
    sources = list({known.format: known.estate["sources"][0] for known in every}.values())
    estate = tmp_path / "estate.yaml"
    estate.write_text(json.dumps({"timezone": "Europe/London", "sources": sources, "hubs": hubs}))
    settings = Settings(
        data_dir=tmp_path / "data",
        estate=estate,
        store="sqlite",
        mqtt=MqttSettings(host="127.0.0.1", port=mosquitto.port),
        ingest=IngestSettings(flush_age_s=0.01),
    )
    with running(settings) as ingest, Publisher(settings.mqtt) as publisher:
        publisher.publish_all(sent)
        ingest.wait_for(messages_received=len(sent))
        wait_until(lambda: not ingest.ledger.readings_pending, DEADLINE_S, "everything to be stored")

    with closing(SqliteStore(settings.data_dir / "store.db")) as store:
        for hub, known in expected.items():
            where = {"hub": hub, "sensor": "sensor"}
            rows = [
                (time_ns, kind, {name: c[at] for name, c in chunk.columns.items() if c[at] is not None})
                for kind in KINDS
                for chunk in store.read(kind, start_ns=0, stop_ns=2**62, where=where)
                for at, time_ns in enumerate(chunk.times_ns)
            ]
            found = by_time((time, kind, without_radio(fields)) for time, kind, fields in rows)
            for fields in found:
                fields.pop("suspect", None)
            assert_as_known(found, known)
    assert len(expected) >= AT_LEAST - 20


def hub_of(number: int, known: Known, **device: str) -> dict[str, Any]:
    (hub,) = known.estate["hubs"]
    return {"id": f"hub-{number}", "sensors": [{**hub["sensors"][0], **device}]}


def test_an_uplink_of_the_things_stack_has_its_time_to_the_nanosecond(data_set: DataSet) -> None:
    (vector,) = (
        each
        for each in json.loads((data_set("vectors") / "lns_envelopes.json").read_text())["vectors"]
        if each["id"] == "tts-am307"
    )
    (known,) = (each for each in known_messages(data_set("vectors")) if each.id == "tts-am307")
    registry = Registry(Estate.model_validate(known.estate))
    readings, _, _ = explain(
        known.topic, known.payload, registry=registry, settings=Settings(), clock_ns=lambda: NOW_NS
    )
    assert {reading.time for reading in readings} == {vector["expected"]["time"]}


def test_what_the_things_stack_documents_is_read_as_it_says(data_set: DataSet) -> None:
    vectors = json.loads((data_set("vectors") / "lns_envelopes.json").read_text())["vectors"]
    documented = [each for each in vectors if "time_source" in each["expected"] and each["format"] == "tts-v3"]
    for vector in documented:
        [uplink] = TtsFormat().decode([Message(vector["topic"].encode(), json.dumps(vector["payload"]).encode())])
        expected = vector["expected"]
        assert isinstance(uplink, Uplink), vector["id"]
        assert uplink.device == expected["dev_eui"].lower()
        assert uplink.also == (expected["device_id"],)
        assert (uplink.f_port, uplink.radio["frame_count"]) == (expected["f_port"], expected["f_cnt"])
        assert uplink.frame.hex() == expected["payload_hex"].lower()
        assert uplink.time_ns == text_ns(expected["time"])
    assert len(documented) > 1


def test_an_impossible_pressure_is_refused_and_what_is_beside_it_is_kept(data_set: DataSet) -> None:
    vectors = json.loads((data_set("vectors") / "elsys.json").read_text())["vectors"]
    frames = [bytes.fromhex(each["hex"]) for each in vectors if each["kind"] == "published-implausible"]
    for frame in frames:
        found = find_decoder("elsys/elt-2").decode(frame, 1)
        assert isinstance(found, list)
        items = [each for each in found if isinstance(each, Item)]
        assert [item.fields for item in items] == [{"temperature_c": 22.6}, {"relative_humidity_pct": 41.0}]
        assert [each.reason for each in found if isinstance(each, Rejection)] == [Reason.OUT_OF_RANGE]
    assert frames
