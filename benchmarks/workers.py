"""Ingest with one process that does all, and with workers that decode: messages per second, in one run.

python -m benchmarks.workers [MESSAGES]

A real mosquitto holds the messages at QoS 1 before ingest starts; what is measured is the time from the first tenth of
them to the last, received, decoded, committed, acknowledged, and written to the embedded store meanwhile. Once with
native readings, which decode in 3 us, and once with a format that takes a millisecond, as a vendor's JavaScript does.
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import structlog

from ingest.buffer import BufferReader
from ingest.pipeline import Ingest
from mqtt.publisher import Publisher
from schemas.localtime import rfc3339
from schemas.settings import IngestSettings, MqttSettings, Settings
from simulators.messages import TimedMessage
from tests.servers import Mosquitto
from tests.waiting import wait_until

MESSAGES, SLOW_MESSAGES, BATCH = 100_000, 4_000, 500
ROUNDS = 3
WORKERS = (1, 2, 4)
SENSORS = 200
DEADLINE_S = 300
SLOW_FORMAT = """
import json
from sensors.formats import Decoded, Item

class Format:
    def decode(self, messages):
        return [self.answer(message) for message in messages]

    def answer(self, message):
        sum(range(60_000))
        name = message.topic.decode().rpartition("/")[2]
        return [Decoded("hub/" + name, [Item("co2", 1, json.loads(message.payload)["t"], {"co2_ppm": 400})])]
"""
ESTATE = """\
timezone: UTC
sources: [{topic: "hubs/#"}, {topic: "acme/#", format: acme-slow}]
hubs: [{id: hub}]
"""


def native(count: int) -> Iterator[TimedMessage]:
    now_s = int(time.time())
    for n in range(count):
        at = rfc3339((now_s - n % 600) * 10**9)
        yield TimedMessage(0, f"hubs/hub/co2/air-{n % SENSORS}", b'{"time": "%s", "value": 412}' % at.encode())


def slow(count: int) -> Iterator[TimedMessage]:
    now_ns = time.time_ns()
    for n in range(count):
        yield TimedMessage(0, f"acme/air-{n % SENSORS}", b'{"t": %d}' % (now_ns - n))


def rate(folder: Path, port: int, workers: int, messages: list[TimedMessage]) -> float:
    """Messages a second with so many workers."""
    settings = Settings(
        data_dir=folder,
        estate=folder.parent / "estate.yaml",
        mqtt=MqttSettings(host="127.0.0.1", port=port, receive_max=BATCH),
        ingest=IngestSettings(workers=workers),
    )
    _run(settings, lambda ingest: ingest.ready.wait(DEADLINE_S))
    before = _received(folder)
    with Publisher(settings.mqtt) as publisher:
        publisher.publish_all(messages)
    tenth = before + len(messages) // 10
    times: list[tuple[float, int]] = []

    def watch(_ingest: Ingest) -> None:
        for number in (tenth, before + len(messages)):
            wait_until(partial(_has_received, folder, number), DEADLINE_S, f"{number} messages", poll_s=0.002)
            times.append((time.perf_counter(), _received(folder)))

    _run(settings, watch)
    (start_s, first), (end_s, last) = times
    return (last - first) / (end_s - start_s)


def _run(settings: Settings, meanwhile: Callable[[Ingest], object]) -> None:
    ingest = Ingest(settings)
    thread = threading.Thread(target=ingest.run)
    thread.start()
    meanwhile(ingest)
    ingest.stop()
    thread.join()


def _has_received(folder: Path, number: int) -> bool:
    return _received(folder) >= number


def _received(folder: Path) -> int:
    with closing(BufferReader(folder)) as reader:
        return reader.ledger.read().messages_received


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    shapes = (("native readings", list(native(count))), ("a decoder of 1 ms", list(slow(SLOW_MESSAGES))))
    with tempfile.TemporaryDirectory() as name, Mosquitto(Path(name) / "broker", max_inflight_messages=0) as broker:
        folder = Path(name)
        _install(folder)
        (folder / "estate.yaml").write_text(ESTATE)
        gc.freeze()
        for shape, messages in shapes:
            found: dict[int, list[float]] = {workers: [] for workers in WORKERS}
            for _ in range(ROUNDS):
                for workers, rates in found.items():
                    rates.append(rate(folder / "data", broker.port, workers, messages))
            alone = statistics.median(found[1])
            for workers, rates in found.items():
                median = statistics.median(rates)
                print(f"{shape:<20} --workers {workers}  {median:>9,.0f}/s  {median / alone:.2f} times one process")


def _install(folder: Path) -> None:
    metadata = folder / "acme-1.0.dist-info"
    metadata.mkdir()
    (folder / "acme_slow.py").write_text(SLOW_FORMAT)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[hubpulse.formats]\nacme-slow = acme_slow:Format\n")
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = str(folder)


if __name__ == "__main__":
    main()
