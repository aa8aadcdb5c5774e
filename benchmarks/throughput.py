"""What it takes to receive a backlog at QoS 1: ours, step by step, beside programs that do less of it, in one run.

python -m benchmarks.throughput [MESSAGES] [ROUNDS]

Each program finds the same messages, kept for it by one real mosquitto in a session of its own, and is a process of
its own, whose processor time and largest memory are read once it has answered for the last of them:

    mosquitto_sub       in C, prints to nowhere
    stock paho          counts in `on_message`
    receive             our connection: receive and acknowledge, nothing else
    ingest, discarded   decode, validate, encode, commit durably, acknowledge; what was committed is thrown away
    ingest, SQLite      the whole way
    ingest, InfluxDB    the whole way, into InfluxDB 1.x where it is installed
    lines posted        no broker: ready lines of a batch, posted to that InfluxDB

What Telegraf and Node-RED do is measured where they are on the PATH (see docs/performance.md).
"""

from __future__ import annotations

import multiprocessing
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion

import ingest.pipeline
from ingest.buffer import BufferReader
from ingest.pipeline import Ingest
from mqtt.publisher import Publisher
from mqtt.subscriber import Subscriber
from schemas.localtime import rfc3339
from schemas.settings import InfluxSettings, IngestSettings, MqttSettings, Settings
from simulators.messages import TimedMessage as Sent
from stores import Accepted, Outcome
from tests.real_parts import find
from tests.servers import Influxd, Mosquitto

MESSAGES = 200_000
ROUNDS = 5
HUBS, SENSORS = 22, 10
LOOPBACK = "127.0.0.1"
LINES_AT_ONCE = 5000
_WITHIN_S = 300.0


class Cost(NamedTuple):
    """Of one program: seconds on the clock and of the processor for all messages, and its largest memory."""

    seconds: float
    cpu_s: float
    memory_mb: float


def own_cost(start_s: float, start_cpu_s: float) -> Cost:
    """What this process has taken since."""
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Cost(time.perf_counter() - start_s, time.process_time() - start_cpu_s, memory_mb)


class Discarding:
    """A store that takes all lines and keeps none."""

    def write(self, _lines: bytes) -> Outcome:
        return Accepted()

    def close(self) -> None:
        """Nothing was opened."""


def settings_of(port: int, folder: Path, name: str, url: str | None) -> Settings:
    """Default settings, with a folder and a session of its own."""
    return Settings(
        data_dir=folder / name,
        estate=folder / "estate.yaml",
        mqtt=MqttSettings(host=LOOPBACK, port=port, client_id=name),  # type: ignore[arg-type] # as the environment's
        store="influxdb" if url else "sqlite",
        influx=InfluxSettings(url=url or "http://127.0.0.1:8086"),
        ingest=IngestSettings(hub_messages_burst=10**7, sensor_messages_burst=10**6),
    )


def run_ingest(settings: Settings, messages: int, *, discard: bool = False) -> Cost:
    """Ingest until so many messages are committed and their readings stored; with none, only make the session."""
    if discard:
        ingest.pipeline.open_store = lambda _settings: Discarding()  # type: ignore[attr-defined,assignment,misc]
    settings.data_dir.mkdir(exist_ok=True)
    process = Ingest(settings)
    thread = Thread(target=process.run)
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    thread.start()
    process.ready.wait(_WITHIN_S)
    cost = own_cost(start_s, start_cpu_s)
    with closing(BufferReader(settings.data_dir)) as reader:
        while reader.ledger.read().readings_stored < messages and cost.seconds < _WITHIN_S:
            time.sleep(0.05)
            cost = own_cost(start_s, start_cpu_s)
    process.stop()
    thread.join()
    return cost


def run_receive(port: int, messages: int) -> Cost:
    """Receive and acknowledge so many; with none, only make the session."""
    subscriber = Subscriber(
        mqtt_settings=MqttSettings(host=LOOPBACK, port=port, client_id="receive"),  # type: ignore[arg-type]
        ingest_settings=IngestSettings(),
        filters=["hubs/#"],
        rng=random.Random(1),
    )
    start_s, start_cpu_s, received = time.perf_counter(), time.process_time(), 0
    while received < messages or not subscriber.subscribed:
        received += len(subscriber.receive(0.2))
        subscriber.acknowledge()
    cost = own_cost(start_s, start_cpu_s)
    subscriber.close()
    return cost


def run_paho(port: int, messages: int) -> Cost:
    """Stock paho, counting."""
    received, subscribed = 0, False

    def on_message(*_: Any) -> None:
        nonlocal received
        received += 1

    def on_subscribe(*_: Any) -> None:
        nonlocal subscribed
        subscribed = True

    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="paho", clean_session=False)
    client.on_message, client.on_subscribe = on_message, on_subscribe
    client.connect(LOOPBACK, port)
    client.subscribe("hubs/#", qos=1)
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    while received < messages or not subscribed:
        client.loop(0.2)
    cost = own_cost(start_s, start_cpu_s)
    client.disconnect()
    return cost


def run_mosquitto_sub(port: int, messages: int) -> Cost:
    """mosquitto_sub, its output thrown away; its whole process counts, which starts in a moment."""
    program = ["mosquitto_sub", "-h", LOOPBACK, "-p", str(port), "-i", "mosquitto_sub", "-c", "-q", "1", "-t", "hubs/#"]
    start_s = time.perf_counter()
    subprocess.run([*program, *(["-C", str(messages)] if messages else ["-E"])], stdout=subprocess.DEVNULL, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(time.perf_counter() - start_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def run_lines(url: str, lines: int) -> Cost:
    """Ready lines, posted in batches."""
    store = ingest.pipeline.open_store(Settings(store="influxdb", influx=InfluxSettings(url=url)))  # type: ignore[attr-defined]
    now_ns = time.time_ns()
    line = b"temperature,hub=hub-%d,sensor=s-%d temperature_c=21.5 %d"
    ready = [line % (n % HUBS, n // HUBS % SENSORS, now_ns + n) for n in range(lines)]
    bodies = [b"\n".join(ready[start : start + LINES_AT_ONCE]) for start in range(0, lines, LINES_AT_ONCE)]
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    for body in bodies:
        if not isinstance(store.write(body), Accepted):
            raise RuntimeError("InfluxDB refused ready lines")  # noqa: TRY004 - of a server
    return own_cost(start_s, start_cpu_s)


def _child(work: Callable[[int], Cost], messages: int, answer: Connection) -> None:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    answer.send(work(messages))


def in_process(work: Callable[[int], Cost], messages: int) -> Cost:
    """Do it in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_child, args=(work, messages, theirs))
    child.start()
    cost: Cost = ours.recv()
    child.join()
    return cost


def sent(messages: int) -> list[Sent]:
    """Single readings with RFC 3339 times, of the last minutes."""
    now_ns = time.time_ns()
    texts = [rfc3339(now_ns - second * 10**9).encode() for second in range(3000)]
    return [
        Sent(
            0,
            f"hubs/hub-{n % HUBS}/temperature/s-{n // HUBS % SENSORS}",
            b'{"time": "%b", "value": %d.%d}' % (texts[n // (HUBS * SENSORS) % 3000], 18 + n % 7, n % 10),
        )
        for n in range(messages)
    ]


def main() -> None:
    """Measure in rounds and print medians, and ratios to mosquitto_sub of the same round."""
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory()))
        broker = parts.enter_context(Mosquitto(folder / "broker", max_inflight_messages=0))
        hubs = ", ".join(f"{{id: hub-{n}}}" for n in range(HUBS))
        (folder / "estate.yaml").write_text(f"name: Estate\ntimezone: Europe/London\nhubs: [{hubs}]\n")
        settings = partial(settings_of, broker.port, folder)
        programs: dict[str, Callable[[int], Cost]] = {
            "mosquitto_sub": partial(run_mosquitto_sub, broker.port),
            "stock paho": partial(run_paho, broker.port),
            "receive": partial(run_receive, broker.port),
            "ingest, discarded": partial(run_ingest, settings("discarded", None), discard=True),
            "ingest, SQLite": partial(run_ingest, settings("sqlite", None)),
        }
        if find("influxd") is not None:
            url = parts.enter_context(Influxd(folder / "influxdb")).url
            programs["ingest, InfluxDB"] = partial(run_ingest, settings("influxdb", url))
            programs["lines posted"] = partial(run_lines, url)
        for work in programs.values():
            in_process(work, 0)
        costs: dict[str, list[Cost]] = {name: [] for name in programs}
        for round_number in range(1, rounds + 1):
            with Publisher(MqttSettings(host=LOOPBACK, port=broker.port)) as publisher:
                publisher.publish_all(sent(messages))
            for name, work in programs.items():
                wanted = messages * round_number if name.startswith("ingest") else messages
                costs[name].append(in_process(work, wanted))
    print(f"{messages} messages, median of {rounds}; beside it the ratio to mosquitto_sub, median over rounds")
    print(f"{'':<20} {'messages/s':>12} {'':>6} {'us CPU':>8} {'':>6} {'MB':>5}")
    for name, found in costs.items():
        rates = [messages / cost.seconds for cost in found]
        cpu_us = [cost.cpu_s / messages * 1e6 for cost in found]
        base = costs["mosquitto_sub"]
        faster = statistics.median(b.seconds / cost.seconds for b, cost in zip(base, found, strict=True))
        dearer = statistics.median(cost.cpu_s / b.cpu_s for b, cost in zip(base, found, strict=True))
        print(
            f"{name:<20} {statistics.median(rates):>12,.0f} {faster:>6.2f} {statistics.median(cpu_us):>8.2f}"
            f" {dearer:>6.2f} {max(cost.memory_mb for cost in found):>5.0f}"
        )


if __name__ == "__main__":
    main()
