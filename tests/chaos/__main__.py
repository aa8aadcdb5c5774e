"""`python -m tests.chaos`: run a campaign and say what it came to; exit code 1 where anything was lost or doubled."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.campaign import ALL, Campaign, Tally, clock
from tests.chaos.world import World


def main() -> int:
    """Read the command line, run, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=None, help="instead of a number of rounds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", choices=("influxdb", "sqlite"), default="influxdb")
    parser.add_argument("--fault", action="append", choices=sorted(ALL), help="only this one, or several")
    parser.add_argument("--sabotage", default=None, help="a mistake to build in, of tests/chaos/sabotage.py")
    given = parser.parse_args()

    def on_round(tally: Tally) -> None:
        sys.stderr.write(f"\rround {tally.rounds}: {tally.readings} readings, {tally.in_doubt} in doubt ")

    with (
        tempfile.TemporaryDirectory(prefix="hubpulse-chaos-") as folder,
        World(Path(folder), influxdb=given.store == "influxdb", sabotage=given.sabotage) as world,
    ):
        is_over = (lambda rounds: rounds >= given.rounds) if given.seconds is None else clock(given.seconds)
        tally = Campaign(world, given.seed, faults=given.fault or ALL).run(is_over, on_round)
        if tally.failures:
            sys.stderr.write(f"\n{world.log()}\n")
    sys.stdout.write(f"\n{_report(tally, given.seed, given.store)}\n")
    return 1 if tally.failures else 0


def _report(tally: Tally, seed: int, store: str) -> str:
    faults = ", ".join(f"{name} {count}" for name, count in sorted(tally.faults.items()))
    failures = "\n".join(tally.failures[:20])
    found = f"{len(tally.failures)} FAULTS\n{failures}" if tally.failures else "0 lost, 0 doubled, the ledger balances"
    return (
        f"seed {seed}, {store}: {tally.rounds} rounds, {tally.readings} readings, "
        f"{tally.in_doubt} in doubt at a broker that was killed, {tally.named} lost with a damaged file and named"
        f"\n{faults}\n{found}"
    )


if __name__ == "__main__":
    sys.exit(main())
