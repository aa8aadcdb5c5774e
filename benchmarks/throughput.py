"""What it takes to receive a backlog at QoS 1: ours, step by step, beside programs that do less of it, in one run.

python -m benchmarks.throughput [MESSAGES] [ROUNDS] [--readings 100] [--times number] [--format tts] [--only sub,SQLite]
                               [--pictures FOLDER]

Each program finds the same messages, kept for it by one real mosquitto in a session of its own, and is a process of
its own, whose processor time and largest memory are read once it has answered for the last of them:

    mosquitto_sub       in C, prints to nowhere
    mosquitto_sub, QoS 0    the same without acknowledging
    stock paho          counts in `on_message`
    receive             our connection: receive and acknowledge, nothing else
    ingest, discarded   decode, validate, encode, commit durably, acknowledge; what was committed is thrown away
    ingest, SQLite      the whole way
    ingest, InfluxDB    the whole way, into InfluxDB 1.x where it is installed
    lines posted        no broker: ready lines of a batch, posted to that InfluxDB

    telegraf, node-red  likewise into that InfluxDB, where they are on the PATH and the messages native; what they
                        take to start, measured without a message, is taken off
"""

from __future__ import annotations

import compileall
import json
import math
import multiprocessing
import random
import resource
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion

import ingest.pipeline
from benchmarks.costs import Cost, largest_resident_mb
from benchmarks.others import OTHERS, run_other
from benchmarks.pictures import draw_bars
from benchmarks.traffic import HUBS, SENSORS, messages_of, traffic_of
from ingest.buffer_file import FILE_NAME
from ingest.pipeline import Ingest
from mqtt.publisher import Publisher
from mqtt.subscriber import Subscriber
from schemas.settings import InfluxSettings, IngestSettings, MqttSettings, Settings
from stores import Accepted, Outcome
from tests.real_parts import REPOSITORY, find
from tests.servers import Influxd, Mosquitto

MESSAGES = 200_000
ROUNDS = 5
LOOPBACK = "127.0.0.1"
LINES_AT_ONCE = 5000
_WITHIN_S = 300.0
_KEEPS_QOS_0 = "queue_qos0_messages true"
"""Of the broker that has a backlog of QoS 0, which is another one: to keep that slows down what has all sessions."""


def own_cost(start_s: float, start_cpu_s: float) -> Cost:
    """What this process has taken since."""
    return Cost(time.perf_counter() - start_s, time.process_time() - start_cpu_s, largest_resident_mb())


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


def run_ingest(settings: Settings, messages: int, *, readings: int, discard: bool = False) -> Cost:
    """Ingest until so many messages' readings are stored; with none, only make the session."""
    if discard:
        ingest.pipeline.open_store = lambda _settings: Discarding()  # type: ignore[attr-defined,assignment,misc]
    settings.data_dir.mkdir(exist_ok=True)
    process = Ingest(settings)
    thread = Thread(target=process.run)
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    thread.start()
    process.ready.wait(_WITHIN_S)
    wanted = messages * readings
    # A look that costs next to nothing, since it counts.
    with closing(sqlite3.connect(f"file:{settings.data_dir / FILE_NAME}?mode=ro", uri=True)) as ledger:
        while (stored := _stored(ledger)) < wanted and time.perf_counter() < start_s + _WITHIN_S:
            time.sleep(0.01)
    cost = own_cost(start_s, start_cpu_s)
    process.stop()
    thread.join()
    return cost._replace(lost=max(0, wanted - stored))


def _stored(ledger: sqlite3.Connection) -> int:
    (stored,) = ledger.execute("SELECT readings_stored FROM ledger").fetchone()
    return int(stored)


def run_receive(port: int, topic_filter: str, messages: int) -> Cost:
    """Receive and acknowledge so many; with none, only make the session."""
    subscriber = Subscriber(
        mqtt_settings=MqttSettings(host=LOOPBACK, port=port, client_id="receive"),  # type: ignore[arg-type]
        ingest_settings=IngestSettings(),
        filters=[topic_filter],
        rng=random.Random(1),
    )
    start_s, start_cpu_s, received = time.perf_counter(), time.process_time(), 0
    while received < messages or not subscriber.subscribed:
        received += len(subscriber.receive(0.2))
        subscriber.acknowledge()
    cost = own_cost(start_s, start_cpu_s)
    subscriber.close()
    return cost


def run_paho(port: int, topic_filter: str, messages: int) -> Cost:
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
    client.subscribe(topic_filter, qos=1)
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    while received < messages or not subscribed:
        client.loop(0.2)
    cost = own_cost(start_s, start_cpu_s)
    client.disconnect()
    return cost


def run_mosquitto_sub(port: int, topic_filter: str, messages: int, *, qos: int = 1) -> Cost:
    """mosquitto_sub, its output thrown away; its whole process counts, which starts in a moment."""
    session = ["-h", LOOPBACK, "-p", str(port), "-i", f"mosquitto_sub-{qos}", "-c", "-q", str(qos), "-t", topic_filter]
    until = ["-C", str(messages)] if messages else ["-E"]
    start_s = time.perf_counter()
    program = ["mosquitto_sub", *session, *until]
    subprocess.run(program, stdout=subprocess.DEVNULL, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(time.perf_counter() - start_s, used.ru_utime + used.ru_stime)


def run_lines(url: str, readings: int, messages: int) -> Cost:
    """Ready lines of so many messages, posted in batches."""
    lines = messages * readings
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
    theirs.close()
    cost: Cost = ours.recv()
    child.join()
    return cost


def options_of(arguments: list[str] | None = None) -> Namespace:
    """What is measured."""
    parser = ArgumentParser(prog="python -m benchmarks.throughput", description="What it takes to receive a backlog.")
    parser.add_argument("messages", type=int, nargs="?", default=MESSAGES)
    parser.add_argument("rounds", type=int, nargs="?", default=ROUNDS)
    parser.add_argument("--readings", type=int, choices=(1, 100), default=1, help="in a native message")
    parser.add_argument("--times", choices=("rfc3339", "number"), default="rfc3339", help="of native readings")
    parser.add_argument("--format", choices=("native", "tts"), default="native")
    parser.add_argument("--only", default="", help="programs whose names hold one of these words, such as sub,SQLite")
    parser.add_argument("--pictures", type=Path, help="folder for an SVG of the rates and one of the CPU")
    return parser.parse_args(arguments)


def main() -> None:
    """Measure in rounds and print medians, and ratios to mosquitto_sub of the same round."""
    options = options_of()
    traffic = traffic_of(options)
    for room in ("ingest", "mqtt", "schemas", "sensors", "stores"):
        compileall.compile_dir(REPOSITORY / room, quiet=1)  # as an installation has it
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory()))
        broker = parts.enter_context(Mosquitto(folder / "broker", max_inflight_messages=0))
        hasty = parts.enter_context(Mosquitto(folder / "hasty", max_inflight_messages=0, settings=_KEEPS_QOS_0))
        estate = {"name": "Estate", "timezone": "Europe/London", **traffic.estate}
        (folder / "estate.yaml").write_text(json.dumps(estate))
        settings = partial(settings_of, broker.port, folder)
        ingest_into = partial(run_ingest, readings=traffic.readings)
        programs: dict[str, Callable[[int], Cost]] = {
            "mosquitto_sub": partial(run_mosquitto_sub, broker.port, traffic.topic_filter),
            "mosquitto_sub, QoS 0": partial(run_mosquitto_sub, hasty.port, traffic.topic_filter, qos=0),
            "stock paho": partial(run_paho, broker.port, traffic.topic_filter),
            "receive": partial(run_receive, broker.port, traffic.topic_filter),
            "ingest, discarded": partial(ingest_into, settings("discarded", None), discard=True),
            "ingest, SQLite": partial(ingest_into, settings("sqlite", None)),
        }
        if find("influxd") is not None:
            influxd = parts.enter_context(Influxd(folder / "influxdb"))
            programs["ingest, InfluxDB"] = partial(ingest_into, settings("influxdb", influxd.url))
            programs["lines posted"] = partial(run_lines, influxd.url, traffic.readings)
            for kind in OTHERS if options.format == "native" else ():
                if shutil.which(kind.name):
                    ports = broker.port, influxd.port
                    programs[kind.name] = partial(run_other, kind, *ports, folder, options.times, traffic.readings)
        words = ("mosquitto_sub", *filter(None, options.only.split(",")))
        if options.only:
            programs = {name: work for name, work in programs.items() if any(word in name for word in words)}
        start_ups = {name: in_process(work, 0) for name, work in programs.items()}
        other_names = {kind.name for kind in OTHERS}
        costs: dict[str, list[Cost]] = {name: [] for name in programs}
        for round_number in range(1, options.rounds + 1):
            for port in (broker.port, hasty.port):
                with Publisher(MqttSettings(host=LOOPBACK, port=port)) as publisher:
                    publisher.publish_all(messages_of(options, round_number))
            for name, work in programs.items():
                wanted = options.messages * (round_number if name.startswith("ingest") else 1)
                cost = in_process(work, wanted)
                costs[name].append(cost.without(start_ups[name]) if name in other_names else cost)
    _print(costs, options, traffic.readings)
    if options.pictures is not None:
        _draw(costs, options)


def _draw(costs: dict[str, list[Cost]], options: Namespace) -> None:
    rates = {
        name: statistics.median(options.messages / cost.seconds for cost in found) for name, found in costs.items()
    }
    cpu_us = {
        name: statistics.median(cost.cpu_s / options.messages * 1e6 for cost in found) for name, found in costs.items()
    }
    draw_bars(options.pictures / "messages-a-second.svg", "Messages a second", rates)
    draw_bars(options.pictures / "cpu-of-a-message.svg", "Microseconds of CPU for a message", cpu_us)


def _print(costs: dict[str, list[Cost]], options: Namespace, readings: int) -> None:
    print(
        f"{options.messages} messages of {readings} readings ({options.format}, {options.times}), median of"
        f" {options.rounds}; beside it the ratio to mosquitto_sub, median over rounds"
    )
    print(
        f"{'':<20} {'messages/s':>10} {'':>5} {'readings/s':>11} {'us CPU':>8} {'':>5} {'s/million':>9} {'MB':>5} lost"
    )
    base = costs["mosquitto_sub"]
    for name, found in costs.items():
        rate = statistics.median(options.messages / cost.seconds for cost in found)
        cpu_us = statistics.median(cost.cpu_s / options.messages * 1e6 for cost in found)
        faster = statistics.median(b.seconds / cost.seconds for b, cost in zip(base, found, strict=True))
        memory_mb = max(cost.memory_mb for cost in found)
        memory = "-" if math.isnan(memory_mb) else f"{memory_mb:.0f}"
        dearer = statistics.median(cost.cpu_s / b.cpu_s for b, cost in zip(base, found, strict=True))
        print(
            f"{name:<20} {rate:>10,.0f} {faster:>5.2f} {rate * readings:>11,.0f} {cpu_us:>8.2f} {dearer:>5.2f}"
            f" {cpu_us / readings:>9.2f} {memory:>5} {found[-1].lost:>4}"
        )
    for kind in OTHERS:
        if shutil.which(kind.name) is None:
            print(f"{kind.name:<20} not on the PATH")


if __name__ == "__main__":
    main()
