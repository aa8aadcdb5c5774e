"""A day of a large estate at speed: `python -m tests.chaos.endurance`. Memory stays flat, files bounded, counts exact.

publisher (this process) -> mosquitto -> `hubpulse ingest` -> SQLite -> `hubpulse jobs` -> figures of the day

22 hubs of 20 series each send a reading every three seconds, a minute's worth in a message, and now and then one that
nobody can use: 12.7 million readings of one day. No more is sent than ingest keeps up with.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from mqtt.publisher import Publisher
from schemas import HubpulseError, Settings
from schemas.localtime import NS_A_SECOND
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage
from stores import open_store
from tests.cli.command import Running
from tests.e2e.pipeline import Pipeline
from tests.servers import Mosquitto
from tests.waiting import wait_until

HUBS, DOORS, AIR, WIFI = 22, 2, 4, 2
EVERY_S, MESSAGE_S = 3, 60
DAY_S = 86_400
READINGS_A_DAY = HUBS * (DOORS + 4 * AIR + WIFI) * DAY_S // EVERY_S
RUBBISH_EVERY = 500
AHEAD_MESSAGES_MAX, PENDING_READINGS_MAX = 20_000, 500_000
CHUNK_MESSAGES = 1000
SHOWN_EVERY_READINGS = 500_000
WARM_SHARE = 0.2
"""From so much of the day on memory counts: caches are filled then."""
MEMORY_GROWTH_MAX = 0.15
BUFFER_BYTES_MAX, LOG_BYTES_MAX = 256 * 1024**2, 128 * 1024**2
KEPT_UP_DEADLINE_S, FIGURES_DEADLINE_S = 120, 900
MB = 1024**2
FAST: dict[str, str | int | float] = {"HUBPULSE_INGEST__HUB_MESSAGES_PER_S_MAX": 100_000}
"""A day in minutes is more than a hub may send."""
_LOG = "log_type error\nlog_type subscribe"
_SAME = {
    "temperature": '"value":20.5',
    "humidity": '"value":45.5',
    "pressure": '"value":1009.5',
    "co2": '"value":612.5',
    "wifi": '"clients":12',
}
"""What every sensor of a kind sends."""


@dataclass(slots=True)
class Day:
    """What was sent of a day so far; `start_s` is its first Unix second."""

    start_s: int
    readings: int = 0
    messages: int = 0
    refused: int = 0
    entries: Counter[str] = field(default_factory=Counter)

    def messages_until(self, share: float) -> Iterator[TimedMessage]:
        """The first part of the day, minute by minute."""
        for minute_s in range(self.start_s, self.start_s + int(DAY_S * share), MESSAGE_S):
            times = range(minute_s, minute_s + MESSAGE_S, EVERY_S)
            same = {kind: _array(f'{{"time":{t},{fields}}}' for t in times) for kind, fields in _SAME.items()}
            for number in range(HUBS):
                hub = f"hub-{number}"
                for door in range(DOORS):
                    counts = [(minute_s // MESSAGE_S + number + door + place) % 3 for place in range(len(times))]
                    counted = zip(times, counts, strict=True)
                    payload = _array(f'{{"time":{t},"entries":{count},"exits":{count}}}' for t, count in counted)
                    yield self._sent(f"hubs/{hub}/footfall/door-{door}", payload, len(times), sum(counts))
                for kind, payload in same.items():
                    for sensor in range(WIFI if kind == "wifi" else AIR):
                        yield self._sent(f"hubs/{hub}/{kind}/{kind}-{sensor}", payload, len(times))

    def _sent(self, topic: str, payload: bytes, readings: int, entries: int = 0) -> TimedMessage:
        self.messages += 1
        if self.messages % RUBBISH_EVERY == 0:
            self.refused += 1
            return TimedMessage(0, topic, b"[" + payload)
        self.readings += readings
        self.entries[topic.split("/")[1]] += entries
        return TimedMessage(0, topic, payload)


def _array(items: Iterator[str]) -> bytes:
    return f"[{','.join(items)}]".encode()


def estate() -> str:
    """The file of an estate whose doors count every three seconds."""
    doors = ", ".join(
        f"{{id: door-{door}, kinds: [footfall], every: {EVERY_S}s, max_step: 20}}" for door in range(DOORS)
    )
    hubs = "\n".join(f"  - {{id: hub-{number}, sensors: [{doors}]}}" for number in range(HUBS))
    return f"name: Endurance\ntimezone: UTC\nhubs:\n{hubs}\n"


class Watch:
    """Memory and file sizes as the day goes on; says them, and what grew."""

    def __init__(self, data: Path, broker: Mosquitto, ingest: Running) -> None:
        self._data, self._broker, self._ingest = data, broker, ingest
        self._memory_mb: list[tuple[float, float]] = []
        self.problems: list[str] = []

    def look(self, day: Day, share: float, rate: float) -> None:
        """Note how things are after a share of the day."""
        memory = memory_mb(self._ingest.pid)
        self._memory_mb.append((share, memory))
        sizes = {name: self._size(name) for name in ("buffer.db", "buffer.db-wal", "store.db-wal", "store.db")}
        for name, most in (("buffer.db", BUFFER_BYTES_MAX), ("buffer.db-wal", LOG_BYTES_MAX)):
            if sizes[name] > most:
                self.problems.append(f"{name} has {sizes[name] / MB:.0f} MB after {day.readings} readings")
        shown = ", ".join(f"{name} {size / MB:.0f}" for name, size in sizes.items())
        sys.stdout.write(
            f"{day.readings:>10} readings, {rate:>6.0f}/s: ingest {memory:.0f} MB, "
            f"broker {memory_mb(self._broker.pid):.0f} MB; MB of files: {shown}\n"
        )
        sys.stdout.flush()

    def judge(self) -> None:
        """Compare memory at the end with that after the caches were filled."""
        warm = [memory for share, memory in self._memory_mb if share >= WARM_SHARE]
        if warm and warm[-1] > warm[0] * (1 + MEMORY_GROWTH_MAX):
            self.problems.append(f"memory of ingest grew from {warm[0]:.0f} to {warm[-1]:.0f} MB")

    def _size(self, name: str) -> int:
        path = self._data / name
        return path.stat().st_size if path.exists() else 0


def memory_mb(pid: int) -> float:
    """What a process has resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024


def run(folder: Path, *, share: float = 1.0) -> list[str]:
    """Send a day, or the first part of it, and see what became of it; what was not as it must be."""
    estate_file = folder / "estate.yaml"
    estate_file.write_text(estate())
    today_s = time.time_ns() // NS_A_SECOND // DAY_S * DAY_S
    day = Day(today_s - DAY_S)
    with Mosquitto(folder / "broker", settings=_LOG) as broker:
        pipeline = Pipeline(folder / "hubpulse", broker, estate_file, {"HUBPULSE_MQTT__RECEIVE_MAX": 5000, **FAST})
        with pipeline.start_ingest() as ingest:
            pipeline.wait_until_subscribed(ingest)
            watch = Watch(pipeline.data, broker, ingest)
            start_s = time.monotonic()
            _send(day, share, pipeline, broker, watch)
            ledger = pipeline.wait_until_all_stored(ingest)
            seconds = time.monotonic() - start_s
            watch.look(day, share, day.readings / seconds)
        watch.judge()
        sys.stdout.write(f"{day.readings} readings in {seconds:.0f} s; ledger: {ledger.model_dump_json()}\n")
        counts = (ledger.readings_stored, ledger.messages_received, ledger.messages_refused)
        wanted = (day.readings, day.messages + 1, day.refused + 1)  # and the message that tells the end
        problems = [*watch.problems, *_figures(day, pipeline)]
        if counts != wanted or not ledger.balanced:
            problems.append(f"readings stored, messages received and refused are {counts}, sent were {wanted}")
        return problems


def _send(day: Day, share: float, pipeline: Pipeline, broker: Mosquitto, watch: Watch) -> None:
    messages, start_s, shown = day.messages_until(share), time.monotonic(), 0
    with Publisher(MqttSettings(host=broker.host, port=broker.port)) as publisher:
        while chunk := list(islice(messages, CHUNK_MESSAGES)):
            publisher.publish_all(chunk)

            def has_kept_up() -> bool:
                ledger = pipeline.ledger()
                return (
                    ledger is not None
                    and ledger.messages_received > day.messages - AHEAD_MESSAGES_MAX
                    and ledger.readings_pending < PENDING_READINGS_MAX
                )

            wait_until(has_kept_up, KEPT_UP_DEADLINE_S, "ingest to keep up", poll_s=0.1)
            if day.readings // SHOWN_EVERY_READINGS > shown:
                shown = day.readings // SHOWN_EVERY_READINGS
                watch.look(day, day.readings / READINGS_A_DAY, day.readings / (time.monotonic() - start_s))


def _figures(day: Day, pipeline: Pipeline) -> list[str]:
    """Let the jobs work out the day; what of the people is not as it was sent."""
    start_s = time.monotonic()
    found: dict[str, int] = {}

    def is_counted() -> bool:
        found.update(_entries(pipeline.data, day.start_s))
        return found == day.entries

    with pipeline.command.start("jobs") as jobs:
        try:
            wait_until(is_counted, FIGURES_DEADLINE_S, "the figures of the day", poll_s=1)
        except AssertionError:
            return [f"entries by hub are {found}, sent were {dict(day.entries)}"]
        seconds, memory = time.monotonic() - start_s, jobs.memory_peak_mb
    sys.stdout.write(f"figures of {HUBS} hubs after {seconds:.0f} s, at most {memory:.0f} MB in jobs\n")
    return []


def _entries(data: Path, start_s: int) -> dict[str, int]:
    start_ns = start_s * NS_A_SECOND
    try:
        with closing(open_store(Settings(data_dir=data))) as store:
            chunks = store.read("usage_daily", start_ns=start_ns, stop_ns=start_ns + 1)
            return {chunk.tags["hub"]: int(chunk.columns["entries"][0] or 0) for chunk in chunks}
    except HubpulseError:
        return {}


def main() -> int:
    """Run it, report; exit code 1 where something was not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.endurance", description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the day, to try it out")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hubpulse-endurance-") as folder:
        problems = run(Path(folder), share=given.share)
    sys.stdout.write("\n".join(problems or ["memory flat, files bounded, every reading stored once"]) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
