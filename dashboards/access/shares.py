"""Links by which somebody without an account reads one report: a frozen copy of a file, for some days, until revoked.

The link's secret (256 random bits) is kept as a hash alone: who reads the file, or a backup, can open no link.
"""

from __future__ import annotations

import hmac
import secrets
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboards.access.sessions import digest
from dashboards.media_types import MEDIA_TYPES
from schemas.errors import HubpulseError
from stores.sqlite_file import SqliteFile, statements

FILE_NAME = "shares.db"
BYTES_MAX = 32 * 1024**2
SHARES_MAX = 500
DAYS_MAX = 366
_SECRET_CHARACTERS_MAX = 64
_COLUMNS = "id, name, media_type, made_s, account, expires_s, revoked"
_LAYOUT = statements(
    """
    CREATE TABLE shares (
        id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, name TEXT NOT NULL, media_type TEXT NOT NULL,
        made_s INTEGER NOT NULL, account TEXT NOT NULL, expires_s INTEGER NOT NULL, revoked INTEGER NOT NULL,
        content BLOB NOT NULL
    ) STRICT
    """,
)


@dataclass(frozen=True, slots=True)
class Share:
    """A link: what it shows, who made it, until when it is good (seconds since 1970)."""

    id: int
    name: str
    media_type: str
    made_s: int
    account: str
    expires_s: int
    revoked: bool

    def is_good(self, now_s: float) -> bool:
        """Whether it still shows anything."""
        return not self.revoked and now_s < self.expires_s


class Shares:
    """The links of a folder; each call opens the file by itself."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    def add(self, content: bytes, name: str, *, account: str, now_s: int, expires_s: int) -> str:
        """Share a copy of a file by its bytes; the secret of the link, told once. Raises HubpulseError."""
        media_type = MEDIA_TYPES.get(name.rpartition(".")[2].lower())
        if media_type is None:
            raise HubpulseError(f"{name} can't be shared: share a file that ends with .{', .'.join(MEDIA_TYPES)}")
        if len(content) > BYTES_MAX:
            raise HubpulseError(f"{name} is larger than {BYTES_MAX // 1024**2} MB: share a shorter report")
        secret = secrets.token_urlsafe(32)
        with closing(self._file()) as file, file.transaction() as db:
            db.execute("DELETE FROM shares WHERE expires_s <= ?", (now_s - DAYS_MAX * 86_400,))
            db.execute("UPDATE shares SET content = x'' WHERE expires_s <= ?", (now_s,))
            good = db.execute("SELECT count(*) FROM shares WHERE NOT revoked AND expires_s > ?", (now_s,))
            (count,) = good.fetchone()
            if count >= SHARES_MAX:
                raise HubpulseError(f"{SHARES_MAX} links are good already: revoke some (`hubpulse shares list`)")
            db.execute(
                "INSERT INTO shares (digest, name, media_type, made_s, account, expires_s, revoked, content) "
                "VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
                (digest(secret), name, media_type, now_s, account, expires_s, content),
            )
        return secret

    def all(self) -> list[Share]:
        """Every link, the latest last."""
        if not self.path.exists():
            return []
        with closing(self._file(read_only=True)) as file:
            return [_share(row) for row in file.all(f"SELECT {_COLUMNS} FROM shares ORDER BY id")]  # noqa: S608 - ours

    def revoke(self, share: int) -> None:
        """End a link at once, and forget its copy. Raises HubpulseError where there is none of that number."""
        if share not in {each.id for each in self.all()}:
            raise HubpulseError(f"no link {share}: `hubpulse shares list` tells which there are")
        with closing(self._file()) as file, file.transaction() as db:
            db.execute("UPDATE shares SET revoked = 1, content = x'' WHERE id = ?", (share,))

    def open(self, secret: str, now_s: float) -> tuple[Share, bytes] | None:
        """What a link shows, while it is good. Takes the same way for a secret that is none."""
        if len(secret) > _SECRET_CHARACTERS_MAX or not self.path.exists():
            return None
        kept = digest(secret)
        with closing(self._file(read_only=True)) as file:
            row = file.one(f"SELECT {_COLUMNS}, digest, content FROM shares WHERE digest = ?", (kept,))  # noqa: S608 - ours
        if row is None or not hmac.compare_digest(row[-2], kept):
            return None
        share = _share(row[:-2])
        return (share, bytes(row[-1])) if share.is_good(now_s) else None

    def _file(self, *, read_only: bool = False) -> SqliteFile:
        return SqliteFile(self.path, name="file of share links", migrations=(_LAYOUT,), read_only=read_only)


def _share(row: tuple[Any, ...]) -> Share:
    number, name, media_type, made_s, account, expires_s, revoked = row
    return Share(number, name, media_type, made_s, account, expires_s, bool(revoked))
