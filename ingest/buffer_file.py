"""The buffer's file: how it is opened, what a transaction is, and what its failures mean to an operator."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from schemas.errors import HubpulseError

FILE_NAME = "buffer.db"
_BUSY_TIMEOUT_S = 5
_LOG_BYTES_KEPT_MAX = 64 * 1024**2


class BufferFullError(HubpulseError):
    """No room for a batch: the buffer's limit or the disk's end is reached. Nothing of it was kept; try again."""


class BufferDamagedError(HubpulseError):
    """The buffer's file can't be used."""


class BufferFile:
    """An open file. Every commit is on the disk when it returns (WAL with synchronous=FULL)."""

    def __init__(self, path: Path, *, schema: str, layout_version: int) -> None:
        """Open it, making what is missing of it. Raises BufferDamagedError."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
            try:
                self._prepare(schema, layout_version)
                self._page_bytes = int(self.db.execute("PRAGMA page_size").fetchone()[0])
                self._opened = self._identity()
            except BaseException:
                self.db.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise BufferDamagedError(
                f"buffer {path} can't be opened ({error}): check folder and disk; if the file is damaged, move it away"
                " and start again, the broker still holds what was not acknowledged"
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing. Raises BufferFullError where trying again helps, else BufferDamagedError."""
        with self.failures():
            if self._identity() != self._opened:
                raise FileNotFoundError("another file is in its place")
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    def one(self, query: str, parameters: Sequence[object] = ()) -> tuple[Any, ...] | None:
        """The first row of a query."""
        with self.failures():
            row: tuple[Any, ...] | None = self.db.execute(query, parameters).fetchone()
            return row

    def all(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Every row of a query that is known to have few."""
        with self.failures():
            return self.db.execute(query, parameters).fetchall()

    def used_and_reusable_bytes(self) -> tuple[int, int]:
        """Bytes of the file that hold something, and that held something and will be filled first."""
        (pages,) = self.one("PRAGMA page_count") or (0,)
        (free_pages,) = self.one("PRAGMA freelist_count") or (0,)
        return (pages - free_pages) * self._page_bytes, free_pages * self._page_bytes

    def close(self) -> None:
        """Close it."""
        self.db.close()

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Say what SQLite or the disk could not do."""
        try:
            yield
        except FileNotFoundError as error:
            raise BufferDamagedError(
                f"buffer {self._path} was moved away while in use ({error}): put it back, then start ingest again"
            ) from error
        except sqlite3.OperationalError as error:
            if not hasattr(error, "sqlite_errorcode"):  # not of SQLite: what it read is not what was written
                raise self.damage("a row can't be read") from error
            raise BufferFullError(f"buffer {self._path} takes nothing now ({error}): look at the disk") from error
        except (OSError, sqlite3.DatabaseError) as error:
            raise self.damage(error) from error

    def damage(self, what: object) -> BufferDamagedError:
        """The error that says what of the file is damaged."""
        return BufferDamagedError(
            f"buffer {self._path} is damaged ({what}): stop ingest, move the file away and start again"
        )

    def _prepare(self, schema: str, layout_version: int) -> None:
        (found,) = self.db.execute("PRAGMA user_version").fetchone()
        if found > layout_version:
            raise BufferDamagedError(
                f"buffer {self._path} was written by a later Hubpulse (layout {found}, while this one knows"
                f" {layout_version}): install that version, or choose another data folder"
            )
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute(f"PRAGMA journal_size_limit={_LOG_BYTES_KEPT_MAX}")
        # In one commit: whoever reads the file meanwhile sees nothing of it or all.
        self.db.executescript(f"BEGIN IMMEDIATE;{schema}PRAGMA user_version={layout_version};COMMIT;")

    def _identity(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_dev, found.st_ino
