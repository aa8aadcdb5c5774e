"""What a kill leaves on the disk, before and after every commit of an action to whichever file."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch


def folders_as_killed(folder: Path, act: Callable[[], object]) -> list[Path]:
    """Do it; a copy of the folder for each point of the way."""
    copies: list[Path] = []

    def keep() -> None:
        copy = Path(tempfile.mkdtemp(prefix="killed-", dir=folder.parent))
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        copies.append(copy)

    @contextlib.contextmanager
    def watched(db: sqlite3.Connection) -> Iterator[None]:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            keep()
            db.execute("COMMIT")
            keep()
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    with patch("stores.sqlite_file._transaction", watched):
        act()
    return copies
