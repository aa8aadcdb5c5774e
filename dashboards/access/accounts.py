"""The accounts of a data folder: who there is, with which role, for which hubs, and the tokens of programs.

Passwords are kept as argon2id hashes, tokens as SHA-256 of 256 random bits: neither can be read out of the file.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from schemas.errors import HubpulseError
from stores.sqlite_file import SqliteFile

ACCOUNTS_FILE = "accounts.db"
ADMIN = "admin"
PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX = 12, 256
NAME_PATTERN = r"[a-z0-9][a-z0-9._@-]{0,63}"
_TOKEN_PREFIX = "hp_"  # noqa: S105 - what a token begins with, so that a lost one is recognised


class Role(StrEnum):
    """What somebody may do. The board only shows so far, so that each sees the same."""

    VIEWER = "viewer"
    MANAGER = "manager"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in; `hubs` are all that are seen, or None for every hub."""

    name: str
    role: Role
    hubs: frozenset[str] | None = None


def _first_layout(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE accounts (name TEXT PRIMARY KEY, password TEXT NOT NULL, role TEXT NOT NULL, hubs TEXT) STRICT"
    )
    db.execute(
        "CREATE TABLE tokens (digest BLOB PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE, "
        "label TEXT NOT NULL, expires_s INTEGER NOT NULL) STRICT"
    )


class Accounts:
    """The accounts in a file of the data folder (none without a folder), and that of `admin_password`, in no file."""

    def __init__(self, data_dir: Path | None, *, admin_password: str | None = None) -> None:
        self.path = (data_dir or Path(os.devnull)) / ACCOUNTS_FILE
        self._admin_password = admin_password

    # ------------------------------------------------------------------------------------------------ to be looked up

    def names(self) -> list[str]:
        """Who may sign in."""
        return sorted({account.name for account in self.all()} | ({ADMIN} if self._admin_password else set()))

    def all(self) -> list[Account]:
        """The accounts of the file."""
        if not self.path.exists():
            return []
        with self._reading() as file:
            return [_account(*row) for row in file.all("SELECT name, role, hubs FROM accounts ORDER BY name")]

    def find(self, name: str) -> Account | None:
        """The account of that name, if it is still there."""
        if name == ADMIN and self._admin_password:
            return Account(ADMIN, Role.ADMIN)
        return next((account for account in self.all() if account.name == name), None)

    def stamp(self, name: str) -> str:
        """What changes with an account's password; "" where there is none of that name."""
        known = self._admin_password if name == ADMIN and self._admin_password else self._password_of(name)
        return "" if known is None else hashlib.sha256(known.encode()).hexdigest()

    def signed_in(self, name: str, password: str) -> Account | None:
        """The account that the password is of. Takes as long for a name that nobody has."""
        from argon2 import PasswordHasher  # noqa: PLC0415 - only who signs in needs it
        from argon2.exceptions import Argon2Error, InvalidHashError  # noqa: PLC0415 - likewise

        if name == ADMIN and self._admin_password:
            is_right = secrets.compare_digest(password.encode(), self._admin_password.encode())
            return Account(ADMIN, Role.ADMIN) if is_right else None
        stored = self._password_of(name)
        try:
            PasswordHasher().verify(stored or _nobodys_password(), password)
        except (Argon2Error, InvalidHashError):
            return None
        return self.find(name)

    def of_token(self, token: str, now_s: int) -> Account | None:
        """The account that a token is of, unless it has expired."""
        if not self.path.exists():
            return None
        query = "SELECT name, role, hubs FROM tokens JOIN accounts ON account = name WHERE digest = ? AND expires_s > ?"
        with self._reading() as file:
            row = file.one(query, (_digest(token), now_s))
        return None if row is None else _account(*row)

    def tokens(self) -> list[tuple[str, str, int]]:
        """Each token's account, label, and when it expires, in seconds since 1970."""
        if not self.path.exists():
            return []
        with self._reading() as file:
            return [(str(a), str(b), int(c)) for a, b, c in file.all("SELECT account, label, expires_s FROM tokens")]

    # ---------------------------------------------------------------------------------------------------- to be changed

    def add(self, name: str, password: str, role: Role, hubs: Collection[str] | None = None) -> None:
        """Add an account, or give the one of that name another password, role and hubs."""
        from argon2 import PasswordHasher  # noqa: PLC0415 - slow to import

        if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
            raise HubpulseError(
                f"a password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters: take another"
            )
        with self._changing() as db:
            db.execute(
                "INSERT INTO accounts VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                "password = excluded.password, role = excluded.role, hubs = excluded.hubs",
                (name, PasswordHasher().hash(password), role, None if hubs is None else " ".join(sorted(hubs))),
            )

    def remove(self, name: str) -> None:
        """Remove an account and its tokens. Raises HubpulseError where there is none."""
        with self._changing() as db:
            if not db.execute("DELETE FROM accounts WHERE name = ?", (name,)).rowcount:
                raise self._unknown(name)

    def add_token(self, name: str, label: str, expires_s: int) -> str:
        """Make a token for an account's programs. It is told once."""
        token = _TOKEN_PREFIX + secrets.token_urlsafe(32)
        if name not in {account.name for account in self.all()}:
            raise self._unknown(name)
        with self._changing() as db:
            db.execute("DELETE FROM tokens WHERE account = ? AND label = ?", (name, label))
            db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?)", (_digest(token), name, label, expires_s))
        return token

    def remove_token(self, name: str, label: str) -> None:
        """Remove an account's token. Raises HubpulseError where there is none of that label."""
        with self._changing() as db:
            if not db.execute("DELETE FROM tokens WHERE account = ? AND label = ?", (name, label)).rowcount:
                raise HubpulseError(f"{name} has no token {label!r}: `hubpulse users list` tells which there are")

    def _unknown(self, name: str) -> HubpulseError:
        known = ", ".join(account.name for account in self.all()) or "none yet, `hubpulse users add` makes one"
        return HubpulseError(f"no account {name!r} in {self.path}; there are: {known}")

    def _password_of(self, name: str) -> str | None:
        if not self.path.exists():
            return None
        with self._reading() as file:
            row = file.one("SELECT password FROM accounts WHERE name = ?", (name,))
        return None if row is None else str(row[0])

    @contextmanager
    def _reading(self) -> Iterator[SqliteFile]:
        with closing(self._file(read_only=True)) as file:
            yield file

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with closing(self._file()) as file, file.transaction() as db:
            yield db

    def _file(self, *, read_only: bool = False) -> SqliteFile:
        return SqliteFile(
            self.path,
            name="accounts",
            migrations=[_first_layout],
            read_only=read_only,
            pragmas={"foreign_keys": 1},
        )


@cache
def _nobodys_password() -> str:
    """A hash that takes as long to verify as one that is somebody's."""
    from argon2 import PasswordHasher  # noqa: PLC0415 - only who signs in needs it

    return PasswordHasher().hash(secrets.token_hex())


def _account(name: str, role: str, hubs: str | None) -> Account:
    return Account(name, Role(role), None if hubs is None else frozenset(hubs.split()))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
