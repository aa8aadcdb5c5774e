"""The long form of the fuzzing: `python -m tests.fuzz --examples 200000 --seconds 60`, or some targets by name.

First every target with examples of Hypothesis, each of which may take 50 ms of CPU, and 64 MB (one of a hundred is
looked at); then, where
atheris is installed (`pip install -e '.[fuzz]'`), each for some seconds with what makes the code go new ways. Either
ends at the first harm and says how to see it again; what is worth keeping goes into tests/fuzz/corpus/<target>/.
"""

import argparse
import importlib.util
import itertools
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from tests.fuzz.strategies import CORPUS, STRATEGIES
from tests.fuzz.targets import TARGETS

CPU_MAX_S = {name: 2.0 if name == "board" else 0.050 for name in TARGETS}
"""Of an example; a question to the board may be of years, and two are worked on at a time."""
MEMORY_MAX_BYTES = 64 * 1024**2
_MEMORY_EVERY = 100
_TRIES = 3


def tell(line: str) -> None:
    """Say how far it is."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def cpu_s(name: str, data: bytes) -> float:
    """How much CPU time an example takes; the least of some tries, since the first may fill caches."""
    least_s = float("inf")
    for _ in range(_TRIES):
        before_s = time.process_time()
        TARGETS[name](data)
        least_s = min(least_s, time.process_time() - before_s)
        if least_s <= CPU_MAX_S[name]:
            break
    return least_s


def memory_bytes(name: str, data: bytes) -> int:
    """How much memory an example takes at its most."""
    tracemalloc.start()
    try:
        TARGETS[name](data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def try_examples(name: str, examples: int) -> None:
    """Try so many examples of one target. Raises what the first harmful one does."""
    slowest, largest = 0.0, 0
    numbers = itertools.count(1)

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), deadline=None, print_blob=True)
    @given(STRATEGIES[name])
    def try_one(data: bytes) -> None:
        nonlocal slowest, largest
        taken_s = cpu_s(name, data)
        slowest = max(slowest, taken_s)
        assert taken_s <= CPU_MAX_S[name], f"{taken_s * 1000:.0f} ms of CPU"
        if next(numbers) % _MEMORY_EVERY == 0:
            taken_bytes = memory_bytes(name, data)
            largest = max(largest, taken_bytes)
            assert taken_bytes <= MEMORY_MAX_BYTES, f"{taken_bytes >> 20} MB"

    started_s = time.monotonic()
    try_one()
    took_s = time.monotonic() - started_s
    tell(f"{name}: {examples} examples in {took_s:.0f} s, at most {slowest * 1000:.1f} ms of CPU, {largest >> 10} KB")


def try_guided(name: str, seconds: int) -> None:
    """Let atheris look for new ways through the code of one target. Raises CalledProcessError where one does harm."""
    with tempfile.TemporaryDirectory() as found:
        seeds = CORPUS / name
        command = [sys.executable, "-m", "tests.fuzz.guided", name, found, *([str(seeds)] if seeds.is_dir() else [])]
        limits = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=2048"]
        artifacts = f"-artifact_prefix={Path.cwd()}/fuzz-{name}-"
        subprocess.run([*command, *limits, artifacts, "-verbosity=0", "-print_final_stats=1"], check=True)
    tell(f"{name}: {seconds} s of atheris")


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="only these")
    parser.add_argument("--examples", type=int, default=200_000, help="examples of each target")
    parser.add_argument("--seconds", type=int, default=60, help="seconds of atheris for each target")
    asked = parser.parse_args()
    has_atheris = importlib.util.find_spec("atheris") is not None
    for name in asked.targets or TARGETS:
        if asked.examples:
            try_examples(name, asked.examples)
        if asked.seconds and has_atheris:
            try_guided(name, asked.seconds)
    if not has_atheris:
        tell("atheris is not installed (pip install -e '.[fuzz]'; x86-64 alone): Hypothesis did all of it")


if __name__ == "__main__":
    main()
