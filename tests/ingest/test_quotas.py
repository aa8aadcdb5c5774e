"""Rubbish of one hub fills that hub's quota of the quarantine, and stops nobody."""

from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.inspection import _NOTES, app
from ingest.batches import Batch
from ingest.buffer import Buffer, BufferReader
from ingest.decoder import Decoder
from ingest.doctor import _not_kept
from ingest.quarantine import Quarantine, Quota, RejectedLine
from mqtt.messages import Message
from schemas import Estate
from sensors.registry import Registry
from tests.ingest.given import NOW_NS, OpenBuffer, lines

KB = 1024
ESTATE = Estate.model_validate(
    {"hubs": [{"id": "armley"}, {"id": "beeston"}], "sources": [{"topic": "hubs/#"}, {"topic": "x/#"}]}
)


def rubbish(hub: str, count: int, *, size: int = KB, topic: str = "hubs/{}/co2/s") -> list[Message]:
    return [Message(topic.format(hub).encode(), b"%04d" % number + bytes(size), 0) for number in range(count)]


@pytest.fixture
def small(open_buffer: OpenBuffer, tmp_path: Path) -> Buffer:
    return open_buffer(tmp_path, quota=Quota(hub_bytes_max=100 * KB, bytes_max=1000 * KB), bytes_max=256 * KB)


def take(buffer: Buffer, messages: list[Message]) -> Batch:
    batch = Decoder(Registry(ESTATE), clock_ns=lambda: NOW_NS).decode(messages)
    buffer.commit(batch)
    return batch


def kept(buffer: Buffer) -> int:
    return sum(buffer.quarantine.counts().values())


@pytest.mark.claim("S-09")
def test_rubbish_of_one_hub_stops_no_other_and_is_counted(small: Buffer) -> None:
    for _ in range(10):
        take(small, rubbish("beeston", 100))
    small.commit(lines(1000))
    take(small, rubbish("armley", 5))
    ledger = small.ledger.read()

    assert ledger.balanced
    assert ledger.messages_refused == 1005
    assert ledger.notes == {"quarantine_not_kept": 1005 - kept(small)}
    assert [r.topic for r in small.quarantine.find(limit=5)] == ["hubs/armley/co2/s"] * 5
    assert 80 < kept(small) < 110


def test_beyond_the_quota_one_of_a_hundred_is_kept_and_that_ends_too(small: Buffer) -> None:
    take(small, rubbish("beeston", 84))
    before = kept(small)
    take(small, rubbish("beeston", 400))
    assert kept(small) - before <= 1 + 4
    newest = next(iter(small.quarantine.find(limit=1)))
    assert int(newest.payload[:4]) > 84
    for _ in range(20):
        take(small, rubbish("beeston", 400))
    assert small.quarantine.refused_bytes() <= 110 * KB


def test_all_together_are_bounded_and_invented_hubs_share_one_quota(small: Buffer) -> None:
    for number in range(50):
        take(small, rubbish(f"invented-{number}", 10))
    assert small.quarantine.refused_bytes() <= 110 * KB
    for topic in ("x/{}", "hubs/armley/{}", "hubs/beeston/{}"):
        take(small, rubbish("a", 200, topic=topic))
    assert small.quarantine.refused_bytes() <= 4 * 110 * KB
    assert set(small.quarantine.not_kept()) == {"hubs/#", "x/#", "armley", "beeston"}


def test_what_leaves_the_quarantine_makes_room(small: Buffer, tmp_path: Path) -> None:
    take(small, rubbish("beeston", 200))
    assert small.quarantine.not_kept() == {"beeston": 200 - kept(small)}
    first = next(small.quarantine.messages(ids=None, reason=None))
    assert small.redrive(first.id, Batch(["line"]))
    small.quarantine.purge(reason=None, before_ns=NOW_NS * 2)

    assert (small.quarantine.refused_bytes(), small.quarantine.not_kept()) == (0, {})
    take(small, rubbish("beeston", 5))
    with closing(BufferReader(tmp_path)) as reader:
        assert kept_by(reader.quarantine) == 5


def kept_by(quarantine: Quarantine) -> int:
    return sum(quarantine.counts().values())


def test_what_the_store_refused_was_accepted_and_is_always_kept(small: Buffer) -> None:
    take(small, rubbish("beeston", 500))
    small.commit(lines(300, line_bytes=10))
    rows = small.pending.oldest(1000)
    small.settle(rows, [RejectedLine("hubs/beeston/co2/s", bytes(500), "because")] * 300)

    assert small.quarantine.counts()["store_rejected"] == 300


def test_the_doctor_says_whose_rubbish_it_is(small: Buffer) -> None:
    assert _not_kept(small.quarantine) == []
    take(small, rubbish("beeston", 500))
    [sentence] = _not_kept(small.quarantine)

    assert f"{500 - kept(small)} of beeston" in sentence


def test_the_ledger_tells_each_note_in_a_sentence(small: Buffer, tmp_path: Path) -> None:
    for note in _NOTES:
        small.note(note, 7)
    small.close()
    said = CliRunner().invoke(app, ["ledger", "--data", str(tmp_path)]).stdout

    assert said.count("\n7 ") == len(_NOTES)
    assert "7 refused messages were beyond a quota of the quarantine" in said
