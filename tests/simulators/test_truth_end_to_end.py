"""The truth against the real pipeline: mosquitto, ingest, a store, the daily figures.

One broker, one ingest and one store serve every test of a store: each run has hubs of its own.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest.buffer import BufferReader
from ingest.pipeline import Ingest
from mqtt.publisher import Publisher
from schemas import Settings
from schemas.settings import InfluxSettings, MqttSettings
from simulators import runner
from simulators.faults import describe
from simulators.messages import TimedMessage
from simulators.simulation import Simulation
from simulators.truth.record import TruthRecord
from simulators.truth.verify import Difference, Truth, differences, read_truth, zone_differences
from stores import open_store
from tests.real_parts import require
from tests.servers import Influxd, Mosquitto
from tests.simulators.small_estate import document, played, week
from tests.waiting import wait_until
from usage import Queries

pytestmark = pytest.mark.needs("mosquitto")

FAULTS = {name: f"{name}:0.4" for name in describe()} | {
    "rollover": "rollover",
    "spikes": "spikes:0.1",
    "malformed": "malformed:0.1",
    "flood": "flood:0.1",
    "redelivery": "redelivery:0.02",
    "disconnect": "disconnect:0.02",
}
RED = ["removed-", "doubled-", "moved-", "repeated-"]
PREFIXES = [f"{name}-" for name in FAULTS] + ["normal-", "outage-and-late-", "clock-", "chaos-", *RED]


@dataclass
class Pipeline:
    """A running ingest with a store."""

    settings: Settings
    folder: Path
    published: int = field(default=0)

    def publish(self, messages: Iterable[TimedMessage]) -> None:
        with Publisher(self.settings.mqtt) as publisher:
            self.published += publisher.publish_all(messages).acknowledged
        self.wait_until_stored()

    def simulate(self, run: Simulation, *, readings_max: int = 144) -> Truth:
        """Publish a run and return the truth about it."""
        path = self.folder / "truth.jsonl"
        with path.open("w") as file, Publisher(self.settings.mqtt) as publisher:
            truth = TruthRecord(file, run.estate, run.header())
            published = runner.run(run, publisher, readings_max=lambda _day: readings_max, truth=truth)
            self.published += published.acknowledged
            truth.close()
        self.wait_until_stored()
        return read_truth(path)

    def truth(self, text: str) -> Truth:
        path = self.folder / "truth.jsonl"
        path.write_text(text)
        return read_truth(path)

    def refused(self) -> Counter[str]:
        """How much is in the quarantine, by reason."""
        with closing(BufferReader(self.settings.data_dir)) as reader:
            return Counter(reader.quarantine.counts())

    def wait_until_stored(self) -> None:
        """Return once every message that was published has arrived and its readings are in the store."""

        def is_stored() -> bool:
            ledger = reader.ledger.read()
            return ledger.messages_received >= self.published and not ledger.readings_pending

        with closing(BufferReader(self.settings.data_dir)) as reader:
            wait_until(is_stored, 60, "the readings to be stored")

    def differences(self, truth: Truth) -> list[Difference]:
        with closing(open_store(self.settings)) as store:
            queries = Queries(store, truth.estate, now_ns=time.time_ns())
            asked = [(hub.id, first, last) for hub in truth.estate.hubs for first, last in truth.spans]
            days = [day for hub, first, last in asked for day in queries.daily(first, last, hub=hub)]
            zones = [zone for hub, first, last in asked for zone in queries.zones(first, last, hub=hub)]
            return [
                *differences(truth, ((day.hub, day.date, day.figures) for day in days)),
                *zone_differences(truth, ((zone.hub, zone.date, zone.zone, zone.figures) for zone in zones)),
            ]


@contextmanager
def running(folder: Path, **store: Any) -> Iterator[Pipeline]:
    estate = folder / "estate.yaml"
    hubs = [hub for prefix in PREFIXES for hub in document(prefix)["hubs"]]
    estate.write_text(yaml.safe_dump(document() | {"hubs": hubs}))
    with Mosquitto(folder / "broker") as broker:
        mqtt = MqttSettings(host=broker.host, port=broker.port)
        settings = Settings(data_dir=folder / "data", estate=estate, mqtt=mqtt, **store)
        ingest = Ingest(settings)
        thread = threading.Thread(target=ingest.run)
        thread.start()
        try:
            assert ingest.ready.wait(20)
            yield Pipeline(settings, folder)
        finally:
            ingest.stop()
            thread.join(15)


@pytest.fixture(scope="module", name="pipeline")
def _pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The embedded store."""
    require("mosquitto")
    with running(tmp_path_factory.mktemp("sqlite")) as pipeline:
        yield pipeline


@pytest.fixture(scope="module", name="any_store", params=["sqlite", "influxdb"])
def _any_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    if request.param == "sqlite":
        yield request.getfixturevalue("pipeline")
        return
    require("influxd")
    folder = tmp_path_factory.mktemp("influxdb")
    with (
        Influxd(folder / "influxd") as server,
        running(folder, store="influxdb", influx=InfluxSettings(url=server.url)) as pipeline,
    ):
        yield pipeline


def test_a_normal_week_is_shown_as_it_was(any_store: Pipeline) -> None:
    truth = any_store.simulate(week(prefix="normal-"))
    assert len(truth.days) == 21
    assert any_store.differences(truth) == []


def test_an_outage_with_late_history_is_shown_as_if_nothing_had_happened(any_store: Pipeline) -> None:
    truth = any_store.simulate(week("outage:0.5", scenario="outage", prefix="outage-and-late-"))
    assert truth.injected["outage"] > 0
    assert truth.injected["late"] > 0
    assert any_store.differences(truth) == []


def test_both_clock_changes_are_shown_as_they_were(any_store: Pipeline) -> None:
    truth = any_store.simulate(week(scenario="clock-change", last=date(2025, 4, 20), prefix="clock-"))
    days = {day for _, day in truth.days}
    assert {date(2024, 10, 27), date(2025, 3, 30)} < days
    assert any_store.differences(truth) == []


def test_chaos_is_shown_as_a_perfect_pipeline_must(any_store: Pipeline) -> None:
    truth = any_store.simulate(week(scenario="chaos", prefix="chaos-"))
    assert len(truth.injected) > 10
    assert any_store.differences(truth) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_single_fault_has_no_other_effect_than_it_must(pipeline: Pipeline, fault: str) -> None:
    refused_before = pipeline.refused()
    # The quarantine keeps messages whole: sent one by one, they can be counted against the truth.
    readings_max = 1 if fault in ("spikes", "wrong-unit", "malformed") else 144
    truth = pipeline.simulate(week(FAULTS[fault], days=4, prefix=f"{fault}-"), readings_max=readings_max)
    assert truth.injected.get(fault, 0) > 0
    assert pipeline.differences(truth) == []
    assert pipeline.refused() - refused_before == Counter(truth.summary["refused"])


def busy_door_reading(messages: list[TimedMessage], topic: str) -> int:
    """The number of the message that tells of the most people."""
    return max((at for at, m in enumerate(messages) if m.topic == topic), key=lambda at: people(messages[at]))


def people(message: TimedMessage) -> int:
    reading = json.loads(message.payload)
    return int(reading["entries"] + reading["exits"])


def with_time(message: TimedMessage, shift: timedelta) -> TimedMessage:
    reading = json.loads(message.payload)
    reading["time"] += round(shift.total_seconds() * 1000)
    return message._replace(payload=json.dumps(reading).encode())


@pytest.mark.parametrize("wrong", ["removed", "doubled", "moved"])
def test_one_wrong_reading_makes_verify_red(pipeline: Pipeline, wrong: str) -> None:
    """The week is sent reading by reading, with a single one removed, counted twice or moved to the next day."""
    prefix = f"{wrong}-"
    messages, text = played(week(days=3, prefix=prefix), readings_max=1)
    at = busy_door_reading(messages, f"hubs/{prefix}south/footfall/door")
    copies = {
        "removed": [],
        "doubled": [messages[at], with_time(messages[at], timedelta(seconds=1))],
        "moved": [with_time(messages[at], timedelta(days=1, seconds=1))],
    }[wrong]
    pipeline.publish([*messages[:at], *copies, *messages[at + 1 :]])
    found = pipeline.differences(pipeline.truth(text))
    assert {d.hub for d in found} == {f"{prefix}south"}
    assert {"entries", "exits"} <= {d.field for d in found}
    assert len({d.date for d in found}) == (2 if wrong == "moved" else 1)


def test_a_reading_that_is_merely_repeated_leaves_verify_green(pipeline: Pipeline) -> None:
    messages, text = played(week(days=3, prefix="repeated-"), readings_max=1)
    pipeline.publish([message for message in messages for _ in range(2)])
    assert pipeline.differences(pipeline.truth(text)) == []
