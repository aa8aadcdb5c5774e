"""What this state costs beside another one, in one run: the processor time of the same commands of both, by turns.

python -m benchmarks.side_by_side OTHER [WHAT ...] [--pairs 7]

OTHER is a folder with another state's code (`git worktree add OTHER 9983055`), whose dependencies this environment has.
WHAT is any of the names below, all without it. Each command is run in turn by either state, from a folder that
belongs to neither; its cost is the user time of its process and of those that it waited for, which a busy machine
lengthens for both alike. A ratio under 1 is cheaper than the other state: of the least of all runs, and of the medians.

`recompute` is the hub of benchmarks/usage.py over 28 days with a reading every five minutes, `recompute-hourly` over a
year with hourly readings; `recompute-estate`, `export` and `export-hourly` are a year of 22 such hubs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks.usage import SENSORS

HERE = Path(__file__).resolve().parent.parent
PAIRS = 7
HUBS, YEAR_DAYS, DAYS, HOUR_S = 22, 365, 28, 3600
LAST = datetime.now(UTC).date() - timedelta(days=10)
"""By now every day up to it is final."""

FILL = """
import sys
from datetime import date, timedelta
from pathlib import Path
from benchmarks import usage
from stores import Accepted
from stores.sqlite_store import SqliteStore

folder, first, every_s, days, *hubs = sys.argv[1:]
usage.FIRST = date.fromisoformat(first)
store = SqliteStore(Path(folder) / "store.db")
store.prepare()
lines = list(usage.lines(int(every_s), int(days)))
for hub in hubs:
    for at in range(0, len(lines), 5000):
        batch = "\\n".join(lines[at : at + 5000]).replace("hub=armley", f"hub={hub}")
        assert store.write(batch.encode()) == Accepted()
store.close()
"""
"""Runs in either state, as what follows."""

DECODE = """
import sys
import time
from benchmarks import ingest

messages = [getattr(ingest, sys.argv[1])(n) for n in range(ingest.BATCH)]
decoder = ingest.Decoder(ingest.OPEN, clock_ns=lambda: ingest.NOW_S * 10**9)
decoder.decode(messages)
started_s = time.process_time()
for _ in range(ROUNDS):
    decoder.decode(messages)
print((time.process_time() - started_s) / ROUNDS / len(messages) * 1e6)
"""
DECODE_ROUNDS = 40
SHAPES = ("numeric", "text", "history", "counts", "bare")


@dataclass(frozen=True, slots=True)
class State:
    """One state of the code, and the folder that its data is in."""

    tree: Path
    folder: Path

    def run(self, *command: str, may_fail: bool = False) -> tuple[float, str]:
        """Run Python with this state's code: its user time in seconds, and what it printed."""
        ours = ("HUBPULSE_", "PYTHON")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        # Either state is compiled once.
        environment |= {"PYTHONPATH": str(self.tree), "PYTHONPYCACHEPREFIX": str(self.folder / "compiled")}
        before_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and not may_fail:
            raise SystemExit(f"{self.tree}: {' '.join(command)[-300:]}\n{done.stderr[-2000:]}")
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before_s, done.stdout

    def hubpulse(self, *command: str, may_fail: bool = False) -> float:
        """The user time of a command, in seconds."""
        return self.run("-m", "hubpulse", *command, may_fail=may_fail)[0]

    def fill(self, name: str, *, hubs: int, days: int, every_s: int) -> Path:
        """A data folder with so many days of readings; as it was left, where it is there."""
        data = self.folder / name
        if not data.exists():
            data.mkdir()
            sensors = [sensor | {"every": f"{every_s // 60}m"} for sensor in SENSORS]
            ids = [f"hub-{number}" for number in range(hubs)]
            hub = {"altitude_m": 60, "opening": {"mon-fri": "09:00-17:00"}, "sensors": sensors}
            document = {"timezone": "Europe/London", "hubs": [{"id": id_, **hub} for id_ in ids]}
            (data / "estate.yaml").write_text(json.dumps(document), encoding="utf-8")
            self.run("-c", FILL, str(data), _first(days), str(every_s), str(days), *ids)
        return data

    def recompute(self, data: Path, days: int) -> float:
        """Compute all days of a copy of a data folder, which had no figures."""
        copy = self.folder / "copy"
        shutil.copytree(data, copy)
        try:
            return self.hubpulse("usage", "recompute", *_range(copy, days))
        finally:
            shutil.rmtree(copy)

    def export(self, *options: str) -> float:
        """Export a year of 22 hubs whose figures are stored."""
        data = self.fill("estate", hubs=HUBS, days=YEAR_DAYS, every_s=HOUR_S)
        done = self.folder / "computed"
        if not done.exists():
            self.hubpulse("usage", "recompute", *_range(data, YEAR_DAYS))
            done.touch()
        return self.hubpulse("usage", "export", *options, *_range(data, YEAR_DAYS))

    def probe(self) -> float:
        """The health check of a service, as compose runs it; it finds none."""
        if (self.tree / "cli" / "probe.py").exists():
            return self.run("-m", "cli.probe", "ingest", may_fail=True)[0]
        return self.hubpulse("doctor", "--service", "ingest", may_fail=True)

    def decode_us(self, shape: str) -> float:
        """What a message of benchmarks/ingest.py takes, in microseconds."""
        return float(self.run("-c", DECODE.replace("ROUNDS", str(DECODE_ROUNDS)), shape)[1])


def _first(days: int) -> str:
    return (LAST - timedelta(days=days - 1)).isoformat()


def _range(data: Path, days: int) -> Sequence[str]:
    return "--from", _first(days), "--to", LAST.isoformat(), "--data", str(data), "--estate", str(data / "estate.yaml")


WORKS: Mapping[str, Callable[[State], float]] = {
    "recompute": lambda state: state.recompute(state.fill("days", hubs=1, days=DAYS, every_s=300), DAYS),
    "recompute-hourly": lambda state: state.recompute(state.fill("year", hubs=1, days=365, every_s=HOUR_S), 365),
    "recompute-estate": lambda state: state.recompute(
        state.fill("readings", hubs=HUBS, days=YEAR_DAYS, every_s=HOUR_S), YEAR_DAYS
    ),
    "export": lambda state: state.export("--format", "csv"),
    "export-hourly": lambda state: state.export("--hourly", "--format", "csv"),
    **{f"decode-{shape}": partial(State.decode_us, shape=shape) for shape in SHAPES},
    "help": lambda state: state.hubpulse("--help"),
    "doctor": lambda state: state.hubpulse("doctor", "--data", str(state.folder / "none"), may_fail=True),
    "probe": State.probe,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("what", nargs="*", metavar="WHAT")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    asked = parser.parse_intermixed_args()
    print(f"{'':18}{'other':>18}{'this':>18}{'this / other':>18}")
    print(f"{'':18}" + f"{'least':>9}{'median':>9}" * 3, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        states = [State(asked.other.resolve(), Path(folder) / "other"), State(HERE, Path(folder) / "this")]
        for state in states:
            state.folder.mkdir()
            _, place = state.run("-c", "import usage; print(usage.__file__)")
            assert Path(place.strip()).is_relative_to(state.tree), place
        for name in asked.what or WORKS:
            pairs = [[WORKS[name](state) for state in states] for _ in range(asked.pairs)]
            other, this = ([pair[i] for pair in pairs] for i in (0, 1))
            found = [min(other), statistics.median(other), min(this), statistics.median(this)]
            figures = "".join(f"{seconds:>9.3f}" for seconds in found)
            print(f"{name:18}{figures}{found[2] / found[0]:>9.2f}{found[3] / found[1]:>9.2f}", flush=True)


if __name__ == "__main__":
    main()
