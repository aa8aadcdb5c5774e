"""Reads the estate file, and reads it again where it was edited.

Every problem is one line: file, line, place, what is wrong and what to write instead.
"""

from __future__ import annotations

from pathlib import Path

from schemas.estate import Estate
from schemas.settings import ESTATE_FILE
from sensors.model_file import ModelFileError, read_model

ESTATE_BYTES_MAX = 32 * 1024**2


def codecs_of(path: Path | None) -> Path:
    """The folder of the vendors' JavaScript: `codecs` beside the estate file."""
    return (path or ESTATE_FILE).parent / "codecs"


def load_estate(path: Path | None = None) -> Estate:
    """The estate of a file. Without a path: estate.yaml where it exists, else an estate that accepts every hub.

    Raises ModelFileError.
    """
    if path is None and not ESTATE_FILE.exists():
        return Estate(open=True)
    path = path or ESTATE_FILE
    return parse_estate(_read(path), name=str(path))


def parse_estate(content: bytes | str, *, name: str = "estate.yaml") -> Estate:
    """The estate of a file's content; `name` is what the problems call the file. Raises ModelFileError."""
    return read_model(Estate, content, name=name, start="name: My hubs")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(ESTATE_BYTES_MAX + 1)
    except FileNotFoundError as error:
        hint = f"check the path, or start one: cp estate.example.yaml {path}"
        raise ModelFileError([f"{path}: there is no such file: {hint}"]) from error
    except OSError as error:
        problem = f"{path}: can't be read ({error.strerror}): check --estate or HUBPULSE_ESTATE"
        raise ModelFileError([problem]) from error
    if len(content) > ESTATE_BYTES_MAX:
        raise ModelFileError([f"{path}: larger than {ESTATE_BYTES_MAX // 1024**2} MB: is this the estate file?"])
    return content


class EstateFile:
    """The estate file under watch. A bad edit leaves the old estate in force, and so does a file that is gone.

    `estate` is the one in force; `problem` says why the file as it is now can't be, or is None.
    """

    def __init__(self, path: Path | None) -> None:
        """Read the file; without a path, estate.yaml where it exists. Raises ModelFileError."""
        self._path = path or ESTATE_FILE
        self._judged = self._last_seen = self._look()
        self.problem: str | None = None
        self.estate = load_estate(path)

    def changed(self) -> bool:
        """Look at the file; True where `estate` or `problem` is new.

        An edit is judged when two looks in a row find it the same, so that a file which is still being written is
        never put in force by halves. Contents are compared, not times, so that no edit is too quick to be seen.
        """
        seen, before = self._look(), self._last_seen
        # A large file is kept once.
        self._last_seen = self._judged if seen == self._judged else seen
        if seen == self._judged or seen != before:
            return False
        self._judged = seen
        self.problem = self._take(seen)
        return True

    def _take(self, seen: bytes | str) -> str | None:
        """Put what was seen in force, or say why it can't be."""
        if isinstance(seen, str):
            return seen
        try:
            self.estate = parse_estate(seen, name=str(self._path))
        except ModelFileError as error:
            return str(error)
        return None

    def _look(self) -> bytes | str:
        """The file's content, or why it can't be read."""
        try:
            return _read(self._path)
        except ModelFileError as error:
            return str(error)
