"""A file to replay, plain or gzipped, that knows how far it has been read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from schemas import HubpulseError

_GZIP_MAGIC = b"\x1f\x8b"


class SourceFile:
    """A file by its path; whether it is gzipped is seen from its first bytes, not from its name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._raw: BinaryIO | None = None
        self._read_bytes = 0
        try:
            self.size_bytes = path.stat().st_size
        except OSError as error:
            raise HubpulseError(f"can't read {path}: {error.strerror}; check the path") from error

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
    def opened(self) -> Iterator[BinaryIO]:
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
