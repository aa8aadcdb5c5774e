"""Buffers for the tests of ingest, closed after each."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ingest.buffer import Buffer
from tests.ingest.given import NOW_NS, OpenBuffer


@pytest.fixture
def open_buffer() -> Iterator[OpenBuffer]:
    with ExitStack() as opened:

        def start(folder: Path, **limits: int) -> Buffer:
            buffer = Buffer(folder, clock_ns=lambda: NOW_NS, **limits)
            opened.callback(buffer.close)
            return buffer

        yield start


@pytest.fixture
def buffer(open_buffer: OpenBuffer, tmp_path: Path) -> Buffer:
    return open_buffer(tmp_path)
