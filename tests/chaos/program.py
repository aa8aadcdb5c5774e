"""`hubpulse` as a campaign runs it: `python program.py ingest`.

What is other than in the real one:

CHAOS_CLOCK     a file with nanoseconds by which the clock is wrong, in eight bytes: it may jump at any time
CHAOS_SYNCED    a folder that gets what is synced of SQLite's files, for a power cut
CHAOS_MISTAKE   a mistake of tests/chaos/sabotage.py is built in
timers          what is looked at every few seconds is looked at more often, so that rounds are short
"""

import faulthandler
import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

QUICK_LOG_PAGES = 200


def _with_a_wrong_clock(file: str) -> None:
    with Path(file).open("rb") as opened:
        offset = mmap.mmap(opened.fileno(), 8, prot=mmap.PROT_READ)
    real_ns: Callable[[], int] = time.time_ns

    def time_ns() -> int:
        (wrong_ns,) = struct.unpack("<q", offset[:8])
        return real_ns() + int(wrong_ns)

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


def _with_quick_timers() -> None:
    from ingest import buffer, estate_watch, pipeline, session, upkeep  # noqa: PLC0415 - once the clock is changed
    from stores import sqlite_store  # noqa: PLC0415 - once the clock is changed
    from usage import jobs, lease, rollup_writer  # noqa: PLC0415 - once the clock is changed

    estate_watch._LOOK_EVERY_S = 0.05
    pipeline._STATUS_EVERY_S = upkeep._EVERY_S = 0.5
    session.__dict__["UPTIME_STALE_MAX_S"] = 2  # the campaign's broker tells it every second
    # The rounds' days are years ago, and come by their marks: those of this week have a few readings of live hubs.
    rollup_writer.WINDOW_DAYS = rollup_writer.AWAY_DAYS_MAX = 0
    rollup_writer.SETTLE_NS = 10**8
    jobs.LATE_MARKS_EVERY_S, jobs.LATE_DAYS = 1, 10_000
    lease.LEASE_S, lease.LOOK_AGAIN_S = 2, 0.05
    for pragmas in (buffer._PRAGMAS, sqlite_store._PRAGMAS):
        pragmas["wal_autocheckpoint"] = QUICK_LOG_PAGES


def main() -> None:
    """Run the command line, changed so."""
    if clock := os.environ.get("CHAOS_CLOCK"):
        _with_a_wrong_clock(clock)
    if synced := os.environ.get("CHAOS_SYNCED"):
        from tests.chaos.synced import SyncRecorder  # noqa: PLC0415 - once the clock is changed

        SyncRecorder(Path(synced)).start()
    faulthandler.register(signal.SIGUSR1)
    _with_quick_timers()
    if mistake := os.environ.get("CHAOS_MISTAKE"):
        from tests.chaos.sabotage import MISTAKES  # noqa: PLC0415 - once the clock is changed

        MISTAKES[mistake]()
    from hubpulse import main as run  # noqa: PLC0415 - once the clock is changed

    run()


if __name__ == "__main__":
    main()
