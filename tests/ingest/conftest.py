"""Buffers for the tests of ingest, closed after each, and a small disk."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ingest.buffer import Buffer
from tests.ingest.given import NOW_NS, OpenBuffer


@pytest.fixture
def open_buffer() -> Iterator[OpenBuffer]:
    with ExitStack() as opened:

        def start(folder: Path, **limits: Any) -> Buffer:
            buffer = Buffer(folder, clock_ns=lambda: NOW_NS, **limits)
            opened.callback(buffer.close)
            return buffer

        yield start


@pytest.fixture
def buffer(open_buffer: OpenBuffer, tmp_path: Path) -> Buffer:
    return open_buffer(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes, where we may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root can mount a small disk")
    if subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=12m", "tmpfs", folder], check=False, capture_output=True
    ).returncode:
        pytest.skip("no small disk can be mounted here")
    yield folder
    subprocess.run([shutil.which("umount") or "umount", folder], check=True)
