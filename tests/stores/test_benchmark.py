"""The stores' benchmark runs, and tells what it measured."""

import re
import subprocess
import sys

from tests.real_parts import REPOSITORY


def test_the_benchmark_prints_each_store_beside_its_baseline() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.stores", "6000"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    figures = re.findall(r"^(\S+).*: (write again|write|read) +[\d,]+/s +[\d,]+/s +[\d.]+$", done.stdout, re.MULTILINE)
    assert [what for store, what in figures if store == "SQLite"] == ["write", "write again", "read"]
