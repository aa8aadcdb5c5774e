"""One ingest on a data folder at a time."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from schemas.errors import HubpulseError

_LOCK_NAME = "ingest.lock"
_TRY_AGAIN_S = 0.1
_TRIES = 5


def is_held(data_dir: Path) -> bool:
    """Whether an ingest runs on the folder."""
    try:
        with (data_dir / _LOCK_NAME).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def data_lock(data_dir: Path) -> Iterator[None]:
    """Hold the folder: two would tear each other's session and buffer. Raises HubpulseError where another one does."""
    with ExitStack() as held:
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            file = held.enter_context((data_dir / _LOCK_NAME).open("w"))
            _lock(file.fileno())
        except BlockingIOError as error:
            raise HubpulseError(
                f"another ingest runs on {data_dir}: stop it, or give this one its own --data and client id"
            ) from error
        except OSError as error:
            raise HubpulseError(f"data folder {data_dir} can't be used ({error.strerror}): check it") from error
        yield


def _lock(file: int) -> None:
    """Take the lock, which who asks whether it is held has for a moment. Raises BlockingIOError where it is held."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_TRY_AGAIN_S)
        else:
            return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
