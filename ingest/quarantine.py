"""Refused messages: listed, shown, sent again once the cause is fixed, or purged. Any process may do it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ingest.buffer import read_ledger
from ingest.buffer_file import FILE_NAME
from ingest.ledger import Ledger
from schemas.errors import HubpulseError
from schemas.localtime import from_ns
from schemas.readings import Reason, Refusal

_BUSY_TIMEOUT_S = 10
_SELECT = "SELECT id, received_ns, topic, payload, reason, detail FROM quarantine"


class Quarantine:
    """The quarantine and the ledger of a data folder, for reading."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE_NAME
        nothing = (
            f"no buffer at {self._path}: nothing was received into this folder yet; check --data or HUBPULSE_DATA_DIR"
        )
        if not self._path.exists():
            raise HubpulseError(nothing)
        with self._failures():
            self._db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=_BUSY_TIMEOUT_S)
            made = self._db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'ledger'").fetchone()[0]
        if not made:  # ingest is about to make it
            self._db.close()
            raise HubpulseError(nothing)

    def find(self, *, reason: Reason | None = None, limit: int) -> Iterator[Refusal]:
        """The newest refusals first, of one reason or of all."""
        query = f"{_SELECT} WHERE reason = coalesce(?, reason) ORDER BY id DESC LIMIT ?"
        with self._failures(), closing(self._db.execute(query, (reason, limit))) as rows:
            for row in rows:
                yield _refusal(row)

    def get(self, refusal_id: int) -> Refusal:
        """One refusal. Raises HubpulseError where there is none of that id."""
        with self._failures():
            row = self._db.execute(f"{_SELECT} WHERE id = ?", (refusal_id,)).fetchone()
        if row is None:
            raise HubpulseError(f"no refusal {refusal_id} in the quarantine: `hubpulse quarantine list` shows the ids")
        return _refusal(row)

    def counts(self) -> dict[str, int]:
        """How many messages are in the quarantine, by reason."""
        with self._failures():
            return dict(self._db.execute("SELECT reason, count(*) FROM quarantine GROUP BY reason ORDER BY 2 DESC"))

    def ledger(self) -> Ledger:
        """The ledger after the last commit."""
        with self._failures():
            return read_ledger(self._db)

    def status(self) -> dict[str, str]:
        """What ingest's parts last reported, as JSON by name."""
        with self._failures():
            return dict(self._db.execute("SELECT name, value FROM status"))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise HubpulseError(f"buffer {self._path} can't be read ({error}): is it damaged, or not yours?") from error


def _refusal(row: tuple[int, int, str, bytes, str, str]) -> Refusal:
    refusal_id, received_ns, topic, payload, reason, detail = row
    return Refusal(
        id=refusal_id,
        received_at=from_ns(received_ns),
        topic=topic,
        payload=payload,
        reason=Reason(reason),
        detail=detail,
    )
