"""What is kept for a power cut: a file as it was when it was last synced, whoever else synced it meanwhile."""

from pathlib import Path
from threading import Event, Thread

from tests.chaos.synced import copy_of, keep

ANOTHER_S = 0.2
DEADLINE_S = 10.0


def test_a_copy_that_takes_long_does_not_replace_a_newer_one(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.db-wal"
    path.write_bytes(b"one row")
    copies = tmp_path / "synced"
    copies.mkdir()
    is_read, is_replaced = Event(), Event()

    def slowly() -> bytes:
        content = path.read_bytes()
        is_read.set()
        is_replaced.wait(ANOTHER_S)  # another process may come in between where nothing holds it back
        return content

    checkpoint = Thread(target=keep, args=(copies, path, slowly))
    checkpoint.start()
    assert is_read.wait(DEADLINE_S)
    path.write_bytes(b"one row, and another")
    keep(copies, path, path.read_bytes)
    is_replaced.set()
    checkpoint.join(DEADLINE_S)

    assert copy_of(copies, path).read_bytes() == b"one row, and another"
