"""Refused messages go the way of new ones once their cause is mended, and the ledger follows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.buffer import Buffer, RejectedLine
from ingest.decoder import Decoder
from ingest.quarantine import Quarantine
from ingest.redrive import redrive
from mqtt.messages import Message
from schemas import Estate, Hub, HubpulseError, Reason, Settings
from sensors.registry import Registry

NOW_NS = 1_795_000_000 * 10**9
LATER_NS = NOW_NS + 3 * 86_400 * 10**9
ARMLEY = Estate(hubs=(Hub(id="armley"),))
NOWHERE = Estate()


@pytest.fixture
def buffer(tmp_path: Path) -> Iterator[Buffer]:
    opened = Buffer(tmp_path, clock_ns=lambda: NOW_NS)
    yield opened
    opened.close()


def receive(buffer: Buffer, topic: str, payload: bytes, *, estate: Estate) -> None:
    decoder = Decoder(Registry(estate), clock_ns=lambda: NOW_NS)
    buffer.commit(decoder.decode([Message(topic.encode(), payload, 1)]))


def drive(tmp_path: Path, estate: Estate, **which: object) -> list[tuple[int, int]]:
    results = redrive(Settings(data_dir=tmp_path), estate, clock_ns=lambda: LATER_NS, **which)  # type: ignore[arg-type]
    return [(result.id, result.readings) for result in results]


def test_a_message_of_an_unknown_hub_is_taken_once_the_hub_is_known(buffer: Buffer, tmp_path: Path) -> None:
    receive(buffer, "hubs/armley/temperature/air-1", b'{"time": 1794999000, "value": 21.5}', estate=NOWHERE)
    assert drive(tmp_path, ARMLEY) == [(1, 1)]
    ledger = buffer.ledger()
    assert (ledger.messages_refused, ledger.messages_accepted, ledger.readings_pending) == (0, 1, 1)
    assert ledger.balanced
    assert Quarantine(tmp_path).counts() == {}


def test_its_day_is_marked_although_it_was_today_when_it_came(buffer: Buffer, tmp_path: Path) -> None:
    receive(buffer, "hubs/armley/temperature/air-1", b'{"time": 1795000000, "value": 21.5}', estate=NOWHERE)
    drive(tmp_path, ARMLEY)
    assert [mark.hub for mark in buffer.pending(10)[0].marks] == ["armley"]


def test_a_message_without_a_time_keeps_the_time_of_its_receipt(buffer: Buffer, tmp_path: Path) -> None:
    receive(buffer, "hubs/armley/temperature/air-1", b"21.5", estate=NOWHERE)
    drive(tmp_path, ARMLEY)
    assert buffer.pending(10)[0].lines == f"temperature,hub=armley,sensor=air-1 temperature_c=21.5 {NOW_NS}"


def test_what_is_refused_again_stays(buffer: Buffer, tmp_path: Path) -> None:
    receive(buffer, "hubs/armley/temperature/air-1", b"99", estate=ARMLEY)
    assert drive(tmp_path, ARMLEY) == [(1, 0)]
    assert Quarantine(tmp_path).get(1).reason is Reason.OUT_OF_RANGE
    assert buffer.ledger().messages_refused == 1


def test_a_message_refused_in_part_adds_up_after_each_redrive(buffer: Buffer, tmp_path: Path) -> None:
    receive(buffer, "hubs/armley/temperature/air-1", b'[{"value": 21}, {"value": 99}]', estate=ARMLEY)
    before = buffer.ledger()
    assert (before.messages_accepted, before.readings_accepted, before.readings_refused) == (1, 1, 1)
    assert drive(tmp_path, ARMLEY, ids=[1]) == [(1, 1)]
    after = buffer.ledger()
    assert (after.messages_accepted, after.messages_refused, after.readings_refused) == (1, 0, 1)
    assert after.balanced


def test_a_reading_that_the_store_refused_is_pending_again(buffer: Buffer, tmp_path: Path) -> None:
    receive(buffer, "hubs/armley/temperature/air-1", b'{"time": 1794999000, "value": 21.5}', estate=ARMLEY)
    rows = buffer.pending(10)
    buffer.settle(
        rows, [RejectedLine("hubs/armley/temperature/air-1", b'{"time": 1794999000, "temperature_c": 21.5}', "type")]
    )
    assert buffer.ledger().readings_store_rejected == 1
    assert drive(tmp_path, ARMLEY, reason=Reason.STORE_REJECTED) == [(1, 1)]
    ledger = buffer.ledger()
    assert (ledger.readings_accepted, ledger.readings_store_rejected, ledger.readings_pending) == (1, 0, 1)
    assert ledger.balanced


def test_purge_deletes_the_old_and_keeps_the_count(buffer: Buffer, tmp_path: Path) -> None:
    receive(buffer, "hubs/armley/temperature/air-1", b"99", estate=ARMLEY)
    assert buffer.purge(reason=Reason.BAD_TOPIC, before_ns=LATER_NS) == 0
    assert buffer.purge(reason=None, before_ns=NOW_NS) == 0
    assert buffer.purge(reason=None, before_ns=LATER_NS) == 1
    assert Quarantine(tmp_path).counts() == {}
    assert buffer.ledger().messages_refused == 1


def test_a_file_that_ingest_is_about_to_fill_is_no_buffer_yet(tmp_path: Path) -> None:
    (tmp_path / "buffer.db").touch()
    with pytest.raises(HubpulseError, match="nothing was received into this folder yet"):
        Quarantine(tmp_path)
