"""What a power cut leaves of SQLite's files: each as it was when it was last synced.

SQLite opens and syncs files through a table of functions, its VFS (https://sqlite.org/vfs.html). Ours are put into the
one that it uses: they call what was there before, then keep a copy of the file. No copy is kept of what was only
written, so a commit that nobody synced is gone after `power_cut`.
"""

import _sqlite3
import ctypes
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MAIN_DB, _WAL = 0x100, 0x80000
_METHODS = 18  # of version 3 of sqlite3_io_methods
_X_READ, _X_SYNC, _X_FILE_SIZE = 1, 4, 5

_Open = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_Read = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_FileSize = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64))


class _IoMethods(ctypes.Structure):
    _fields_ = (("version", ctypes.c_int), ("methods", ctypes.c_void_p * _METHODS))


class _File(ctypes.Structure):
    _fields_ = (("methods", ctypes.POINTER(_IoMethods)),)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("file_bytes", ctypes.c_int),
        ("path_max", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("app_data", ctypes.c_void_p),
        ("open", ctypes.c_void_p),
    )


_started: list["SyncRecorder"] = []
"""SQLite calls them as long as the process lives."""


class SyncRecorder:
    """Keeps a copy of each database and log of this process, as it was last synced, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: dict[int, str] = {}
        self._tables: dict[int, _Table] = {}
        find = ctypes.CDLL(_sqlite3.__file__).sqlite3_vfs_find
        find.restype = ctypes.POINTER(_Vfs)
        self._vfs = find(None).contents
        self._open_before = _Open(self._vfs.open)
        self._open_ours = _Open(self._open)

    def start(self) -> None:
        """From here on; to be called before anything is opened."""
        self._vfs.open = ctypes.cast(self._open_ours, ctypes.c_void_p).value
        _started.append(self)

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out_flags: int) -> int:
        answer: int = self._open_before(vfs, name, file, flags, out_flags)
        if answer == 0 and name and flags & (_MAIN_DB | _WAL):
            self._paths[file] = os.fsdecode(ctypes.string_at(name))
            opened = _File.from_address(file)
            table = self._table(opened.methods)
            opened.methods = ctypes.pointer(table.methods)
            # A file that is opened empty was never synced, whatever had its inode before.
            path = Path(self._paths[file])
            if not path.stat().st_size or not copy_of(self._folder, path).exists():
                self._keep(table, file)
        return answer

    def _table(self, methods: Any) -> "_Table":
        address = ctypes.addressof(methods.contents)
        if address not in self._tables:
            self._tables[address] = _Table(methods.contents, on_sync=self._keep)
        return self._tables[address]

    def _keep(self, table: "_Table", file: int) -> None:
        keep(self._folder, Path(self._paths[file]), lambda: table.content(file))


class _Table:
    """The functions of an open file, of which ours syncs."""

    def __init__(self, before: _IoMethods, *, on_sync: Callable[["_Table", int], None]) -> None:
        self.methods = _IoMethods.from_buffer_copy(before)
        self._read = _Read(before.methods[_X_READ])
        self._file_size = _FileSize(before.methods[_X_FILE_SIZE])
        self._sync_before = _Sync(before.methods[_X_SYNC])
        self._sync_ours = _Sync(self._sync)
        self._on_sync = on_sync
        self.methods.methods[_X_SYNC] = ctypes.cast(self._sync_ours, ctypes.c_void_p).value

    def content(self, file: int) -> bytes:
        """All of a file. It is not opened once more: closing that would give up the locks that SQLite has on it."""
        size = ctypes.c_int64()
        self._file_size(file, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(max(size.value, 1))
        self._read(file, ctypes.addressof(buffer), size.value, 0)
        return buffer.raw[: size.value]

    def _sync(self, file: int, flags: int) -> int:
        answer: int = self._sync_before(file, flags)
        if answer == 0:
            self._on_sync(self, file)
        return answer


def keep(folder: Path, path: Path, content: Callable[[], bytes]) -> None:
    """Keep what a file has now; harmless where it was deleted meanwhile.

    One after the other: who checkpoints syncs the log while another one commits, and an older copy may not win.
    """
    try:
        target = copy_of(folder, path)
    except FileNotFoundError:
        return
    with target.with_name(f"{target.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh = target.with_name(f"{target.name}.new")
        fresh.write_bytes(content())
        fresh.replace(target)


def copy_of(folder: Path, path: Path) -> Path:
    """Where the copy of a file is. Raises FileNotFoundError.

    By its name, too: a file that was made elsewhere and moved here may have the inode of one that is gone.
    """
    return folder / f"{path.stat().st_ino}-{path.name}"


def power_cut(folder: Path, data: Path) -> None:
    """Put the files of a data folder back to what was synced of them. Whoever had them open is ended before."""
    for path in [*data.glob("*.db"), *data.glob("*.db-wal")]:
        copy = copy_of(folder, path)
        if copy.exists():
            shutil.copyfile(copy, path)
    for path in data.glob("*.db-shm"):
        path.unlink()
