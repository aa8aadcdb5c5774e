"""The sign of life that a service leaves in its data folder, for health checks: `<service>.alive`.

It is fresh while the service works, and holds what is wrong, if anything. Imports next to nothing: a health check runs
every few seconds.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_FRESH_S = {"ingest": 30, "jobs": 180}


def beat(service: str, data_dir: Path, problem: str | None = None) -> None:
    """Leave a sign of life. Raises OSError."""
    path, now_s = data_dir / f"{service}.alive", time.time()
    path.write_text(problem or "", encoding="utf-8")
    # By our own clock, which a shared folder's server may not have.
    os.utime(path, (now_s, now_s))


def problem_of(service: str, data_dir: Path) -> str | None:
    """What is wrong with a service, or None where it is well."""
    path = data_dir / f"{service}.alive"
    try:
        age_s = time.time() - path.stat().st_mtime
        problem = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return f"never ran on {data_dir}: start `hubpulse {service}`"
    except OSError as error:
        return f"{path} can't be read ({error.strerror}): check its owner and mode"
    # One from the future was left before the clock was set back: it would stay fresh for as long.
    if abs(age_s) > _FRESH_S[service]:
        return f"last sign of life {age_s:.0f} s ago: start `hubpulse {service}` again"
    return problem or None
