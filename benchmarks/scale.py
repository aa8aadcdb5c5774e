"""An estate that is far larger than a city's: what its file, ingest, the jobs and the board's pages take.

python -m benchmarks.scale [HUBS [SENSORS_A_HUB]]

Each stage runs in a process of its own and prints its seconds and its largest memory: reading the estate file; ingest
of an hour of readings, six a sensor in one message, into SQLite; each job once, and today's figures by two processes
that share the hubs; what doctor looks at; pages, cold and again.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
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
from schemas.localtime import NS_A_MINUTE, to_ns
from schemas.settings import IngestSettings, MqttSettings, Settings
from sensors.estate_file import EstateFile
from simulators.messages import TimedMessage
from stores import open_store
from tests.servers import LOOPBACK, Mosquitto
from usage.jobs import Jobs
from usage.lease import LEASE_S

HUBS, SENSORS = 10_000, 20
NOW_NS = to_ns(datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
READINGS = 6
_DEADLINE_S = 1800.0
_KINDS = ("footfall", "temperature", "co2", "humidity")
_VALUES = ('"entries": 3, "exits": 2', '"value": 20.5', '"value": 640', '"value": 48.5')
_PAGES = (
    *("/", "/", "/?page=2", "/?sort=week", "/?q=hub-1", "/hubs/hub-0", "/hubs/hub-0", "/sensors", "/sensors?page=9"),
    *("/sensors?hub=hub-0", "/health", "/quality", "/alerts", "/reports", "/?period=2026-10", "/estate.csv"),
)
SHARES = 2
_JOBS = ("roll_up_unfinished", "roll_up_recently_marked", "write_sensor_status", "judge_cases", "rank_silences")


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


def show_pages(settings: Settings, _hubs: int, _sensors: int) -> None:
    """Pages, as a browser on this machine asks for them."""
    known = EstateFile(settings.estate).estate
    app = create_board(open_store=lambda: open_store(settings), estate=lambda: known, clock_ns=lambda: NOW_NS)
    with TestClient(app, base_url="http://localhost", client=("127.0.0.1", 50_000)) as client:
        for address in _PAGES:
            timed(f"GET {address}", lambda address=address: client.get(address).raise_for_status())  # type: ignore[misc]


def timed(what: str, work: Callable[[], Any], *, per_s: int = 0) -> None:
    """Do it, and print what it took."""
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    work()
    took_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    rate = f"{per_s / took_s:>10,.0f}/s" if per_s else ""
    print(f"{what:26} {took_s:>9.2f} s {cpu_s:>9.2f} CPU s {largest_resident_mb():>7.0f} MB {rate}", flush=True)


def main() -> None:
    """Measure and print."""
    hubs, sensors = [*map(int, sys.argv[1:]), HUBS, SENSORS][:2] if len(sys.argv) != 2 else (int(sys.argv[1]), SENSORS)
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
            for stage in (read_estate, receive, do_jobs, share_jobs, look_after, show_pages):
                child = multiprocessing.get_context("spawn").Process(target=stage, args=(settings, hubs, sensors))
                child.start()
                child.join()


if __name__ == "__main__":
    main()
