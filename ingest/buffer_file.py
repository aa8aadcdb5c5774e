"""Where the buffer of a data folder is, and whether there is one: for who asks before anything was received."""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path

from schemas.errors import HubpulseError

FILE_NAME = "buffer.db"


OURS = (FILE_NAME, "store.db")
"""Files by which a folder is one of Hubpulse's."""


def is_open_to_others(data_dir: Path) -> bool:
    """Whether others of the machine may look into a data folder. A folder that holds nothing of ours is not asked."""
    if not any((data_dir / name).exists() for name in OURS):
        return False
    return bool(data_dir.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


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
