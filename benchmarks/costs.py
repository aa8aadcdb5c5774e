"""What a program took, as the benchmarks of throughput tell it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import NamedTuple

NOT_HERE = 77
"""The exit code of a benchmark that says which of its parts this machine lacks."""
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Of one program: seconds on the clock and of the processor for all messages, and its largest memory."""

    seconds: float
    cpu_s: float
    memory_mb: float = math.nan
    lost: int = 0
    """Readings that were not stored at the end."""

    def without(self, start_up: Cost) -> Cost:
        """What the messages alone took of the clock and of the processor."""
        return self._replace(seconds=self.seconds - start_up.seconds, cpu_s=self.cpu_s - start_up.cpu_s)


def largest_resident_mb(pid: int | str = "self") -> float:
    """The most memory that a process had resident; `getrusage` would begin with that of the one that started it."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


def processor_s(pid: int) -> float:
    """Seconds that all threads of a process have had of the processor, to a hundredth."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS_A_SECOND
