"""`hubpulse backup` and `hubpulse restore`: what a data folder holds, copied while everything runs.

    FOLDER/buffer.db     buffer and ledger
    FOLDER/quarantine.db refused messages
    FOLDER/store.db      the embedded store, where that is in use
    FOLDER/accounts.db   who may sign in to the board, passwords hashed
    FOLDER/estate.yaml
    FOLDER/publication-*.json  figures as they were published
    FOLDER/audits.db     counts by hand, where there are any
    FOLDER/backup.json   what each file's content must be

The buffer is copied first: a reading leaves the buffer once it is in the store, so it is in one of the two copies at
least, and writing it again does no harm. The other way round it could be in neither.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict, ValidationError

from cli.context import DataOption, EstateOption, load_settings, new_app, out
from dashboards.access.accounts import ACCOUNTS_FILE
from ingest.buffer_file import OURS
from schemas import HubpulseError
from schemas.localtime import rfc3339
from usage.audits.records import FILE_NAME as AUDITS
from usage.publishing.folder import PUBLICATIONS

ESTATE = "estate.yaml"
_CONTENTS = "backup.json"
_FOLDER_MODE, _FILE_MODE, _ESTATE_MODE = 0o700, 0o600, 0o644
_PAGES_AT_ONCE = 4096
_LOCK_WAIT_S = 30.0


class Contents(BaseModel):
    """backup.json: when the backup was made, and the SHA-256 of each file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    made_at: str
    sha256: dict[str, str]


FolderArgument = Annotated[Path, typer.Argument(help="The backup's folder.")]


app = new_app()


@app.command("backup", epilog="Example: hubpulse backup /srv/backups/$(date +%F)")
def backup(folder: FolderArgument, data: DataOption = None, estate: EstateOption = None) -> None:
    """Copy buffer, embedded store and estate file into a new folder, while everything runs.

    InfluxDB has backups of its own (docs/deployment.md); make them after this one.
    """
    from schemas.settings import ESTATE_FILE

    settings = load_settings(data=data, estate=estate)
    names = [name for name in (*OURS, ACCOUNTS_FILE) if (settings.data_dir / name).exists()]
    if not names:
        raise HubpulseError(f"nothing to back up in {settings.data_dir}: check --data or HUBPULSE_DATA_DIR")
    estate_path = settings.estate or ESTATE_FILE
    with _whole_folder(folder) as new:
        for name in names:
            copy_database(settings.data_dir / name, new / name)
        if (settings.audits_folder / AUDITS).exists():
            copy_database(settings.audits_folder / AUDITS, new / AUDITS)
        for file in settings.data_dir.glob(PUBLICATIONS):
            shutil.copyfile(file, new / file.name)
        if settings.estate or estate_path.exists():
            shutil.copyfile(estate_path, new / ESTATE)
        kept = {file.name: _sha256(file) for file in sorted(new.iterdir())}
        contents = Contents(made_at=rfc3339(time.time_ns()), sha256=kept)
        (new / _CONTENTS).write_text(contents.model_dump_json(indent=2) + "\n", encoding="utf-8")
    out.print(f"{folder}: {', '.join(kept)}")
    if settings.store == "influxdb":
        out.print("The readings are in InfluxDB: back it up now, after this (docs/deployment.md).")


@app.command("restore", epilog="Example: hubpulse restore /srv/backups/2026-11-22 --data /var/lib/hubpulse")
def restore(folder: FolderArgument, data: DataOption = None, estate: EstateOption = None) -> None:
    """Put a backup into a data folder that is still empty. Stop ingest, jobs and board before.

    An estate file that is there already stays as it is.
    """
    from schemas.settings import ESTATE_FILE

    settings = load_settings(data=data, estate=estate)
    names = _checked(folder)
    places = {
        name: (settings.audits_folder if name == AUDITS else settings.data_dir) / name
        for name in names
        if name != ESTATE
    }
    for place in places.values():
        if place.exists():
            raise HubpulseError(f"{place} is there already: move it away first, or choose another --data")
    estate_path = settings.estate or ESTATE_FILE
    with _failures(settings.data_dir):
        for name, place in places.items():
            place.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            _put(folder / name, place, mode=_FILE_MODE)
            out.print(f"restored {place}")
        if ESTATE in names and not estate_path.exists():
            _put(folder / ESTATE, estate_path, mode=_ESTATE_MODE)
            out.print(f"restored {estate_path}")
        elif ESTATE in names:
            out.print(f"kept {estate_path} as it is; the backup's is {folder / ESTATE}")


def copy_database(source: Path, target: Path) -> None:
    """Copy a SQLite file that others may be writing to: the state of one moment, whole."""
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=_LOCK_WAIT_S)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            # Held for the whole copy: a writer goes on in the log and never makes the copy start over.
            live.isolation_level = None
            live.execute("BEGIN")
            live.execute("SELECT count(*) FROM sqlite_master").fetchone()
            live.backup(copy, pages=_PAGES_AT_ONCE)
            _check(copy)
            # A single file, without a log beside it.
            copy.execute("PRAGMA journal_mode=DELETE")
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise HubpulseError(f"{source} can't be copied ({error}): see `hubpulse doctor`") from error


def _check(db: sqlite3.Connection) -> None:
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"damaged: {' '.join(found.split())}")


def _checked(folder: Path) -> list[str]:
    """The names of a backup's files, each as it was when the backup was made."""
    try:
        contents = Contents.model_validate_json((folder / _CONTENTS).read_bytes())
        actual = {name: _sha256(folder / name) for name in contents.sha256}
    except OSError as error:
        raise HubpulseError(f"{error.filename} can't be read ({error.strerror}): is it a whole backup?") from error
    except ValidationError as error:
        raise HubpulseError(
            f"{folder / _CONTENTS} is not what `hubpulse backup` writes: take another backup"
        ) from error
    for name, digest in actual.items():
        is_ours = name in (*OURS, ESTATE, AUDITS) or (fnmatchcase(name, PUBLICATIONS) and Path(name).name == name)
        if not is_ours or digest != contents.sha256[name]:
            raise HubpulseError(f"{folder / name} is not what was backed up: take another backup")
    return list(actual)


def _put(source: Path, target: Path, *, mode: int) -> None:
    """Copy a file so that it is there whole or not at all, also after a power cut."""
    new = target.with_name(f"{target.name}.new")
    new.touch(mode)
    shutil.copyfile(source, new)
    _sync(new)
    new.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, which gets its name once all is in it and on the disk."""
    if folder.exists():
        raise HubpulseError(f"{folder} is there already: give every backup a folder of its own")
    new = folder.with_name(f"{folder.name}.unfinished")
    with _failures(folder):
        shutil.rmtree(new, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        # The quarantine holds whatever was sent: for nobody else to read.
        new.mkdir(mode=_FOLDER_MODE)
        try:
            yield new
            for path in (*new.iterdir(), new):
                _sync(path)
            new.replace(folder)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise


@contextmanager
def _failures(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or place
        raise HubpulseError(
            f"{where} can't be used ({error.strerror}): check its rights and the room on the disk"
        ) from error
