"""Recordings on disk: read a line at a time, written with rotation. `simulators.messages` has the format of a line."""

from __future__ import annotations

import gzip
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from schemas import HubpulseError
from simulators.messages import TimedMessage, decode, encode
from simulators.source import MessageSource

LINE_BYTES_MAX = 64 * 1024**2
NO_MESSAGE = "line that is no message"
_COMPRESSION = 6


class Recording(MessageSource):
    """The messages of a recording, streamed."""

    fingerprint = "recording"

    def _messages(self) -> Generator[TimedMessage]:
        started = False
        with self._opened() as stream:
            # A line beyond the limit comes in parts, which are no messages.
            for number, line in enumerate(iter(lambda: stream.readline(LINE_BYTES_MAX), b""), start=1):
                if not line.strip():
                    continue
                try:
                    message = decode(line)
                except ValueError as error:
                    if not started:
                        raise HubpulseError(
                            f"{self.path}:{number}: no recording ({error}); a table needs a mapping: --mapping M.yaml"
                        ) from error
                    self.skipped.add(NO_MESSAGE, f"line {number}: {error}")
                    continue
                started = True
                yield message


class RecordingWriter:
    """Writes a new recording; with `rotate_bytes`, numbered files of about that size on disk: rec.0001.jsonl, ...

    It never overwrites a file. Raises HubpulseError where it can't write.
    """

    def __init__(self, path: Path, *, rotate_bytes: int | None = None) -> None:
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._zipped: gzip.GzipFile | None = None
        self.paths: list[Path] = []
        self._open()

    def write(self, message: TimedMessage) -> None:
        with self._writing():
            if self._rotate_bytes is not None and self._raw.tell() >= self._rotate_bytes:
                self._close()
                self._open()
            (self._zipped or self._raw).write(encode(message))

    def flush(self) -> None:
        """Hand everything to the operating system, so that a killed process loses nothing that was flushed."""
        with self._writing():
            if self._zipped is not None:
                self._zipped.flush()
            self._raw.flush()

    def close(self) -> None:
        """End the file; what was written is on the disk then."""
        with self._writing():
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _open(self) -> None:
        path = self._path
        if self._rotate_bytes is not None:
            name, _, endings = path.name.partition(".")
            path = path.with_name(f"{name}.{len(self.paths) + 1:04}.{endings}".rstrip("."))
        with self._writing():
            self._raw: BinaryIO = path.open("xb")
        if path.suffix == ".gz":
            self._zipped = gzip.GzipFile(filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=self._raw, mtime=0)
        self.paths.append(path)

    def _close(self) -> None:
        if self._raw.closed:
            return
        with self._raw:
            if self._zipped is not None:
                self._zipped.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except FileExistsError as error:
            raise HubpulseError(f"{error.filename} exists already: choose another name, or move it away") from error
        except OSError as error:
            raise HubpulseError(
                f"can't write {self._path}: {error.strerror or error}; check folder, rights and free space"
            ) from error
