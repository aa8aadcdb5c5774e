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
from typing import TYPE_CHECKING

from dashboards.access.oidc import OidcSignIn
from dashboards.access.sessions import digest
from schemas.errors import HubpulseError
from stores.sqlite_file import SqliteFile

if TYPE_CHECKING:
    from argon2 import PasswordHasher

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


def _with_identities(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE identities (issuer TEXT NOT NULL, subject TEXT NOT NULL, "
        "account TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE, PRIMARY KEY (issuer, subject)) STRICT"
    )


_LAYOUTS = (_first_layout, _with_identities)
_NO_PASSWORD = "none"  # noqa: S105 - what stands there for who signs in elsewhere: no hash, and of no password


class Accounts:
    """The accounts in a file of the data folder (none without a folder), and that of `admin_password`, in no file."""

    def __init__(
        self, data_dir: Path | None, *, admin_password: str | None = None, provider: OidcSignIn | None = None
    ) -> None:
        self.path = (data_dir or Path(os.devnull)) / ACCOUNTS_FILE
        self.provider = provider
        """By which people may sign in as well."""
        self._admin_hash = _hashed(admin_password) if admin_password else None

    # ------------------------------------------------------------------------------------------------ to be looked up

    def names(self) -> list[str]:
        """Who may sign in."""
        return sorted({account.name for account in self.all()} | ({ADMIN} if self._admin_hash else set()))

    def all(self) -> list[Account]:
        """The accounts of the file."""
        if not self.path.exists():
            return []
        with self._reading() as file:
            return [_account(*row) for row in file.all("SELECT name, role, hubs FROM accounts ORDER BY name")]

    def find(self, name: str) -> Account | None:
        """The account of that name, if it is still there."""
        if name == ADMIN and self._admin_hash:
            return Account(ADMIN, Role.ADMIN)
        return next((account for account in self.all() if account.name == name), None)

    def stamp(self, name: str) -> str:
        """What changes with an account's password or identities; "" where there is none of that name."""
        known = self._password_of(name)
        return "" if known is None else hashlib.sha256(repr((known, self.identities(name))).encode()).hexdigest()

    def signed_in(self, name: str, password: str) -> Account | None:
        """The account that the password is of. Takes as long for a name that nobody has."""
        from argon2.exceptions import Argon2Error, InvalidHashError  # noqa: PLC0415 - likewise

        stored = self._password_of(name)
        try:
            hasher().verify(_nobodys_password() if stored in {None, _NO_PASSWORD} else stored, password)
        except (Argon2Error, InvalidHashError):
            return None
        return self.find(name)

    def of_identity(self, issuer: str, subject: str) -> Account | None:
        """The account of who signed in at an OpenID Connect provider, where an admin has granted one."""
        found = [name for name, *identity in self._identities() if identity == [issuer, subject]]
        return self.find(found[0]) if found else None

    def identities(self, name: str) -> list[tuple[str, str]]:
        """Issuer and subject of everybody who signs in elsewhere as this account."""
        return [(issuer, subject) for account, issuer, subject in self._identities() if account == name]

    def _identities(self) -> list[tuple[str, str, str]]:
        if not self.path.exists():
            return []
        with self._reading() as file:
            if file.layout() < len(_LAYOUTS):
                return []
            return [(str(a), str(b), str(c)) for a, b, c in file.all("SELECT account, issuer, subject FROM identities")]

    def of_token(self, token: str, now_s: int) -> Account | None:
        """The account that a token is of, unless it has expired."""
        if not self.path.exists():
            return None
        query = "SELECT name, role, hubs FROM tokens JOIN accounts ON account = name WHERE digest = ? AND expires_s > ?"
        with self._reading() as file:
            row = file.one(query, (digest(token), now_s))
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
        if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
            raise HubpulseError(
                f"a password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters: take another"
            )
        with self._changing() as db:
            db.execute(
                "INSERT INTO accounts VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                "password = excluded.password, role = excluded.role, hubs = excluded.hubs",
                (name, _hashed(password), role, None if hubs is None else " ".join(sorted(hubs))),
            )

    def add_identity(self, name: str, issuer: str, subject: str, role: Role, hubs: Collection[str] | None) -> None:
        """Let who is that subject at an issuer sign in as an account, which is made, or given that role and hubs."""
        with self._changing() as db:
            db.execute(
                "INSERT INTO accounts VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                "role = excluded.role, hubs = excluded.hubs",
                (name, _NO_PASSWORD, role, None if hubs is None else " ".join(sorted(hubs))),
            )
            db.execute("INSERT OR REPLACE INTO identities VALUES (?, ?, ?)", (issuer, subject, name))

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
            db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?)", (digest(token), name, label, expires_s))
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
        if name == ADMIN and self._admin_hash:
            return self._admin_hash
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
            migrations=_LAYOUTS,
            read_only=read_only,
            pragmas={"foreign_keys": 1},
        )


@cache
def _nobodys_password() -> str:
    """A hash that takes as long to verify as one that is somebody's."""
    return _hashed(secrets.token_hex())


def _hashed(password: str) -> str:
    return hasher().hash(password)


def hasher() -> PasswordHasher:
    """What makes and verifies hashes of passwords: argon2id, as RFC 9106 recommends where memory is scarce."""
    from argon2 import PasswordHasher  # noqa: PLC0415 - slow to import, and only who signs in needs it

    return PasswordHasher()


def _account(name: str, role: str, hubs: str | None) -> Account:
    return Account(name, Role(role), None if hubs is None else frozenset(hubs.split()))
