"""The audits of a folder, in one file: what was planned, the presses of the phone, and what came of it.

    audits.db   an audit is open until it is finished or its code expires; a press is there once, whoever sends it twice

The code of the phone's page is kept as a hash alone: who reads the file, or a backup, can't write to an audit.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Self

from schemas import HubpulseError, Sensor
from schemas.localtime import Span
from stores.sqlite_file import SqliteFile, statements

FILE_NAME = "audits.db"
PRESSES_MAX = 20_000
"""Presses of one audit: a day at a busy station."""
_CODE_BYTES = 16
_CODE_CHARACTERS_MAX = 64
_COLUMNS = "id, hub, sensor, made_ns, expires_ns, margin, people, target, every_s, device, result"
_MIGRATIONS = (
    statements(
        """
        CREATE TABLE audits (
            id TEXT PRIMARY KEY, code_sha256 TEXT NOT NULL UNIQUE, hub TEXT NOT NULL, sensor TEXT NOT NULL,
            made_ns INTEGER NOT NULL, expires_ns INTEGER NOT NULL, margin REAL NOT NULL, people INTEGER NOT NULL,
            target INTEGER NOT NULL, every_s INTEGER NOT NULL, device TEXT NOT NULL, result TEXT
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE presses (
            audit TEXT NOT NULL, id TEXT NOT NULL, what TEXT NOT NULL, time_ns INTEGER NOT NULL, undoes TEXT,
            PRIMARY KEY (audit, id)
        ) WITHOUT ROWID
        """,
    ),
)


class What(StrEnum):
    """What was pressed."""

    START = "start"
    STOP = "stop"
    IN = "in"
    OUT = "out"
    UNDO = "undo"


DIRECTIONS = {"entries": What.IN, "exits": What.OUT}


class Press(NamedTuple):
    """A press of the phone's page, under an id that the page gave it; an undo names the press that it takes back."""

    id: str
    what: What
    time_ns: int
    undoes: str | None = None


class Counted(NamedTuple):
    """How many people have been counted by hand, and whether that goes on."""

    entries: int
    exits: int
    is_counting: bool


class AuditError(HubpulseError):
    """An audit can't be what was asked for."""


@dataclass(frozen=True, slots=True)
class Audit:
    """A count by hand at a door. `people` coming in are compared, `target` are to be counted so that they are.

    `device` is what the estate file said of the door's device. `result` is there once the audit is finished.
    """

    id: str
    hub: str
    sensor: str
    made_ns: int
    expires_ns: int
    margin: float
    people: int
    target: int
    every_s: int
    device: str
    result: Mapping[str, Any] | None = None

    def is_open(self, now_ns: int) -> bool:
        """Whether presses are still taken."""
        return self.result is None and now_ns < self.expires_ns


class AuditFile:
    """The audits of a folder. Not shared between threads; a folder without audits has none, and is left as it is."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._reader = SqliteFile(self.path, name="file of audits", migrations=_MIGRATIONS, read_only=True)
        self._writer = SqliteFile(self.path, name="file of audits", migrations=_MIGRATIONS)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------------------ who reads

    def all(self) -> list[Audit]:
        """Every audit, the latest last."""
        return self._audits("ORDER BY made_ns, id")

    def get(self, audit: str) -> Audit:
        """The audit of that id. Raises AuditError, with those that there are."""
        for found in self._audits("WHERE id = ?", audit):
            return found
        known = ", ".join(each.id for each in self.all()[-10:]) or "none yet, `hubpulse audit start` makes one"
        raise AuditError(f"no audit {audit}; there are: {known}")

    def of_code(self, code: str, now_ns: int) -> Audit | None:
        """The open audit that a code is for."""
        if len(code) > _CODE_CHARACTERS_MAX:
            return None
        found = self._audits("WHERE code_sha256 = ?", _hash(code))
        return next((audit for audit in found if audit.is_open(now_ns)), None)

    def presses(self, audit: str) -> list[Press]:
        """The presses in order of time, without those that were taken back and what took them back."""
        rows = self._reader.all("SELECT id, what, time_ns, undoes FROM presses WHERE audit = ?", (audit,))
        taken_back = {undoes for *_, undoes in rows}
        kept = (Press(key, What(what), at, undoes) for key, what, at, undoes in rows if key not in taken_back)
        return sorted((press for press in kept if press.what is not What.UNDO), key=lambda press: press.time_ns)

    def counted(self, audit: str) -> Counted:
        """How many people have been counted by hand, and whether that goes on."""
        pressed = [press.what for press in self.presses(audit)]
        marks = [what for what in pressed if what in {What.START, What.STOP}]
        return Counted(pressed.count(What.IN), pressed.count(What.OUT), marks[-1:] == [What.START])

    # ----------------------------------------------------------------------------------------------------- who writes

    def start(self, audit: Audit) -> tuple[Audit, str]:
        """Keep an audit under an id that nobody has, and make its code. Raises AuditError where the door has one."""
        code = secrets.token_urlsafe(_CODE_BYTES)
        with self._writer.transaction() as db:
            taken = {key for (key,) in db.execute("SELECT id FROM audits")}
            busy = db.execute(
                "SELECT id FROM audits WHERE hub = ? AND sensor = ? AND result IS NULL AND expires_ns > ?",
                (audit.hub, audit.sensor, audit.made_ns),
            ).fetchone()
            if busy:
                raise AuditError(
                    f"{busy[0]} of this door is not finished: `hubpulse audit finish {busy[0]}`, or with --anyway"
                )
            names = (audit.id if n == 1 else f"{audit.id}-{n}" for n in count(1))
            audit = replace(audit, id=next(name for name in names if name not in taken))
            db.execute(
                f"INSERT INTO audits ({_COLUMNS}, code_sha256) VALUES ({', '.join('?' * 12)})",  # noqa: S608 - our own names
                (*_row(audit), _hash(code)),
            )
        return audit, code

    def take(self, audit: str, presses: Sequence[Press]) -> Counted:
        """Keep presses, each once. Raises AuditError beyond PRESSES_MAX."""
        with self._writer.transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO presses (audit, id, what, time_ns, undoes) VALUES (?, ?, ?, ?, ?)",
                [(audit, press.id, str(press.what), press.time_ns, press.undoes) for press in presses],
            )
            (kept,) = db.execute("SELECT count(*) FROM presses WHERE audit = ?", (audit,)).fetchone()
            if kept > PRESSES_MAX:
                raise AuditError(f"an audit takes {PRESSES_MAX:,} presses: finish it, and start another")
        return self.counted(audit)

    def finish(self, audit: Audit, result: Mapping[str, Any]) -> Audit:
        """Keep what came of an audit, once. Raises AuditError where somebody else was sooner."""
        with self._writer.transaction() as db:
            found = db.execute(
                "UPDATE audits SET result = ? WHERE id = ? AND result IS NULL", (json.dumps(result), audit.id)
            )
            if not found.rowcount:
                raise AuditError(f"{audit.id} is finished already: `hubpulse audit list --show {audit.id}`")
        return replace(audit, result=result)

    def _audits(self, which: str, *values: str) -> list[Audit]:
        if not self._reader.exists():
            return []
        return [_audit(row) for row in self._reader.all(f"SELECT {_COLUMNS} FROM audits {which}", values)]  # noqa: S608 - our own words


def observed(presses: Iterable[Press], now_ns: int) -> list[Span]:
    """The time in which somebody counted: from each start to the next stop, or until now."""
    spans, since_ns = [], None
    for press in presses:
        if press.what is What.START and since_ns is None:
            since_ns = press.time_ns
        elif press.what is What.STOP and since_ns is not None:
            spans.append(Span(since_ns, press.time_ns))
            since_ns = None
    return spans if since_ns is None else [*spans, Span(since_ns, max(since_ns, now_ns))]


def device_of(sensor: Sensor | None) -> str:
    """What of the estate file makes a door's device another one: a factor holds for one device alone."""
    if sensor is None:
        return ""
    parts = (sensor.device or "", sensor.model or "", "swapped" if sensor.swapped else "")
    return " ".join(filter(None, parts))


def _row(audit: Audit) -> tuple[Any, ...]:
    return (
        *(audit.id, audit.hub, audit.sensor, audit.made_ns, audit.expires_ns, audit.margin),
        *(audit.people, audit.target, audit.every_s, audit.device, None),
    )


def _audit(row: Sequence[Any]) -> Audit:
    *known, result = row
    audit = Audit(*known)
    return audit if result is None else replace(audit, result=json.loads(result))


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
