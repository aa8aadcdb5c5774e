"""`make bench` knows every benchmark, starts each, and tells of one that fails."""

import subprocess
import sys

import pytest

from benchmarks import __main__ as bench
from tests.real_parts import REPOSITORY, require

SOURCES = sorted((REPOSITORY / "benchmarks").glob("*.py"))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=240, check=False)


def test_every_benchmark_is_run_or_said_not_to_be() -> None:
    there = {source.stem for source in SOURCES if '== "__main__"' in source.read_text()} - {"__main__"}
    assert {each.module for each in bench.ALL} | set(bench.NOT_RUN) == there


def test_those_asked_for_are_run_at_their_smallest() -> None:
    require("mosquitto")
    ran = run("--short", "--times number", "audits")
    assert ran.returncode == 0, ran.stderr
    assert [line for line in ran.stdout.splitlines() if line.startswith("== ")] == [
        "== python -m benchmarks.throughput 50000 5 --times number --only ingest",
        "== python -m benchmarks.audits",
    ]
    rows = [line for line in ran.stdout.splitlines() if line.startswith("ingest, discarded")]
    assert [row.split()[-1] for row in rows] == ["0"], "nothing is lost"


def test_one_that_fails_is_named_and_the_others_are_run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    wrong = bench.Benchmark("audits", short="none")
    gone = bench.Benchmark("audits", needs=["mosquitto"])
    monkeypatch.setattr(bench, "ALL", (wrong, gone, bench.Benchmark("audits", short="5")))
    monkeypatch.setattr(bench, "find", lambda _part: None)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--short"])
    with pytest.raises(SystemExit) as ended:
        bench.main()
    out, err = capfd.readouterr()
    assert ended.value.code == 1
    assert "failed: python -m benchmarks.audits" in err
    assert "left out: mosquitto is not here" in out
    assert out.count("== python") == 3
