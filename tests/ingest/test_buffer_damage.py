"""A buffer file that is torn, overwritten, replaced or from the future: a line that says so, never a wrong reading."""

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ingest.batches import Batch
from ingest.buffer import MIGRATIONS, BufferDamagedError
from ingest.buffer_file import FILE_NAME
from schemas import HubpulseError
from tests.ingest.given import OpenBuffer, lines, refusal


def use(open_buffer: OpenBuffer, folder: Path) -> None:
    """Look at everything, and write."""
    buffer = open_buffer(folder)
    buffer.ledger.read()
    buffer.pending.oldest(10**9)
    buffer.quarantine.counts()
    list(buffer.quarantine.messages(ids=None, reason=None))
    buffer.commit(lines(1))


def one_line(error: pytest.ExceptionInfo[HubpulseError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert FILE_NAME in text
    return text


def test_a_file_that_is_no_buffer_is_said_to_be_damaged(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is not a database, and long enough to be sure of it" * 10)

    with pytest.raises(BufferDamagedError) as error:
        open_buffer(tmp_path)

    assert "move the file away" in one_line(error)


@pytest.mark.parametrize("keep", [0.9, 0.5, 0.1])
def test_a_torn_file_is_said_to_be_damaged_by_the_first_who_meets_it(
    open_buffer: OpenBuffer, tmp_path: Path, keep: float
) -> None:
    buffer = open_buffer(tmp_path)
    for _ in range(20):
        buffer.commit(lines(200))
        buffer.commit(refusal("t", bytes(5000)))
    buffer.close()
    path = tmp_path / FILE_NAME
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * keep) // 4096 * 4096)

    with pytest.raises(BufferDamagedError) as error:
        use(open_buffer, tmp_path)

    one_line(error)


def test_bytes_overwritten_in_the_middle_never_raise_anything_else(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    buffer = open_buffer(tmp_path)
    for _ in range(20):
        buffer.commit(lines(200))
    buffer.close()
    whole = (tmp_path / FILE_NAME).read_bytes()

    damaged = 0
    for page in range(0, len(whole) // 4096, 7):
        path = tmp_path / f"page-{page}" / FILE_NAME
        path.parent.mkdir()
        path.write_bytes(whole[: page * 4096] + random.Random(page).randbytes(4096) + whole[(page + 1) * 4096 :])
        try:
            use(open_buffer, path.parent)
        except BufferDamagedError as error:
            damaged += 1
            assert "\n" not in str(error)  # noqa: PT017 - not every page is looked at

    assert damaged > 10


def test_a_flipped_bit_in_a_reading_is_noticed(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    """A wrong figure must not pass for a right one."""
    buffer = open_buffer(tmp_path)
    buffer.commit(Batch(["temperature,hub=a,sensor=b temperature_c=21.5 1"], messages=1))
    buffer.close()
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b"temperature_c=21.5", b"temperature_c=29.5"))

    with pytest.raises(BufferDamagedError, match="not as it was committed"):
        open_buffer(tmp_path).pending.oldest(1)


def test_a_settled_batch_that_comes_back_is_not_taken_for_one_without_a_line(
    open_buffer: OpenBuffer, tmp_path: Path
) -> None:
    buffer = open_buffer(tmp_path)
    buffer.commit(lines(3))
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
        columns = ", ".join(f"old.{name}" for _, name, *_ in other.execute("PRAGMA table_info(batches)"))
        back = f"INSERT INTO batches VALUES ({columns})"
        other.execute(f"CREATE TRIGGER back AFTER DELETE ON batches BEGIN {back}; END")
    buffer.settle(buffer.pending.oldest(3), [])

    with pytest.raises(BufferDamagedError, match="not as it was committed"):
        buffer.pending.oldest(3)


def test_a_torn_log_loses_only_what_was_not_committed(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    """A power cut in the middle of a commit: the log ends with half a transaction."""
    buffer = open_buffer(tmp_path)
    buffer.commit(lines(3))
    log = tmp_path / f"{FILE_NAME}-wal"
    committed = log.stat().st_size
    buffer.commit(lines(50))
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(tmp_path / FILE_NAME, copy)
    (copy / log.name).write_bytes(log.read_bytes()[: committed + 5000])

    after = open_buffer(copy)

    assert [row.readings for row in after.pending.oldest(100)] == [3]
    assert after.ledger.read().balanced


def test_a_folder_that_cannot_be_made_is_said_plainly(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(BufferDamagedError, match="check the owner and mode of the file and its folder") as error:
        open_buffer(tmp_path / "file" / "data")

    one_line(error)


def test_a_file_of_a_later_version_is_left_alone(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    open_buffer(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as db:
        for pragma in ("user_version", "application_id"):
            db.execute(f"PRAGMA {pragma} = {len(MIGRATIONS) + 1}")
    db.close()

    with pytest.raises(BufferDamagedError, match="later Hubpulse"):
        open_buffer(tmp_path)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_moved_away_while_in_use_takes_nothing_more(
    open_buffer: OpenBuffer, tmp_path: Path, replaced: bool
) -> None:
    """What is committed to a file that nobody will open again is lost."""
    buffer = open_buffer(tmp_path)
    buffer.commit(lines(1))
    (tmp_path / FILE_NAME).rename(tmp_path / "elsewhere.db")
    if replaced:
        shutil.copy(tmp_path / "elsewhere.db", tmp_path / FILE_NAME)

    with pytest.raises(BufferDamagedError, match="moved away") as error:
        buffer.commit(lines(1))

    one_line(error)
