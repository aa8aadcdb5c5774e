"""Random actions on the buffer beside a model in memory: they agree after every step, crash and full disk included."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ingest.batches import Batch, DayMark, Refused
from ingest.buffer import Buffer, BufferDamagedError, BufferFullError, BufferReader
from ingest.quarantine import RejectedLine
from mqtt.messages import Message
from schemas import Reason
from schemas.readings import Rejection
from tests.ingest.given import Clock
from tests.ingest.killing import folders_as_killed

PLENTY = 10**9
REJECTION = Rejection(reason=Reason.OUT_OF_RANGE, detail="because")


@dataclass
class Model:
    received: int = 0
    accepted: int = 0
    no_reading: int = 0
    readings_accepted: int = 0
    readings_refused: int = 0
    stored: int = 0
    store_rejected: int = 0
    pending: list[tuple[list[str], set[DayMark]]] = field(default_factory=list)
    quarantine: list[tuple[str, bytes, Reason]] = field(default_factory=list)
    partly_taken: set[bytes] = field(default_factory=set)
    redelivered: int = 0
    deliveries: dict[int, Message] = field(default_factory=dict)


class BufferMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.model = Model()
        self.folders = [Path(tempfile.mkdtemp(prefix="buffer-"))]
        self.lines_made = 0

    @initialize()
    def open_new(self) -> None:
        self.buffer = self.open(PLENTY)

    def open(self, bytes_max: int) -> Buffer:
        return Buffer(self.folders[-1], clock_ns=self.clock, bytes_max=bytes_max)

    def teardown(self) -> None:
        self.buffer.close()
        for folder in self.folders:
            shutil.rmtree(folder)

    def batch(self, good: int, refused: int, partial: int, *, line_bytes: int = 40) -> Batch:
        """`good` messages with a reading each, `refused` without any, `partial` with one good and one bad."""
        batch = Batch(messages=good + refused + partial)
        for number in range(good + partial):
            self.lines_made += 1
            batch.lines.append(f"line-{self.lines_made}".ljust(line_bytes, "x"))
            batch.marks.add(DayMark(f"hub-{number % 2}", number))
        for number in range(refused + partial):
            self.clock.now_ns += 1
            message = Message(b"topic", f"payload {self.clock.now_ns}".encode(), self.clock.now_ns % 40 + 1)
            batch.refused.append(Refused(message, [REJECTION], int(number >= refused), self.clock.now_ns))
        batch.deliveries = [entry.message for entry in batch.refused]
        return batch

    def commit(self, batch: Batch) -> bool:
        try:
            self.buffer.commit(batch)
        except BufferFullError:
            return False
        self.count(batch)
        return True

    def count(self, batch: Batch) -> None:
        model = self.model
        model.received += batch.messages
        model.no_reading += len(batch.no_reading)
        model.redelivered += batch.redelivered
        model.accepted += batch.messages - batch.messages_refused - len(batch.no_reading) - batch.redelivered
        model.readings_accepted += len(batch.lines)
        model.readings_refused += sum(1 for refused in batch.refused if refused.readings)
        if batch.lines:
            model.pending.append((batch.lines, batch.marks))
        model.quarantine += [("topic", r.message.payload, Reason.OUT_OF_RANGE) for r in batch.refused]
        model.partly_taken |= {r.message.payload for r in batch.refused if r.readings}
        model.deliveries |= {message.packet_id: message for message in batch.deliveries}

    @rule(good=st.integers(0, 5), refused=st.integers(0, 3), partial=st.integers(0, 3))
    def commit_some(self, good: int, refused: int, partial: int) -> None:
        assert self.commit(self.batch(good, refused, partial))

    @rule(good=st.integers(0, 2), nothing=st.integers(1, 3))
    def commit_messages_that_carry_no_reading(self, good: int, nothing: int) -> None:
        batch = self.batch(good, 0, 0)
        batch.messages += nothing
        batch.no_reading += ["a device joins"] * nothing
        assert self.commit(batch)

    @rule(good=st.integers(1, 3), refused=st.integers(1, 3))
    def the_broker_delivers_again(self, good: int, refused: int) -> None:
        batch = self.batch(good, refused, 0)
        assert self.commit(batch)
        self.buffer.begin_connection(same_session=True)
        again = [message._replace(dup=True) for message in batch.deliveries]
        came = self.buffer.sort(again)
        assert (came.new, came.unsure, came.redelivered) == ([], [], refused)
        assert self.commit(Batch(deliveries=again, messages=refused, redelivered=came.redelivered))

    @rule(room_bytes=st.integers(0, 4000), good=st.integers(1, 100))
    def commit_to_a_buffer_with_little_room(self, room_bytes: int, good: int) -> None:
        self.buffer._bytes_max = self.buffer.used_bytes() + room_bytes
        batch = self.batch(good, 0, 0)
        assert self.commit(batch) is (sum(map(len, batch.lines)) <= room_bytes)
        self.buffer._bytes_max = PLENTY

    @rule(pages=st.integers(0, 20), good=st.integers(1, 40), refused=st.integers(0, 10))
    def commit_to_a_disk_with_little_room(self, pages: int, good: int, refused: int) -> None:
        """SQLite fails somewhere in the middle of the commit."""
        (count,) = self.buffer._file.connection().execute("PRAGMA page_count").fetchone()
        self.buffer._file.connection().execute(f"PRAGMA max_page_count = {count + pages}")
        fits = self.commit(self.batch(good, refused, 0, line_bytes=2000))
        assert fits or pages <= good + refused
        self.buffer._file.connection().execute(f"PRAGMA max_page_count = {2**30}")

    @precondition(lambda self: self.model.pending)
    @rule(lines_max=st.integers(1, 20), rejected=st.integers(0, 3))
    def settle(self, lines_max: int, rejected: int) -> None:
        rows = self.buffer.pending.oldest(lines_max)
        lines = [line for row in rows for line in row.lines.decode().split("\n")]
        bad = [RejectedLine("line", line.encode(), "because") for line in lines[:rejected]]
        self.buffer.settle(rows, bad)
        self.model.pending = self.model.pending[len(rows) :]
        self.model.stored += len(lines) - len(bad)
        self.model.store_rejected += len(bad)
        self.model.quarantine += [("line", line.payload, Reason.STORE_REJECTED) for line in bad]

    @precondition(lambda self: self.model.pending)
    @rule()
    def settle_on_a_full_disk(self) -> None:
        rows = self.buffer.pending.oldest(1)
        big = [RejectedLine("line", bytes(300_000), "because")]
        quarantine = self.buffer.quarantine._file.connection()
        (count,) = quarantine.execute("PRAGMA page_count").fetchone()
        quarantine.execute(f"PRAGMA max_page_count = {count}")
        with pytest.raises(BufferFullError):
            self.buffer.settle(rows, big)
        self.buffer.quarantine.close()

    @precondition(lambda self: self.model.pending)
    @rule()
    def settle_what_another_settled(self) -> None:
        rows = self.buffer.pending.oldest(1)
        with pytest.raises(BufferDamagedError, match="settled by another"):
            self.buffer.settle([*rows, rows[0]], [])

    @rule()
    def stop_and_start(self) -> None:
        self.buffer.close()
        self.buffer = self.open(PLENTY)

    @rule()
    def crash(self) -> None:
        """What a kill leaves on the disk: the file and its log as they are."""
        left = Path(tempfile.mkdtemp(prefix="buffer-"))
        self.folders.append(Path(shutil.copytree(self.folders[-1], left, dirs_exist_ok=True)))
        self.buffer.close()
        self.buffer = self.open(PLENTY)

    @rule(good=st.integers(0, 2), refused=st.integers(0, 2), point=st.integers(0, 20))
    def killed_in_the_middle_of_a_commit(self, good: int, refused: int, point: int) -> None:
        """What was not committed to both files comes again."""
        batch = self.batch(good, refused, 0)
        killed = folders_as_killed(self.folders[-1], lambda: self.buffer.commit(batch))
        self.buffer.close()
        self.folders += killed[: point % len(killed) + 1]
        for other in killed[point % len(killed) + 1 :]:
            shutil.rmtree(other)
        self.buffer = self.open(PLENTY)
        if batch.messages and self.buffer.ledger.read().messages_received == self.model.received:
            assert self.commit(batch)
        else:
            self.count(batch)

    @rule()
    def the_broker_begins_a_new_session(self) -> None:
        self.buffer.begin_connection(same_session=False)
        self.model.deliveries.clear()

    @precondition(lambda self: self.model.quarantine)
    @rule(taken=st.booleans(), which=st.integers(0, 100))
    def redrive(self, taken: bool, which: int) -> None:
        refusals = list(self.buffer.quarantine.messages(ids=None, reason=Reason.OUT_OF_RANGE))
        if not refusals:
            return
        refusal_id, _, message, *_ = refusals[which % len(refusals)]
        self.lines_made += 1
        batch = Batch([f"line-{self.lines_made}"]) if taken else Batch()
        assert self.buffer.redrive(refusal_id, batch) is taken
        assert not self.buffer.redrive(10**9, batch)
        if taken:
            self.model.pending.append((batch.lines, set()))
            self.model.quarantine.remove(("topic", message.payload, Reason.OUT_OF_RANGE))
            self.model.readings_accepted += 1
            if message.payload in self.model.partly_taken:
                self.model.readings_refused -= 1
            else:
                self.model.accepted += 1

    @invariant()
    def everything_is_there_once_and_the_ledger_balances(self) -> None:
        model = self.model
        ledger = self.buffer.ledger.read()
        assert ledger.balanced
        assert ledger.messages_received == model.received
        assert ledger.messages_accepted == model.accepted
        assert ledger.messages_no_reading == model.no_reading
        assert ledger.messages_redelivered == model.redelivered
        assert ledger.readings_accepted == model.readings_accepted
        assert ledger.readings_refused == model.readings_refused
        assert ledger.readings_stored == model.stored
        assert ledger.readings_store_rejected == model.store_rejected
        rows = self.buffer.pending.oldest(10**9)
        assert [(row.lines.decode().split("\n"), set(row.marks)) for row in rows] == model.pending
        assert [row.readings for row in rows] == [len(lines) for lines, _ in model.pending]

    @invariant()
    def another_reader_sees_the_same(self) -> None:
        reader = BufferReader(self.folders[-1])
        found = [(r.topic, r.payload, r.reason) for r in reader.quarantine.find(limit=10**6)]
        assert sorted(found) == sorted(self.model.quarantine)
        assert reader.ledger.read() == self.buffer.ledger.read()
        assert self.buffer.quarantine.counts() == reader.quarantine.counts()
        reader.close()

    @invariant()
    def deliveries_are_known_by_their_bytes(self) -> None:
        for message in self.model.deliveries.values():
            assert self.buffer._deliveries._is_known(message)
            assert not self.buffer._deliveries._is_known(message._replace(payload=b"other"))


TestBuffer: Callable[..., object] = BufferMachine.TestCase
BufferMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=25)
