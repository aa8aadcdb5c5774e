"""One SQLite file: how it is opened, what a transaction is, how its layout grows, and what its failures mean."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import sqlite3
import stat
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stores.protocol import StoreError
from stores.salvage import DAMAGED, finish_salvage, mark_of, remember, report_if_gone, suspect
from stores.sqlite_log import loses_commits

LOCK_WAIT_S = 5.0
_BESIDE_BYTES = 64 * 1024
FOLDER_MODE, FILE_MODE = 0o700, 0o600
"""What was sent, and where people were and when, is for nobody else of the machine to read."""
MOVED, LATER_LAYOUT, NOT_THERE, NOT_MADE, SHARED = -1, -2, -3, -4, -5
"""Codes for what is wrong with a file, beside SQLite's own."""

TRANSIENT = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_LOCKED = "is locked by another process: find out which one holds it for so long"
_CLOSED = "can't be opened: check the owner and mode of the file and its folder"
_SENTENCES = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_FULL: "is on a full disk: free some space",
    sqlite3.SQLITE_IOERR: "can't be read or written by the disk: look at the system's log",
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_NOTADB: "is not a SQLite database: move the file away, restore a backup or choose another --data",
    sqlite3.SQLITE_READONLY: "can't be written: check the owner and mode of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: _CLOSED,
    sqlite3.SQLITE_PERM: _CLOSED,
    MOVED: "was moved away while in use: put it back, then start again",
    NOT_MADE: "is empty, or not one of Hubpulse's: check --data or HUBPULSE_DATA_DIR, or restore a backup",
    NOT_THERE: "is not there: check --data or HUBPULSE_DATA_DIR",
}

# Zeros over what is deleted, in each build of SQLite: it would come back where the free pages' list is damaged. FAST
# writes them within pages alone, not over those that are given back.
_WITH_ZEROS, _WITHIN_PAGES = "PRAGMA secure_delete = ON", "PRAGMA secure_delete = FAST"
_SALVAGED = "let ingest keep what is whole in it, restore a backup or move the file away"
_NOT_SALVAGED = "restore a backup, or move the file away and begin anew"

_turns: weakref.WeakValueDictionary[Path, threading.Lock] = weakref.WeakValueDictionary()

Migration = Callable[[sqlite3.Connection], None]
"""Brings a file from one layout to the next, within a transaction."""


class SqliteFileError(StoreError):
    """A failure of SQLite or of the disk, as a sentence. `code` is SQLite's primary result code, or one of ours."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


class SqliteFile:
    """A connection to one of our files, opened at its first use.

    - Every commit is on the disk when it returns: write-ahead log with synchronous=FULL. With NORMAL, a power cut can
      undo what was already acknowledged.
    - `PRAGMA user_version` is the layout: so many of `migrations` were applied. `PRAGMA application_id` repeats it, so
      that a damaged number is not taken for that of a later Hubpulse. Opening the file to write applies the others in
      one transaction: a failed one leaves the file as it was. A later layout is neither touched nor read.
    - The file is looked at before every use. Where it was moved away or another has taken its place, that one is opened
      (`follows`), or it is an error: what is written to a file that nobody will open again is lost.
    - A file that is opened to read is never made, and nothing in it is changed.
    - Threads of a process that write to one file take turns, and the next one begins as soon as one ends. SQLite's own
      wait, which is left for other processes, sleeps for longer and longer until it looks again.
    """

    def __init__(  # noqa: PLR0913 - what a file is, each by its name
        self,
        path: Path,
        *,
        name: str,
        migrations: Sequence[Migration],
        read_only: bool = False,
        follows: bool = False,
        pragmas: Mapping[str, int] | None = None,
        on_open: Migration = lambda _db: None,
        error: Callable[[str, int], Exception] = SqliteFileError,
        salvaged: bool = False,
    ) -> None:
        """`name` is what errors call the file, `on_open` ends the transaction that opens it to write.

        `salvaged` says that ingest puts what is whole in it in its place, where it is damaged.
        """
        self.path = path
        self._name = name
        self._migrations = migrations
        self._read_only = read_only
        self._follows = follows
        self._pragmas = pragmas or {}
        self._on_open = on_open
        self._error = error
        self._mend = _SALVAGED if salvaged else _NOT_SALVAGED
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._let_go: Callable[[], object] = lambda: None
        self._turn = _turns.setdefault(path.absolute(), threading.Lock())

    def connection(self) -> sqlite3.Connection:
        """The open file. Raises what is wrong with it."""
        if self._db is not None and self._db.in_transaction:
            return self._db  # looked at as the transaction began
        with self.translated_errors():
            if self._db is not None and self._identity() != self._opened:
                if not self._follows:
                    raise self.problem(MOVED)
                self.close()
            return self._db or self._open()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing."""
        with _taking(self._turn):
            db = self.connection()
            with self.translated_errors(), _transaction(db):
                yield db

    @contextlib.contextmanager
    def leaving_bytes(self) -> Iterator[sqlite3.Connection]:
        """Write no zeros over the pages that are given back meanwhile: where no row can be found by them."""
        db = self.connection()
        db.execute(_WITHIN_PAGES)
        try:
            yield db
        finally:
            db.execute(_WITH_ZEROS)

    def one(self, query: str, parameters: Sequence[object] = ()) -> tuple[Any, ...] | None:
        """The first row of a query."""
        with self.translated_errors():
            row: tuple[Any, ...] | None = self.connection().execute(query, parameters).fetchone()
            return row

    def all(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Every row of a query that is known to have few."""
        with self.translated_errors():
            return self.connection().execute(query, parameters).fetchall()

    def rows(self, query: str, parameters: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, one by one."""
        with self.translated_errors(), contextlib.closing(self.connection().execute(query, parameters)) as found:
            yield from found

    def exists(self) -> bool:
        """Whether the file is there. Raises what is wrong where that can't be found out."""
        with self.translated_errors():
            return self.path.exists()

    def layout(self) -> int:
        """How many migrations the file has; 0 where nobody has made it yet."""
        (found,) = self.one("PRAGMA user_version") or (0,)
        return int(found)

    def used_and_reusable_bytes(self) -> tuple[int, int]:
        """Bytes of the file that hold something, and that held something and will be filled first."""
        query = "SELECT * FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        pages, free_pages, page_bytes = self.one(query) or (0, 0, 0)
        return (pages - free_pages) * page_bytes, free_pages * page_bytes

    @contextlib.contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Raise what SQLite or the disk could not do as a sentence of ours."""
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            code = self._code(error)
            if self._read_only and code in DAMAGED:
                suspect(self.path)
            if self._follows and code not in TRANSIENT:
                self.close()
            raise self.problem(code, f"failed ({error}): see docs/stores.md") from error

    def problem(self, code: int, otherwise: str = "") -> Exception:
        """The error of a code; `otherwise` says what it is where the code does not."""
        mend = f": {self._mend}" if code == sqlite3.SQLITE_CORRUPT else ""
        return self._error(f"the {self._name} {self.path} {_SENTENCES.get(code) or otherwise}{mend}", code)

    def unusable(self, why: str) -> Exception:
        """The error that says what of the file's content is not as it must be; whoever mends it is told."""
        suspect(self.path)
        return self._error(f"the {self._name} {self.path} can't be used: {why}", sqlite3.SQLITE_CORRUPT)

    def close(self) -> None:
        """Close it; the next use opens it again."""
        if self._db is not None:
            self._db.close()
            self._db = None
        self._let_go()

    def _open(self) -> sqlite3.Connection:
        if not self._read_only:
            self.path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            finish_salvage(self.path)
        if self.path.exists() and not self.path.stat().st_size and self._has_log():
            raise self.problem(sqlite3.SQLITE_CORRUPT)  # SQLite, even to read, would delete the log, which may hold all
        if not self._read_only:
            report_if_gone(self.path)
            # SQLite gives the files beside it the mode of this one. It is made without being opened: closing a file
            # gives up every lock that the process has on it, and another process may then take away its log.
            with contextlib.suppress(FileExistsError):
                os.mknod(self.path, stat.S_IFREG | FILE_MODE)
            with contextlib.suppress(PermissionError):  # somebody else's, who let us write it
                self.path.chmod(self.path.stat().st_mode & stat.S_IRWXU)
        elif not self.path.exists():
            raise self.problem(NOT_THERE)
        if not self._read_only:
            return self._open_to_write()
        try:
            return self._connect("mode=ro")
        except sqlite3.Error as error:
            # Without room for a file beside it: whole as it is, where nobody has begun to write.
            if self._code(error) != sqlite3.SQLITE_FULL or self._has_log():
                raise
            return self._connect("mode=ro&immutable=1")

    def _open_to_write(self) -> sqlite3.Connection:
        # Whoever writes holds the mark beside the file, so that the first one knows.
        try:
            if self.path.stat().st_size:
                remember(self.path)
                with contextlib.suppress(BlockingIOError):
                    self._hold_mark(fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._require_whole_log()
                self._hold_mark(fcntl.LOCK_SH)
                return self._connect("mode=rwc")
            db = self._connect("mode=rwc")
            remember(self.path)
            self._hold_mark(fcntl.LOCK_SH)
        except BaseException:
            self.close()
            raise
        return db

    def _require_whole_log(self) -> None:
        """Raise where commits lie behind damage in the log: who is the first to write gives them up for good."""
        if loses_commits(self.path):
            raise self.unusable(f"its log has damage before its end: {self._mend}")

    def _hold_mark(self, how: int) -> None:
        """Hold it until the file is closed. Raises BlockingIOError where others do and `how` waits for nobody."""
        self._let_go()
        mark = os.open(mark_of(self.path), os.O_RDONLY)
        self._let_go = weakref.finalize(self, os.close, mark)
        fcntl.flock(mark, how)

    def _has_log(self) -> bool:
        log = self.path.with_name(f"{self.path.name}-wal")
        return log.exists() and log.stat().st_size > 0

    def _connect(self, how: str) -> sqlite3.Connection:
        # The thread that opens a file need not be the one that uses it.
        db = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?{how}",
            uri=True,
            timeout=LOCK_WAIT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self._opened = self._identity()
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        self._db = db
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        self._version(db)
        if self._read_only:
            return
        for pragma, value in self._pragmas.items():
            db.execute(f"PRAGMA {pragma} = {value}")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(_WITH_ZEROS)
        db.execute("PRAGMA journal_mode = WAL")
        # In one commit: whoever reads the file meanwhile sees nothing of it or all.
        with _transaction(db):
            missing = self._migrations[self._version(db) :]
            for migrate in missing:
                migrate(db)
            self._on_open(db)
            if missing:
                for pragma in ("user_version", "application_id"):
                    db.execute(f"PRAGMA {pragma} = {len(self._migrations)}")

    def _version(self, db: sqlite3.Connection) -> int:
        found, noted = db.execute("SELECT * FROM pragma_user_version, pragma_application_id").fetchone()
        known = len(self._migrations)
        if noted != found and (noted or found > known):
            raise self.unusable(f"its layout is noted as {found} and as {noted}")
        if found > known:
            sentence = (
                f"was written by a later Hubpulse (layout {found}, while this one knows {known}): install that version,"
                " or choose another data directory"
            )
            raise self.problem(LATER_LAYOUT, sentence)
        return int(found)

    def _code(self, error: Exception) -> int:
        """SQLite's primary result code, also for a failure of the operating system."""
        if isinstance(error, OSError):
            return sqlite3.SQLITE_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else sqlite3.SQLITE_CANTOPEN
        # Without a code it is Python's: what is read is not what was written.
        code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        return sqlite3.SQLITE_FULL if code == sqlite3.SQLITE_IOERR and self._is_disk_full() else code

    def _is_disk_full(self) -> bool:
        """Whether there is no room for the files beside this one, which SQLite calls a failure of the disk."""
        with contextlib.suppress(OSError):
            return shutil.disk_usage(self.path.parent).free < _BESIDE_BYTES
        return False

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino


def statements(*texts: str) -> Migration:
    """The migration that runs these statements."""

    def run(db: sqlite3.Connection) -> None:
        for text in texts:
            db.execute(text)

    return run


@contextlib.contextmanager
def _taking(turn: threading.Lock) -> Iterator[None]:
    """Wait for one's turn, but not for ever: who waits too long is told so by SQLite."""
    is_ours = turn.acquire(timeout=LOCK_WAIT_S)
    try:
        yield
    finally:
        if is_ours:
            turn.release()


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
