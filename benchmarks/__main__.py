"""Every benchmark, one after the other, each in a process of its own: `make bench`, or `make bench ONLY="pages"`.

python -m benchmarks [--short] [--list] [WORD ...]

Those whose lines hold one of the words. One whose parts are not on this machine is left out, and said so; one that
fails does not keep the others from being measured, and is named at the end with exit code 1. `--short` runs each at its
smallest: it shows that it works, and its figures tell nothing. docs/performance.md has what was measured.
"""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.costs import NOT_HERE
from tests.real_parts import REPOSITORY, SHARED_DATA, find

_SHORT_WITHIN_S = 300


class Benchmark(NamedTuple):
    """A module of this folder with its arguments, those of its short form, and the programs it can't do without."""

    module: str
    arguments: str = ""
    short: str = ""
    needs: Sequence[str] = ()
    data: bool = False
    """Whether it goes by the large data sets, which lie beside the project."""

    @property
    def line(self) -> str:
        """What to type."""
        return f"python -m benchmarks.{self.module} {self.arguments}".rstrip()

    def missing(self) -> list[str]:
        """What is not on this machine."""
        programs = [name for name in self.needs if find(name) is None]
        return [*programs, str(SHARED_DATA)] if self.data and not SHARED_DATA.is_dir() else programs


ALL = (
    Benchmark("throughput", "100000 5", "300 1", ["mosquitto"]),
    Benchmark(
        "throughput", "50000 5 --times number --only ingest", "300 1 --times number --only discarded", ["mosquitto"]
    ),
    Benchmark("throughput", "20000 5 --format tts --only ingest", "100 1 --format tts --only discarded", ["mosquitto"]),
    Benchmark("throughput", "5000 5 --readings 100", "20 1 --readings 100 --only discarded", ["mosquitto"]),
    Benchmark("latency", "sqlite", "sqlite 1", ["mosquitto"]),
    Benchmark("latency", "influxdb", "influxdb 1", ["mosquitto", "influxd"]),
    Benchmark("ingest", "", "1000", ["mosquitto"]),
    Benchmark("workers", "", "2000", ["mosquitto"]),
    Benchmark("stores", "", "6000"),
    Benchmark("growth", "1 10", "0.01"),
    Benchmark("usage", "", "2"),
    Benchmark("starts", "", "1", ["mosquitto"]),
    Benchmark("idle", "10", "0.05 --history 1", ["mosquitto"]),
    Benchmark("idle", "10 --store influxdb", "0.05 --history 1 --store influxdb", ["mosquitto", "influxd"]),
    Benchmark("pages", "--store sqlite", "--store sqlite --hubs 2 --days 40 --times 1"),
    Benchmark("pages", "--store influxdb", "--store influxdb --hubs 1 --days 10 --times 1", ["influxd"]),
    Benchmark("pages", "--store sqlite --hubs 200", "--store sqlite --hubs 3 --days 10 --times 1 --only reports"),
    Benchmark("recovery", "365", "3", ["mosquitto"]),
    Benchmark("scale", "10000", "3", ["mosquitto"]),
    Benchmark("cluster", "", "300"),
    Benchmark("estimates", data=True),
    Benchmark("comparing", data=True),
    Benchmark("witnesses", data=True),
    Benchmark("audits", "", "20"),
    Benchmark("suppression", "", "3"),
)
NOT_RUN = {"side_by_side": "asks for another state of the project"}
"""Benchmarks that are for those who know what they look for."""


def main() -> None:
    """Run those asked for."""
    parser = ArgumentParser(prog="python -m benchmarks", description="Measure this machine.")
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--short", action="store_true", help="each at its smallest, to see that it works")
    parser.add_argument("--list", action="store_true", help="say what would be run")
    options = parser.parse_args()
    failed = []
    for each in ALL:
        if options.words and not any(word in each.line for word in options.words):
            continue
        print(f"== {each.line}", flush=True)
        if missing := each.missing():
            print(f"left out: {', '.join(missing)} is not here", flush=True)
        elif not options.list and not _run(each, is_short=options.short):
            failed.append(each.line)
    for line in failed:
        print(f"failed: {line}", file=sys.stderr)
    sys.exit(1 if failed else 0)


def _run(each: Benchmark, *, is_short: bool) -> bool:
    arguments = each.short if is_short else each.arguments
    command = [sys.executable, "-m", f"benchmarks.{each.module}", *arguments.split()]
    try:
        ended = subprocess.run(command, cwd=REPOSITORY, check=False, timeout=_SHORT_WITHIN_S if is_short else None)
    except subprocess.TimeoutExpired:
        return False
    return ended.returncode in (0, NOT_HERE)


if __name__ == "__main__":
    main()
