"""`python -m tests.hostile`: flood the shipped installation for minutes; exit code 1 where an honest hub was harmed."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.hostile.contents import CONTENTS
from tests.hostile.trial import run


def main() -> int:
    """Read the command line, run, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--rate", type=int, default=10_000, help="messages a second")
    parser.add_argument("--content", choices=sorted(CONTENTS), default="mixed")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hubpulse-hostile-") as folder:
        report = run(Path(folder), seconds=given.seconds, rate=given.rate, content=given.content, seed=given.seed)
    sys.stdout.write(f"{report}\n")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
