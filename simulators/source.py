"""Files to replay, plain or gzipped: how far they have been read, and what was left out of them and why."""

from __future__ import annotations

import gzip
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from schemas import HubpulseError
from simulators.messages import TimedMessage

_GZIP_MAGIC = b"\x1f\x8b"


class ReasonCounts:
    """What was left out and why, each reason with the first place where it happened: nothing is dropped silently."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, reason: str, place: str, number: int = 1) -> None:
        """Count `number` things left out for a reason; reasons are few and fixed, `place` is kept for the first."""
        self._counts[reason] += number
        self._first.setdefault(reason, place)

    @property
    def counts(self) -> Mapping[str, int]:
        return dict(self._counts)

    def lines(self) -> list[str]:
        """A line for each reason, the most frequent first: `576 x duplicate (first: line 518650)`."""
        return [f"{number} x {reason} (first: {self._first[reason]})" for reason, number in self._counts.most_common()]


class MessageSource(ABC):
    """A file of messages by its path; whether it is gzipped is seen from its first bytes, not from its name.

    `skipped` and `notes` count what the latest pass left out or altered.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped = ReasonCounts()
        self.notes = ReasonCounts()
        self._raw: BinaryIO | None = None
        self._read_bytes = 0
        try:
            self.size_bytes = path.stat().st_size
        except OSError as error:
            raise HubpulseError(f"can't read {path}: {error.strerror}; check the path") from error

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """What, apart from the file itself, decides which messages come in which order."""

    @abstractmethod
    def _messages(self) -> Generator[TimedMessage]: ...

    def messages(self) -> Generator[TimedMessage]:
        """Every message from the start, the same each time. Raises HubpulseError where file or mapping is wrong."""
        self.skipped, self.notes = ReasonCounts(), ReasonCounts()
        return self._messages()

    @property
    def stem(self) -> str:
        """The name without its endings: `combined_Room1` of `combined_Room1.csv.gz`."""
        return self.path.name.partition(".")[0]

    @property
    def position_bytes(self) -> int:
        """How much of the file has been read, as it lies on disk."""
        if self._raw is not None and not self._raw.closed:
            self._read_bytes = self._raw.tell()
        return self._read_bytes

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """The content, decompressed. Raises HubpulseError where the file can't be read or its gzip data are damaged."""
        try:
            with self.path.open("rb") as self._raw:
                gzipped = self._raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
                self._raw.seek(0)
                yield cast(BinaryIO, gzip.GzipFile(fileobj=self._raw)) if gzipped else self._raw
                self._read_bytes = self._raw.tell()
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise HubpulseError(
                f"{self.path}: the gzip data are cut short or damaged ({error}); what came before was taken"
            ) from error
        except OSError as error:
            raise HubpulseError(f"can't read {self.path}: {error.strerror or error}; check the file") from error
