"""How long it takes to have Hubpulse back on an empty machine, by the steps of docs/operations.md.

python -m benchmarks.recovery [DAYS] [FOLDER]

The simulated estate of 22 hubs with so many days of readings and figures in the embedded store (365 without it), a
thousand refused messages and some readings that wait. The steps are the commands of the documentation, on this machine:
backup, restore into an empty folder, `hubpulse up` until /readyz says that it is ready and a reading that is published
is stored. What was backed up must be there: the same ledger, the same number of readings.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import requests

from ingest.batches import Batch, Refused
from ingest.buffer import Buffer, BufferReader
from mqtt.messages import Message
from mqtt.publisher import Publisher
from schemas import KINDS, Estate, Kind
from schemas.localtime import NS_A_SECOND
from schemas.readings import Reason, Rejection
from schemas.settings import MqttSettings
from sensors.estate_file import load_estate
from simulators.messages import TimedMessage
from simulators.simulation import LEEDS
from stores import Accepted
from stores.lines import encode
from stores.sqlite_store import SqliteStore
from tests.servers import free_port

DAY_S = 86_400
REFUSED, WAITING = 1000, 100
LINES_AT_ONCE = 50_000
READY_DEADLINE_S = 600.0
_FIELDS = {kind: spec.fields[0] for kind, spec in KINDS.items()}


def readings(estate: Estate, first_s: int, days: int) -> Iterator[str]:
    """A line for each reading of the estate's sensors."""
    for hub in estate.hubs:
        for sensor in hub.sensors:
            every_s = sensor.every_s or 600
            for kind in sensor.kinds:
                value = "3i" if _FIELDS[kind].number is int else "21.5"
                head = f"{kind},hub={hub.id},sensor={sensor.id} {_FIELDS[kind].name}={value} "
                for time_s in range(first_s, first_s + days * DAY_S, every_s):
                    yield f"{head}{time_s}000000000"


def figures(estate: Estate, first_s: int, days: int) -> Iterator[str]:
    """A row for each hub's day and hour."""
    for hub in estate.hubs:
        for time_s in range(first_s, first_s + days * DAY_S, 3600):
            row = {"entries": 17, "exits": 16, "footfall_completeness": 1.0, "final": True, "revision": 1}
            yield encode("usage_hourly", {"hub": hub.id}, row, time_s * NS_A_SECOND)
            if (time_s - first_s) % DAY_S == 0:
                yield encode("usage_daily", {"hub": hub.id}, row, time_s * NS_A_SECOND)


def fill(data: Path, days: int) -> int:
    """Make a data folder as it is after so many days; how many readings it has."""
    estate = load_estate(LEEDS)
    first_s = (int(time.time()) // DAY_S - days) * DAY_S
    data.mkdir(parents=True)
    shutil.copy(LEEDS, data / "estate.yaml")
    count = 0
    with closing(SqliteStore(data / "store.db")) as store:
        for lines in (figures(estate, first_s, days), readings(estate, first_s, days)):
            part: list[str] = []
            for line in lines:
                part.append(line)
                if len(part) == LINES_AT_ONCE:
                    count += write(store, part)
            count += write(store, part)
    refused = [
        Refused(Message(b"hubs/nowhere/co2/air-1", b"rubbish" * 50), [Rejection(Reason.BAD_PAYLOAD, "no JSON")], 0, n)
        for n in range(REFUSED)
    ]
    waiting = [f"co2,hub=armley,sensor=air-1 co2_ppm=400.0 {first_s + n}000000001" for n in range(WAITING)]
    with closing(Buffer(data, clock_ns=time.time_ns)) as buffer:
        buffer.commit(Batch(refused=refused, messages=REFUSED))
        buffer.commit(Batch(waiting, messages=WAITING))
    return count


def write(store: SqliteStore, lines: list[str]) -> int:
    """Store lines, and empty the list; how many they were."""
    outcome = store.write("\n".join(lines).encode()) if lines else Accepted()
    assert isinstance(outcome, Accepted), outcome
    count = len(lines)
    lines.clear()
    return count


def hubpulse(*arguments: str | Path, cwd: Path) -> str:
    """Run a command to its end; what it printed."""
    command = [sys.executable, "-m", "hubpulse", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=_environment(), check=True, capture_output=True, text=True).stdout


def _environment(**more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUBPULSE_")}
    return {**inherited, "PYTHONPATH": str(Path(__file__).parents[1]), **more}


def timed(what: str, step: Callable[[], object]) -> None:
    """Do a step and print how long it took."""
    began_s = time.monotonic()
    step()
    print(f"{what:58} {time.monotonic() - began_s:8.1f} s", flush=True)


def contents(data: Path) -> tuple[str, int]:
    """The ledger of a folder, and how many readings its store has."""
    with closing(sqlite3.connect(data / "store.db")) as db:
        stored = sum(db.execute(f'SELECT count(*) FROM "{kind}"').fetchone()[0] for kind in Kind)  # noqa: S608 - a kind
    return hubpulse("ledger", "--json", "--data", data, cwd=data.parent), stored


def wait_until(is_so: Callable[[], object], what: str) -> None:
    """Return once it is so."""
    until_s = time.monotonic() + READY_DEADLINE_S
    while not is_so():
        assert time.monotonic() < until_s, f"waited {READY_DEADLINE_S} s in vain for {what}"
        time.sleep(0.05)


def start_and_store(data: Path) -> float:
    """Start everything on a folder; when what waited there, and a reading more, was stored."""
    ports = {name: free_port() for name in ("mqtt", "board", "metrics")}
    command = [sys.executable, "-m", "hubpulse", "up", "--data", str(data)]
    command += ["--mqtt-port", str(ports["mqtt"]), "--port", str(ports["board"])]
    environment = _environment(HUBPULSE_METRICS__PORT=str(ports["metrics"]))
    with (data.parent / "up.log").open("w") as log:
        process = subprocess.Popen(command, cwd=data.parent, env=environment, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{ports['metrics']}/readyz"
        with closing(BufferReader(data)) as reader:
            before = reader.ledger.read()

            def ready_parts() -> dict[str, bool]:
                assert process.poll() is None, (data.parent / "up.log").read_text()
                try:
                    checks = requests.get(url, timeout=60).json()["checks"]
                except requests.RequestException:
                    return {}
                return {check["part"]: check["ok"] for check in checks}

            def is_ready() -> bool:
                parts = ready_parts()
                return bool(parts) and all(parts.values())

            timed("  hubpulse up, until it receives", lambda: wait_until(lambda: ready_parts().get("broker"), "it"))

            with Publisher(MqttSettings(host="127.0.0.1", port=ports["mqtt"])) as publisher:
                publisher.publish_all([TimedMessage(0, "hubs/armley/co2/air-1", b"400")])
            wanted = before.readings_accepted + 1

            def is_stored() -> bool:
                found = reader.ledger.read()
                return found.readings_stored >= wanted and found.balanced

            timed("  until what waited and a new reading are stored", lambda: wait_until(is_stored, "the readings"))
            stored_s = time.monotonic()
            timed("  until the jobs have looked at every day, too (/readyz)", lambda: wait_until(is_ready, "the jobs"))
            return stored_s
    finally:
        process.terminate()
        process.wait(60)


def recover(folder: Path, days: int) -> None:
    """Fill, back up, lose, restore, start: print what each takes."""
    old, copy, new = folder / "old/data", folder / "copy", folder / "new/data"
    began_s = time.monotonic()
    count = fill(old, days)
    mb = sum(path.stat().st_size for path in old.iterdir()) / 1e6
    print(
        f"{days} days of 22 hubs: {count} points, {mb:.0f} MB, made in {time.monotonic() - began_s:.0f} s", flush=True
    )
    before = contents(old)
    timed("hubpulse backup", lambda: hubpulse("backup", copy, "--data", old, cwd=old.parent))
    shutil.rmtree(old.parent)
    new.parent.mkdir(parents=True)
    began_s = time.monotonic()
    timed("hubpulse restore, on an empty machine", lambda: hubpulse("restore", copy, "--data", new, cwd=new.parent))
    assert contents(new) == before, "what was backed up is not what is there"
    stored_s = start_and_store(new)
    print(f"{'from the empty machine to the first reading stored':58} {stored_s - began_s:8.1f} s")


if __name__ == "__main__":
    length = int(sys.argv[1]) if len(sys.argv) > 1 else 365
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as place:
        recover(Path(place), length)
