"""Where phones and browsers reach the board: the address that it listens at, as whoever ran it last has noted."""

from __future__ import annotations

import socket

from cli.context import err
from schemas import Settings

_FILE = "board.address"
_HERE = {"127.0.0.1", "::1", "localhost"}
_ALL = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound


def remember_board(settings: Settings, port: int) -> None:
    """Note at which port the board listens: the settings may say another. Where that fails, it says so."""
    note = settings.audits_folder / _FILE
    fresh = note.with_suffix(".new")
    try:
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_text(f"{settings.board.host} {port}", "utf-8")
        fresh.replace(note)
    except OSError as error:
        err.print(f"{note} can't be written ({error.strerror}): name the board with --board where links are made")


def board_url(settings: Settings) -> str:
    """The board's address; where it listens for all, by the name of this machine."""
    host, port = _noted(settings)
    if host in _ALL:
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def is_here_alone(settings: Settings) -> bool:
    """Whether the board listens for this machine alone."""
    return _noted(settings)[0] in _HERE


def _noted(settings: Settings) -> tuple[str, int]:
    """Where the board of this folder listened last; where none ever did, where the settings let it."""
    try:
        host, port = (settings.audits_folder / _FILE).read_text("utf-8").split()
        return host, int(port)
    except (OSError, ValueError):
        return settings.board.host, settings.board.port
