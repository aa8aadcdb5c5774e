"""Where the buffer of a data folder is, and whether there is one: for who asks before anything was received."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path

from schemas.errors import HubpulseError

FILE_NAME, QUARANTINE_NAME = "buffer.db", "quarantine.db"


OURS = (FILE_NAME, QUARANTINE_NAME, "store.db")
"""Files by which a folder is one of Hubpulse's."""


def is_open_to_others(data_dir: Path) -> bool:
    """Whether others of the machine may look into a data folder. A folder that holds nothing of ours is not asked."""
    if not any((data_dir / name).exists() for name in OURS):
        return False
    return bool(data_dir.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


RESERVE_NAME = "reserve"
RESERVE_BYTES = 8 * 1024**2
"""Room that a full disk has left for what makes room: opening the buffer, handing over to the store, a purge."""


def keep_reserve(data_dir: Path, *, free_bytes_min: int) -> None:
    """Take the reserve's room where it is not taken yet and that leaves enough. Raises OSError."""
    path = data_dir / RESERVE_NAME
    if not path.exists() and shutil.disk_usage(data_dir).free >= free_bytes_min + 2 * RESERVE_BYTES:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)


def release_reserve(data_dir: Path) -> bool:
    """Give the reserve's room away; False where there is none."""
    try:
        (data_dir / RESERVE_NAME).unlink()
    except FileNotFoundError:
        return False
    return True


def no_buffer(path: Path) -> HubpulseError:
    """What to say where nobody has made the buffer yet."""
    return HubpulseError(
        f"no buffer at {path}: nothing was received into this folder yet; check --data or HUBPULSE_DATA_DIR"
    )


def require_file(data_dir: Path) -> None:
    """Raise HubpulseError where there is no buffer, at next to no cost; what else is wrong is for who opens it."""
    path = data_dir / FILE_NAME
    with contextlib.suppress(PermissionError):
        if not path.exists():
            raise no_buffer(path)
