"""What the whole stack takes on a small server while an ordinary estate of 22 hubs sends to it.

python -m benchmarks.idle [MINUTES] [--store sqlite|influxdb] [--history DAYS] [--sd-card] [--syncs] [--tmp FOLDER]

`hubpulse up` runs ingest, jobs and board in one process, with mosquitto and SQLite or InfluxDB 1.x, which is measured,
too; `hubpulse simulate --live` sends some days of history, and then what the sensors send in real time. Measuring
begins once the history is rolled up.
CPU and bytes written are those of /proc (`stat`, `io`: pages that a process made dirty; a file system's own journal is
not in it), memory is sampled (`smaps_rollup`). With `--syncs` strace counts those, which costs CPU. The folder has to
be on a disk: nothing is written where it is in memory.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from ingest.buffer import BufferReader
from schemas import HubpulseError
from tests.cli.command import PROGRAM, CommandLine
from tests.servers import Influxd, free_port
from tests.waiting import wait_until

MINUTES = 10.0
HISTORY_DAYS = 8
SD_CARD: dict[str, float] = {
    "HUBPULSE_INGEST__COMMIT_EVERY_S": 10,
    "HUBPULSE_MQTT__AUTOSAVE_INTERVAL_S": 1800,
    "HUBPULSE_TODAY_EVERY_S": 300,
}
DAY_S = 86_400
_SAMPLE_EVERY_S = 5.0
_READY_DEADLINE_S = 1800.0
_SETTLED_SHARE = 0.1
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Process:
    """A process as /proc shows it."""

    def __init__(self, name: str, pid: int) -> None:
        self.name, self.pid = name, pid
        self._folder = Path(f"/proc/{pid}")

    def cpu_s(self) -> float:
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND

    def written_bytes(self) -> int:
        return _number((self._folder / "io").read_text(), "write_bytes")

    def pss_mb(self) -> float:
        return _number((self._folder / "smaps_rollup").read_text(), "Pss") / 1024

    def largest_mb(self) -> float:
        return _number((self._folder / "status").read_text(), "VmHWM") / 1024


class Taken(NamedTuple):
    """What a process took while it was measured."""

    name: str
    core_percent: float
    largest_mb: float
    pss_mb: float
    written_mb_a_day: float
    syncs_a_day: float | None


def children(pid: int) -> dict[str, int]:
    """The processes that a process started, by their programs' names."""
    found: dict[str, int] = {}
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in listed.read_text().split():
            found[Path(f"/proc/{child}/comm").read_text().strip()] = int(child)
    return found


def measure(processes: Sequence[Process], seconds: float, syncs: SyncCount) -> list[Taken]:
    """Watch them for so long; what they took of a core and of memory, and wrote.

    strace follows the first and what it started, of which the second is one.
    """
    stack, broker, *others = processes
    began_s, syncs_before = time.monotonic(), syncs.by_thread()
    before = {process: (process.cpu_s(), process.written_bytes()) for process in processes}
    pss_mb = dict.fromkeys(processes, 0.0)
    while (took_s := time.monotonic() - began_s) < seconds:
        for process in processes:
            pss_mb[process] = max(pss_mb[process], process.pss_mb())
        time.sleep(_SAMPLE_EVERY_S)
    of_day, synced = DAY_S / took_s, syncs.by_thread() - syncs_before
    of_broker = synced[broker.pid]
    return [
        Taken(
            process.name,
            100 * (process.cpu_s() - before[process][0]) / took_s,
            process.largest_mb(),
            pss_mb[process],
            (process.written_bytes() - before[process][1]) * of_day / 1e6,
            count * of_day if synced and count is not None else None,
        )
        for process, count in (
            (stack, synced.total() - of_broker),
            (broker, of_broker),
            *((other, None) for other in others),
        )
    ]


class SyncCount:
    """Has the kernel stop a program at each sync alone, for strace to note it, where that is wanted."""

    def __init__(self, folder: Path, *, wanted: bool) -> None:
        self._log, self._program = folder / "syncs", shutil.which("strace") if wanted else None

    def traced(self, command: Sequence[str]) -> list[str]:
        if self._program is None:
            return [*command]
        calls = "trace=fsync,fdatasync,sync_file_range"
        return [self._program, "-f", "--seccomp-bpf", "-qq", "-e", calls, "-o", str(self._log), *command]

    def traced_pid(self, pid: int) -> int:
        """The program's process, where `pid` is that of the command."""
        return pid if self._program is None else children(pid)[PROGRAM.name]

    def by_thread(self) -> Counter[int]:
        """How often each thread has synced so far."""
        if not self._log.exists():
            return Counter()
        whole_lines = self._log.read_text().split("\n")[:-1]
        return Counter(int(line.split()[0]) for line in whole_lines)


def run(
    folder: Path,
    minutes: float,
    history_days: int,
    settings: Mapping[str, str | float],
    influxd: Influxd | None,
    *,
    count_syncs: bool,
) -> tuple[list[Taken], float]:
    """The stack under the load of an estate; also how many messages a day came."""
    if influxd is not None:
        settings = {**settings, "HUBPULSE_STORE": "influxdb", "HUBPULSE_INFLUX__URL": influxd.url}
    line = CommandLine(
        folder,
        HUBPULSE_MQTT__PORT=free_port(),
        HUBPULSE_BOARD__PORT=free_port(),
        **settings,
    )
    (folder / "estate.yaml").write_text(line.run("simulate", "estate").out)
    syncs = SyncCount(folder, wanted=count_syncs)
    with line.start_program(syncs.traced([str(PROGRAM), "up"])) as up:
        up.wait_for("Ctrl-C", _READY_DEADLINE_S)
        simulate = ("simulate", "--live", "--days", str(history_days), "--mqtt-host", "127.0.0.1")
        with line.start(*simulate):
            stack = Process("ingest, jobs, board", syncs.traced_pid(up.pid))
            broker = Process("mosquitto", children(stack.pid)["mosquitto"])
            wait_until(lambda: received(folder) > 0, _READY_DEADLINE_S, "the first message")
            wait_until(lambda: is_settled(stack), _READY_DEADLINE_S, "the history to be rolled up")
            count, began_s = received(folder), time.monotonic()
            processes = [stack, broker, *([Process("influxd", influxd.pid)] if influxd is not None else [])]
            taken = measure(processes, 60 * minutes, syncs)
            messages = (received(folder) - count) * DAY_S / (time.monotonic() - began_s)
            up.signal(signal.SIGTERM, group=True)
            up.wait()
            return taken, messages


def received(folder: Path) -> int:
    """Messages that ingest has received."""
    try:
        with closing(BufferReader(folder / "data")) as reader:
            return reader.ledger.read().messages_received
    except HubpulseError:
        return 0


def is_settled(process: Process) -> bool:
    """Whether a process has little to do for half a minute."""
    before_s = process.cpu_s()
    time.sleep(30)
    return process.cpu_s() - before_s < 30 * _SETTLED_SHARE


def _number(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+)", text, re.MULTILINE)
    if found is None:
        message = f"no {name} there"
        raise ValueError(message)
    return int(found[1])


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("minutes", nargs="?", type=float, default=MINUTES)
    options.add_argument("--store", choices=("sqlite", "influxdb"), default="sqlite")
    options.add_argument("--history", type=int, default=HISTORY_DAYS, metavar="DAYS")
    options.add_argument("--sd-card", action="store_true", help="with the settings that spare an SD card")
    options.add_argument("--syncs", action="store_true", help="count them, by strace")
    options.add_argument("--tmp", type=Path, help="folder on the disk to write to")
    asked = options.parse_args()
    settings = SD_CARD if asked.sd_card else {}
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(dir=asked.tmp)))
        influxd = parts.enter_context(Influxd(folder / "influxdb")) if asked.store == "influxdb" else None
        taken, messages = run(folder, asked.minutes, asked.history, settings, influxd, count_syncs=asked.syncs)
    print(f"{'':20} {'core %':>7} {'most MB':>8} {'PSS MB':>7} {'MB/day':>8} {'syncs/day':>10}")
    for each in taken:
        syncs = "-" if each.syncs_a_day is None else f"{each.syncs_a_day:,.0f}"
        print(
            f"{each.name:20} {each.core_percent:>7.2f} {each.largest_mb:>8.0f} {each.pss_mb:>7.0f}"
            f" {each.written_mb_a_day:>8.0f} {syncs:>10}"
        )
    print(
        f"{messages:,.0f} messages a day; {asked.minutes:g} minutes, {asked.history} days of history", file=sys.stderr
    )


if __name__ == "__main__":
    main()
