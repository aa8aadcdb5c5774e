"""An estate that is far larger than a city's: what its file, ingest, the jobs and the board's pages take.

python -m benchmarks.scale [HUBS [SENSORS_A_HUB [PATIENCE]]]

Each stage runs in a process of its own and prints its seconds and its largest memory: reading the estate file; ingest
of an hour of readings, six a sensor in one message, into SQLite; each job once, and today's figures by two processes
that share the hubs; what doctor looks at; pages, cold and again, while ingest takes what the sensors send, a message
every ten minutes of each; the same with a month of days of each hub. A stage that is not done within its bound is
ended, and that is said: all bounds together are 25 minutes, times PATIENCE on a machine that does other work.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import count
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from benchmarks.costs import largest_resident_mb
from dashboards.web.board import create_board
from ingest.buffer import BufferReader
from ingest.doctor import examine
from ingest.pipeline import Ingest
from mqtt.publisher import Publisher
from schemas import HubpulseError
from schemas.localtime import NS_A_MINUTE, NS_AN_HOUR, Span, to_ns
from schemas.settings import IngestSettings, MqttSettings, Settings
from sensors.estate_file import EstateFile
from simulators.messages import TimedMessage
from stores import open_store
from tests.servers import LOOPBACK, Mosquitto
from usage.jobs import Jobs
from usage.lease import LEASE_S
from usage.rows import DAILY, read_rows_by_hub, row_line, write

HUBS, SENSORS = 10_000, 20
NOW_NS = to_ns(datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
READINGS = 6
EVERY_S = 600
DAYS = 30
_DEADLINE_S = 1800.0
_KINDS = ("footfall", "temperature", "co2", "humidity")
_VALUES = ('"entries": 3, "exits": 2', '"value": 20.5', '"value": 640', '"value": 48.5')
_PAGES = (
    *("/", "/", "/?page=2", "/?sort=week", "/?q=hub-1", "/hubs/hub-0", "/hubs/hub-0", "/sensors", "/sensors?page=9"),
    *("/sensors?hub=hub-0", "/health", "/quality", "/alerts", "/reports", "/?period=2026-10", "/estate.csv"),
)
_PAGES_OF_MONTH = ("/", "/", "/?page=2", "/hubs/hub-0", "/sensors", "/health", "/quality")
SHARES = 2
_JOBS = (
    *("write_sensor_status", "roll_up_recently_marked", "judge_cases", "rank_silences"),
    *("roll_up_unfinished", "roll_up_missed"),
)


def estate_text(hubs: int, sensors: int) -> str:
    """The estate file."""
    listed = "\n".join(
        f"      - {{id: s-{number}, kinds: [{_KINDS[number % 4]}], every: 10m, zone: room-{number % 5}}}"
        for number in range(sensors)
    )
    hub = '  - id: hub-{number}\n    opening: {{mon-sun: "08:00-20:00"}}\n    sensors:\n'
    of_all = "".join(f"{hub.format(number=number)}{listed}\n" for number in range(hubs))
    return f"name: Estate\ntimezone: Europe/London\nhubs:\n{of_all}"


def messages(hubs: int, sensors: int) -> Iterator[TimedMessage]:
    """An hour of readings of every sensor, a message each."""
    times_ns = [NOW_NS - back * 10 * NS_A_MINUTE for back in range(READINGS, 0, -1)]
    bodies = ["[" + ", ".join(f'{{"time": {at_ns}, {values}}}' for at_ns in times_ns) + "]" for values in _VALUES]
    for hub in range(hubs):
        for number in range(sensors):
            kind = number % 4
            yield TimedMessage(0, f"hubs/hub-{hub}/{_KINDS[kind]}/s-{number}", bodies[kind].encode())


def read_estate(settings: Settings, _hubs: int, _sensors: int) -> None:
    """Read the estate file."""
    timed("estate file", lambda: EstateFile(settings.estate))


def publish(settings: Settings, hubs: int, sensors: int) -> None:
    """Publish them all, as fast as the broker takes them."""
    with Publisher(settings.mqtt, window_messages=5000) as publisher:
        publisher.publish_all(messages(hubs, sensors))


def receive(settings: Settings, hubs: int, sensors: int) -> None:
    """Ingest until all of it is stored."""
    process = Ingest(settings)
    thread = threading.Thread(target=process.run)
    thread.start()
    process.ready.wait(_DEADLINE_S)
    sender = multiprocessing.get_context("spawn").Process(target=publish, args=(settings, hubs, sensors))
    sender.start()
    timed(
        "ingest",
        lambda: wait_for(lambda: is_stored(settings.data_dir, hubs * sensors)),
        per_s=hubs * sensors * READINGS,
    )
    sender.join()
    process.stop()
    thread.join()


def is_stored(data: Path, count: int) -> bool:
    """Whether so many messages were received and none is pending."""
    try:
        with closing(BufferReader(data)) as reader:
            ledger = reader.ledger.read()
    except HubpulseError:
        return False
    return ledger.messages_received >= count and not ledger.readings_pending


def wait_for(is_done: Callable[[], bool]) -> None:
    """Return once it is done, or never will be."""
    until_s = time.monotonic() + _DEADLINE_S
    while not is_done() and time.monotonic() < until_s:
        time.sleep(0.5)


def do_jobs(settings: Settings, _hubs: int, _sensors: int) -> None:
    """Each job once."""
    known = EstateFile(settings.estate).estate
    jobs = Jobs(lambda: open_store(settings), lambda: known, lambda: NOW_NS)
    for name in _JOBS:
        timed(name, lambda name=name: getattr(jobs, name)(NOW_NS))  # type: ignore[misc]


def share_jobs(settings: Settings, _hubs: int, _sensors: int) -> None:
    """Today's figures, by processes that share the hubs."""
    context = multiprocessing.get_context("spawn")
    meeting = context.Barrier(SHARES)
    children = [context.Process(target=do_share, args=(settings, meeting)) for _ in range(SHARES)]
    for child in children:
        child.start()
    for child in children:
        child.join()


def do_share(settings: Settings, meeting: Barrier) -> None:
    """Once each process knows of the others, do this one's part."""
    known = EstateFile(settings.estate).estate
    jobs = Jobs(lambda: open_store(settings), lambda: known, time.time_ns)
    for _ in range(2):
        jobs._may_work()  # noqa: SLF001 - as the schedule does before each job
        meeting.wait()
        time.sleep(LEASE_S / 4)
    jobs._may_work()  # noqa: SLF001
    meeting.wait()
    timed(f"roll_up_unfinished / {SHARES}", lambda: jobs.roll_up_unfinished(NOW_NS))
    jobs.stop()


def look_after(settings: Settings, _hubs: int, _sensors: int) -> None:
    """What `hubpulse doctor` looks at."""
    timed("doctor", lambda: list(examine(settings)))


def show_pages(settings: Settings, hubs: int, sensors: int) -> None:
    """Pages, as a browser on this machine asks for them, while readings come in."""
    with receiving(settings, hubs, sensors):
        ask_for(_PAGES, settings)


def ask_for(addresses: tuple[str, ...], settings: Settings) -> None:
    """Ask the board for pages, one after the other."""
    known = EstateFile(settings.estate).estate
    app = create_board(open_store=lambda: open_store(settings), estate=lambda: known, clock_ns=lambda: NOW_NS)
    with TestClient(app, base_url="http://localhost", client=("127.0.0.1", 50_000)) as client:
        for address in addresses:
            timed(f"GET {address}", lambda address=address: client.get(address).raise_for_status())  # type: ignore[misc]


@contextmanager
def receiving(settings: Settings, hubs: int, sensors: int) -> Iterator[None]:
    """Have ingest take readings meanwhile, as many as so many sensors send."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    child = context.Process(target=receive_live, args=(settings, hubs, sensors, ready, done))
    child.start()
    try:
        ready.wait(_DEADLINE_S)
        yield
    finally:
        done.set()
        child.join()


def receive_live(settings: Settings, hubs: int, sensors: int, ready: Event, done: Event) -> None:
    """Ingest, and what is sent to it, until it is done; print what it took and what was left."""
    process = Ingest(settings)
    thread = threading.Thread(target=process.run)
    thread.start()
    process.ready.wait(_DEADLINE_S)
    ready.set()
    with Publisher(settings.mqtt) as publisher:
        timed("ingest meanwhile", lambda: send_live(publisher, hubs, sensors, done))
    process.stop()
    thread.join()
    with closing(BufferReader(settings.data_dir)) as reader:
        print(f"{'':26} {reader.ledger.read().readings_pending:,} readings left in the buffer", flush=True)


def send_live(publisher: Publisher, hubs: int, sensors: int, done: Event) -> None:
    """Send a reading of each sensor in ten minutes, evenly."""
    sent = publisher.publish_all(live_messages(hubs, sensors), pace=Evenly(hubs * sensors / EVERY_S), stop=done.is_set)
    print(f"{'':26} {sent.acknowledged:,} readings came meanwhile", flush=True)


def live_messages(hubs: int, sensors: int) -> Iterator[TimedMessage]:
    """Readings of now, of one sensor after the other."""
    for number in count():
        hub, sensor = divmod(number % (hubs * sensors), sensors)
        body = f'{{"time": {time.time_ns()}, {_VALUES[sensor % 4]}}}'
        yield TimedMessage(0, f"hubs/hub-{hub}/{_KINDS[sensor % 4]}/s-{sensor}", body.encode())


class Evenly:
    """So many messages a second."""

    def __init__(self, per_s: float) -> None:
        self._began_s, self._per_s, self._given = time.monotonic(), per_s, count()

    def due_s(self, _message: Any) -> float:
        return self._began_s + next(self._given) / self._per_s


def look_at_month(settings: Settings, _hubs: int, _sensors: int) -> None:
    """Give each hub a month of days like today, then catch up and ask for pages once more."""
    with closing(open_store(settings)) as store:
        today = Span(NOW_NS - 24 * NS_AN_HOUR, NOW_NS + 1)
        for hub, rows in list(read_rows_by_hub(store, DAILY, today)):
            midnight_ns, row = max(rows.items())
            past = row | {"final": True, "revision": 1}
            days = (midnight_ns - back * 24 * NS_AN_HOUR for back in range(1, DAYS + 1))
            write(store, [row_line(DAILY, hub, day_ns, past) for day_ns in days])
    known = EstateFile(settings.estate).estate
    jobs = Jobs(lambda: open_store(settings), lambda: known, lambda: NOW_NS)
    timed("roll_up_missed, a month", lambda: jobs.roll_up_missed(NOW_NS))
    ask_for(_PAGES_OF_MONTH, settings)


_STAGES = (
    (read_estate, 60),
    (receive, 240),
    (do_jobs, 420),
    (share_jobs, 240),
    (look_after, 60),
    (show_pages, 300),
    (look_at_month, 180),
)
"""With how many seconds each may take."""


def run_stage(stage: Callable[[Settings, int, int], None], settings: Settings, hubs: int, sensors: int) -> None:
    """Do a stage, in a group of processes that can be ended together."""
    os.setpgrp()
    stage(settings, hubs, sensors)


def timed(what: str, work: Callable[[], Any], *, per_s: int = 0) -> None:
    """Do it, and print what it took."""
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    work()
    took_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    rate = f"{per_s / took_s:>10,.0f}/s" if per_s else ""
    print(f"{what:26} {took_s:>9.2f} s {cpu_s:>9.2f} CPU s {largest_resident_mb():>7.0f} MB {rate}", flush=True)


def main() -> None:
    """Measure and print."""
    given = [int(argument) for argument in sys.argv[1:]]
    hubs, sensors, patience = (*given, *(HUBS, SENSORS, 1)[len(given) :])
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with Mosquitto(folder / "broker", max_inflight_messages=0) as broker:
            settings = Settings(
                data_dir=folder / "data",
                estate=folder / "estate.yaml",
                mqtt=MqttSettings(host=LOOPBACK, port=broker.port),
                ingest=IngestSettings(),
                store="sqlite",
            )
            (folder / "data").mkdir()
            (folder / "estate.yaml").write_text(estate_text(hubs, sensors))
            print(f"{hubs:,} hubs, {hubs * sensors:,} sensors")
            for stage, bound_s in _STAGES:
                child = multiprocessing.get_context("spawn").Process(
                    target=run_stage, args=(stage, settings, hubs, sensors)
                )
                child.start()
                child.join(bound_s * patience)
                if child.is_alive() and child.pid is not None:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.join()
                    print(f"{stage.__name__}: ended after {bound_s * patience} s, not done", flush=True)


if __name__ == "__main__":
    main()
