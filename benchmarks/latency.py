"""How long a reading takes from its publishing until it is stored, and what ingest costs meanwhile.

python -m benchmarks.latency [sqlite|influxdb] [SECONDS]

A process of its own publishes at QoS 1 to a real mosquitto, evenly, at each of three rates; the time of a reading is
the moment at which it was handed to the socket. Ingest runs with default settings in another process; a reading counts
as stored when the store has answered for it. Whatever is not stored at the end is counted as lost.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, cast

import ingest.pipeline
from ingest.pipeline import Ingest
from mqtt.publisher import Publisher
from schemas.settings import InfluxSettings, MqttSettings, Settings
from simulators.messages import TimedMessage as Sent
from stores import Accepted, Outcome, Store, open_store
from tests.servers import Influxd, Mosquitto

RATES = (100, 1000, 10_000)
SECONDS = 30.0
HUBS = 22
SENSORS = 3300
"""Fewer than the hubs may have undeclared; more than any burst of one sensor needs."""
LOOPBACK = "127.0.0.1"
_STORED_WITHIN_S = 60.0


class Measured(NamedTuple):
    """Seconds from publishing to stored, and CPU seconds of ingest in seconds of the clock."""

    latencies_s: list[float]
    cpu_s: float
    seconds: float


class Timed:
    """A store that remembers how old each reading was when it was accepted."""

    def __init__(self, store: Store, ages_s: list[float]) -> None:
        self._store, self._ages_s = store, ages_s

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def write(self, lines: bytes) -> Outcome:
        outcome = self._store.write(lines)
        if isinstance(outcome, Accepted):
            now_ns = time.time_ns()
            self._ages_s += [
                (now_ns - int(line.rpartition(b" ")[2])) / 1e9
                for line in lines.split(b"\n")
                if line.startswith(b"temperature")
            ]
        return outcome


def run_ingest(settings: Settings, control: Connection) -> None:
    """Run ingest until told to stop; answer with what was measured from the first word to the second."""
    ages_s: list[float] = []

    def opened(of: Settings) -> Store:
        return cast(Store, Timed(open_store(of), ages_s))

    ingest.pipeline.open_store = opened  # type: ignore[assignment,attr-defined]
    process = Ingest(settings)
    thread = threading.Thread(target=process.run)
    thread.start()
    process.ready.wait()
    control.send("ready")
    wanted = control.recv()
    start_s, start_cpu_s = time.monotonic(), time.process_time()
    control.recv()
    measured = Measured(ages_s, time.process_time() - start_cpu_s, time.monotonic() - start_s)
    until_s = time.monotonic() + _STORED_WITHIN_S
    while len(ages_s) < wanted and time.monotonic() < until_s:
        time.sleep(0.1)
    process.stop()
    thread.join()
    control.send(measured)


class _Even:
    """Each message at its moment."""

    def __init__(self, rate: int, start_s: float) -> None:
        self._rate, self._start_s = rate, start_s

    def due_s(self, message: Sent) -> float:
        return self._start_s + message.time_ns / self._rate


def publish(port: int, rate: int, count: int) -> None:
    """Publish so many readings, each with the time at which it goes out."""
    topics = [f"hubs/hub-{n % HUBS}/temperature/s-{n}" for n in range(SENSORS)]
    random.Random(1).shuffle(topics)
    start_s = time.monotonic() + 0.5
    start_ns = time.time_ns() + 500_000_000
    messages = (
        Sent(n, topics[n % SENSORS], b'{"time": %d, "value": 21.5}' % (start_ns + n * 10**9 // rate))
        for n in range(count)
    )
    with Publisher(MqttSettings(host=LOOPBACK, port=port), window_messages=20_000) as publisher:
        publisher.publish_all(messages, pace=_Even(rate, start_s))


def measure(kind: str, rate: int, seconds: float) -> Measured:
    """One rate with a broker, a data folder and a store of its own."""
    count = int(rate * seconds)
    spawn = multiprocessing.get_context("spawn")
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory()))
        broker = parts.enter_context(Mosquitto(folder / "broker"))
        estate = folder / "estate.yaml"
        hubs = ", ".join(f"{{id: hub-{n}}}" for n in range(HUBS))
        estate.write_text(f"name: Estate\ntimezone: Europe/London\nhubs: [{hubs}]\n")
        settings = Settings(
            data_dir=folder / "data",
            estate=estate,
            mqtt=MqttSettings(host=LOOPBACK, port=broker.port),
            store="influxdb" if kind == "influxdb" else "sqlite",
        )
        if kind == "influxdb":
            influx = parts.enter_context(Influxd(folder / "influxdb"))
            settings = settings.model_copy(update={"influx": InfluxSettings(url=influx.url)})
        (folder / "data").mkdir()
        ours, theirs = spawn.Pipe()
        child = spawn.Process(target=run_ingest, args=(settings, theirs))
        child.start()
        ours.recv()
        sender = spawn.Process(target=publish, args=(broker.port, rate, count))
        ours.send(count)
        sender.start()
        sender.join()
        ours.send("stop")
        measured: Measured = ours.recv()
        child.join()
    return measured


def main() -> None:
    """Measure and print."""
    kind = sys.argv[1] if len(sys.argv) > 1 else "sqlite"
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    print(f"{'messages/s':>12} {'p50 ms':>8} {'p99 ms':>8} {'most ms':>8} {'core %':>7} {'lost':>6}   ({kind})")
    for rate in RATES:
        found = measure(kind, rate, seconds)
        ages_s = sorted(found.latencies_s)
        p50, p99 = (ages_s[int(len(ages_s) * share)] * 1000 for share in (0.5, 0.99))
        lost = int(rate * seconds) - len(ages_s)
        share = found.cpu_s / found.seconds * 100
        print(f"{rate:>12} {p50:>8.0f} {p99:>8.0f} {ages_s[-1] * 1000:>8.0f} {share:>7.1f} {lost:>6}")


if __name__ == "__main__":
    main()
