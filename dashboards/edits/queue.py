"""The edits of a folder, in one file: what was asked for, by whom, and what became of it.

edits.db    waiting -> applying -> done | refused; the last `KEPT_MAX` are kept
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dashboards.edits.requests import Adopt, Hours, Request
from schemas.errors import HubpulseError
from schemas.texts import _
from stores.sqlite_file import SqliteFile, statements

FILE_NAME = "edits.db"
WAITING_MAX = 20
KEPT_MAX = 10_000
SENTENCE_CHARACTERS_MAX, DIFFERENCE_CHARACTERS_MAX = 500, 20_000
APPLYING_MAX_S = 1800
"""Whoever is still at it after that has ended in the middle."""
_COLUMNS = "id, made_s, account, kind, request, file_sha256, state, changed_s, sentence, difference"
_LAYOUT = statements(
    """
    CREATE TABLE edits (
        id INTEGER PRIMARY KEY AUTOINCREMENT, made_s INTEGER NOT NULL, account TEXT NOT NULL, kind TEXT NOT NULL,
        request TEXT NOT NULL, file_sha256 TEXT NOT NULL, state TEXT NOT NULL, changed_s INTEGER NOT NULL,
        sentence TEXT NOT NULL, difference TEXT NOT NULL
    ) STRICT
    """,
)


class EditError(HubpulseError):
    """An edit can't be taken, or can't be done."""


class State(StrEnum):
    """How far an edit is."""

    WAITING = "waiting"
    APPLYING = "applying"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Edit:
    """What somebody asked for. `request` is its JSON; `file_sha256` is that of the estate file that it is to change.

    `sentence` says what became of it, `difference` what changed in the file. Times are seconds since 1970.
    """

    id: int
    made_s: int
    account: str
    kind: str
    request: str
    file_sha256: str
    state: State
    changed_s: int
    sentence: str
    difference: str

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done."""
        return self.state in {State.WAITING, State.APPLYING}


class EditFile:
    """The edits of a folder; each call opens the file by itself. A folder without edits has none, and stays so."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    def recent(self, count: int) -> list[Edit]:
        """The latest edits, the last one first."""
        if not self.path.exists():
            return []
        with closing(self._file(read_only=True)) as file:
            query = f"SELECT {_COLUMNS} FROM edits ORDER BY id DESC LIMIT ?"  # noqa: S608 - names of ours
            return [_edit(row) for row in file.all(query, (count,))]

    def add(self, request: Request, account: str, *, now_s: int, file_sha256: str = "", difference: str = "") -> int:
        """Write down an edit; its id. Raises EditError where another one has to be done first."""
        with closing(self._file()) as file, file.transaction() as db:
            waiting = [
                _edit(row)
                for row in db.execute(f"SELECT {_COLUMNS} FROM edits WHERE state IN ('waiting', 'applying')")  # noqa: S608 - likewise
            ]
            before = next((edit for edit in waiting if edit.file_sha256), None)
            if isinstance(request, Hours | Adopt) and before is not None:
                still = _("what {account} asked for is still to be done: wait for it, then look again")
                raise EditError(still.format(account=before.account))
            if len(waiting) >= WAITING_MAX:
                many = _("{edits} edits wait already: is `hubpulse up` or `hubpulse jobs` running?")
                raise EditError(many.format(edits=WAITING_MAX))
            row = (now_s, account, request.kind, request.model_dump_json(), file_sha256, State.WAITING, now_s, "")
            added = db.execute(
                f"INSERT INTO edits ({_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - likewise
                (*row, difference[:DIFFERENCE_CHARACTERS_MAX]),
            )
            db.execute("DELETE FROM edits WHERE id <= ?", ((added.lastrowid or 0) - KEPT_MAX,))
            return int(added.lastrowid or 0)

    def take(self, now_s: int) -> Edit | None:
        """The oldest edit that waits, which nobody else is given from now on."""
        if not any(edit.is_open for edit in self.recent(WAITING_MAX)):
            return None
        with closing(self._file()) as file, file.transaction() as db:
            lost = _("jobs ended in the middle of it: look at what was changed, then ask again if need be")
            db.execute(
                "UPDATE edits SET state = 'refused', sentence = ?, changed_s = ? "
                "WHERE state = 'applying' AND changed_s < ?",
                (lost, now_s, now_s - APPLYING_MAX_S),
            )
            row = db.execute(
                "UPDATE edits SET state = 'applying', changed_s = ? "  # noqa: S608 - names of ours
                f"WHERE id = (SELECT min(id) FROM edits WHERE state = 'waiting') RETURNING {_COLUMNS}",
                (now_s,),
            ).fetchone()
        return None if row is None else _edit(row)

    def finish(self, edit: int, state: State, sentence: str, *, now_s: int) -> None:
        """Write down what became of an edit."""
        with closing(self._file()) as file, file.transaction() as db:
            db.execute(
                "UPDATE edits SET state = ?, sentence = ?, changed_s = ? WHERE id = ?",
                (state, sentence[:SENTENCE_CHARACTERS_MAX], now_s, edit),
            )

    def _file(self, *, read_only: bool = False) -> SqliteFile:
        return SqliteFile(self.path, name="file of edits", migrations=(_LAYOUT,), read_only=read_only)


def _edit(row: Sequence[object] | sqlite3.Row) -> Edit:
    number, made_s, account, kind, request, digest, state, changed_s, sentence, difference = row
    return Edit(
        int(str(number)),
        int(str(made_s)),
        str(account),
        str(kind),
        str(request),
        str(digest),
        State(str(state)),
        int(str(changed_s)),
        str(sentence),
        str(difference),
    )
