"""Refused messages go the way of new ones once their cause is mended, and the ledger follows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.buffer import Buffer, BufferReader
from ingest.decoder import Decoder
from ingest.quarantine import RejectedLine
from ingest.redrive import redrive
from mqtt.messages import Message
from schemas import Estate, Hub, HubpulseError, Reason, Settings, Source
from schemas.settings import IngestSettings
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
    ledger = buffer.ledger.read()
    assert (ledger.messages_refused, ledger.messages_accepted, ledger.readings_pending) == (0, 1, 1)
    assert ledger.balanced
    assert BufferReader(tmp_path).quarantine.counts() == {}


def test_its_day_is_marked_although_it_was_today_when_it_came(buffer: Buffer, tmp_path: Path) -> None:
    receive(buffer, "hubs/armley/temperature/air-1", b'{"time": 1795000000, "value": 21.5}', estate=NOWHERE)
    drive(tmp_path, ARMLEY)
    assert [mark.hub for mark in buffer.pending.oldest(10)[0].marks] == ["armley"]


def test_a_message_without_a_time_keeps_the_time_of_its_receipt(buffer: Buffer, tmp_path: Path) -> None:
    receive(buffer, "hubs/armley/temperature/air-1", b"21.5", estate=NOWHERE)
    drive(tmp_path, ARMLEY)
    assert buffer.pending.oldest(10)[0].lines == b"temperature,hub=armley,sensor=air-1 temperature_c=21.5 %d" % NOW_NS


def test_what_is_refused_again_stays(buffer: Buffer, tmp_path: Path) -> None:
    receive(buffer, "hubs/armley/temperature/air-1", b"99", estate=ARMLEY)
    assert drive(tmp_path, ARMLEY) == [(1, 0)]
    assert BufferReader(tmp_path).quarantine.get(1).reason is Reason.OUT_OF_RANGE
    assert buffer.ledger.read().messages_refused == 1


def test_a_message_refused_in_part_adds_up_after_each_redrive(buffer: Buffer, tmp_path: Path) -> None:
    receive(buffer, "hubs/armley/temperature/air-1", b'[{"value": 21}, {"value": 99}]', estate=ARMLEY)
    before = buffer.ledger.read()
    assert (before.messages_accepted, before.readings_accepted, before.readings_refused) == (1, 1, 1)
    assert drive(tmp_path, ARMLEY, ids=[1]) == [(1, 1)]
    after = buffer.ledger.read()
    assert (after.messages_accepted, after.messages_refused, after.readings_refused) == (1, 0, 1)
    assert after.balanced


def test_a_reading_that_the_store_refused_is_pending_again(buffer: Buffer, tmp_path: Path) -> None:
    receive(buffer, "hubs/armley/temperature/air-1", b'{"time": 1794999000, "value": 21.5}', estate=ARMLEY)
    rows = buffer.pending.oldest(10)
    buffer.settle(
        rows, [RejectedLine("hubs/armley/temperature/air-1", b'{"time": 1794999000, "temperature_c": 21.5}', "type")]
    )
    assert buffer.ledger.read().readings_store_rejected == 1
    assert drive(tmp_path, ARMLEY, reason=Reason.STORE_REJECTED) == [(1, 1)]
    ledger = buffer.ledger.read()
    assert (ledger.readings_accepted, ledger.readings_store_rejected, ledger.readings_pending) == (1, 0, 1)
    assert ledger.balanced


def test_purge_deletes_the_old_and_keeps_the_count(buffer: Buffer, tmp_path: Path) -> None:
    receive(buffer, "hubs/armley/temperature/air-1", b"99", estate=ARMLEY)
    assert buffer.quarantine.purge(reason=Reason.BAD_TOPIC, before_ns=LATER_NS) == 0
    assert buffer.quarantine.purge(reason=None, before_ns=NOW_NS) == 0
    assert buffer.quarantine.purge(reason=None, before_ns=LATER_NS) == 1
    assert BufferReader(tmp_path).quarantine.counts() == {}
    assert buffer.ledger.read().messages_refused == 1


def test_a_file_that_ingest_is_about_to_fill_is_no_buffer_yet(tmp_path: Path) -> None:
    (tmp_path / "buffer.db").touch()
    with pytest.raises(HubpulseError, match="nothing was received into this folder yet"):
        BufferReader(tmp_path)


def test_a_reading_that_the_store_refused_needs_no_native_source(buffer: Buffer, tmp_path: Path) -> None:
    estate = ARMLEY.model_copy(update={"sources": (Source(topic="v3/+/devices/+/up", format="tts"),)})
    receive(buffer, "hubs/armley/temperature/air-1", b'{"time": 1794999000, "value": 21.5}', estate=ARMLEY)
    rejected = RejectedLine("hubs/armley/temperature/air-1", b'{"time": 1794999000, "temperature_c": 21.5}', "type")
    buffer.settle(buffer.pending.oldest(10), [rejected])
    assert drive(tmp_path, estate) == [(1, 1)]
    assert buffer.pending.oldest(1)[0].lines == b"temperature,hub=armley,sensor=air-1 temperature_c=21.5 %d" % (
        1794999000 * 10**9
    )
    assert buffer.ledger.read().balanced


def test_a_retained_message_without_a_time_is_refused_again(buffer: Buffer, tmp_path: Path) -> None:
    """It would count at every connection, and once more for each time that it is sent again."""
    decoder = Decoder(Registry(NOWHERE), clock_ns=lambda: NOW_NS)
    message = Message(b"hubs/armley/footfall/door", b'{"entries": 3, "exits": 2}', 1, retained=True)
    buffer.commit(decoder.decode([message]))
    assert BufferReader(tmp_path).quarantine.get(1).retained
    assert drive(tmp_path, ARMLEY) == [(1, 0)]
    assert buffer.pending.oldest(1) == []
    receive(buffer, "hubs/armley/footfall/door", b'{"entries": 3, "exits": 2}', estate=NOWHERE)
    assert drive(tmp_path, ARMLEY, ids=[2]) == [(2, 1)]


def test_a_message_that_was_too_large_stays_since_only_its_first_bytes_were_kept(
    buffer: Buffer, tmp_path: Path
) -> None:
    settings = Settings(ingest=IngestSettings(message_bytes_max=10_000))
    decoder = Decoder(Registry(ARMLEY), settings, clock_ns=lambda: NOW_NS)
    # What is kept of it looks like a whole message.
    payload = b'{"time": 1794999000, "value": 21.5}' + b" " * 20_000
    buffer.commit(decoder.decode([Message(b"hubs/armley/temperature/air-1", payload, 1)]))
    (result,) = redrive(Settings(data_dir=tmp_path), ARMLEY, clock_ns=lambda: LATER_NS)
    assert (result.readings, result.refused_again) == (0, True)
    assert "only its first bytes were kept" in result.detail
    assert BufferReader(tmp_path).quarantine.get(1).reason is Reason.TOO_LARGE
    assert buffer.pending.oldest(10) == []


def times_of(buffer: Buffer) -> list[bytes]:
    return [line.rsplit(b" ", 1)[1] for row in buffer.pending.oldest(10_000) for line in row.lines.split(b"\n")]


def test_every_reading_of_messages_without_a_time_keeps_a_time_of_its_own(buffer: Buffer, tmp_path: Path) -> None:
    """Refused messages that came together once had a nanosecond each, and their readings took five."""
    decoder = Decoder(Registry(NOWHERE), clock_ns=lambda: NOW_NS)
    payload = b'[{"entries": 1}, {"entries": 2}, {"entries": 3}, {"entries": 4}, {"entries": 5}]'
    sent = [Message(b"hubs/armley/footfall/door", payload, packet_id) for packet_id in range(1, 21)]
    buffer.commit(decoder.decode(sent))

    assert sum(readings for _, readings in drive(tmp_path, ARMLEY)) == 100
    assert len(set(times_of(buffer))) == 100
    assert buffer.ledger.read().readings_pending == 100


def test_what_is_redriven_shares_no_time_with_what_came_beside_it(buffer: Buffer, tmp_path: Path) -> None:
    decoder = Decoder(Registry(ARMLEY), clock_ns=lambda: NOW_NS)
    later = Decoder(Registry(Estate(hubs=(Hub(id="armley"), Hub(id="beeston")))), clock_ns=lambda: NOW_NS)
    sent = [
        Message(b"hubs/%s/footfall/door" % hub, b'[{"entries": 1}, {"entries": -2}, {"entries": 3}]', packet_id)
        for packet_id, hub in enumerate([b"beeston", b"armley"] * 10, start=1)
    ]
    buffer.commit(decoder.decode(sent))
    drive(tmp_path, later._registry._estate, reason=Reason.UNKNOWN_HUB)

    assert len(set(times_of(buffer))) == len(times_of(buffer)) == 40


def test_what_came_while_our_clock_was_ahead_can_be_redriven(buffer: Buffer, tmp_path: Path) -> None:
    """Its receive time lies in the future: it gets the time at which it is sent again."""
    decoder = Decoder(Registry(NOWHERE), clock_ns=lambda: LATER_NS + 86_400 * 10**9)
    sent = [Message(b"hubs/armley/footfall/door", b'{"entries": 1}', packet_id) for packet_id in (1, 2)]
    buffer.commit(decoder.decode(sent))

    assert drive(tmp_path, ARMLEY) == [(1, 1), (2, 1)]
    assert times_of(buffer) == [b"%d" % LATER_NS, b"%d" % (LATER_NS + 1)]


def test_a_clock_of_a_device_that_was_ahead_can_be_redriven_once_that_time_has_come(
    buffer: Buffer, tmp_path: Path
) -> None:
    time_s = LATER_NS // 10**9 - 60
    receive(buffer, "hubs/armley/temperature/air-1", b'{"time": %d, "value": 21.5}' % time_s, estate=ARMLEY)

    assert BufferReader(tmp_path).quarantine.get(1).reason is Reason.CLOCK_AHEAD
    assert drive(tmp_path, ARMLEY) == [(1, 1)]


@pytest.mark.parametrize("maybe_repeated", [False, True])
def test_what_may_be_a_repeat_is_marked_so_once_it_is_sent_again(
    buffer: Buffer, tmp_path: Path, *, maybe_repeated: bool
) -> None:
    decoder = Decoder(Registry(NOWHERE), clock_ns=lambda: NOW_NS)
    untimed = Message(b"hubs/armley/temperature/air-1", b"21.5", 1)
    buffer.commit(decoder.decode([untimed], maybe_repeated=maybe_repeated))
    drive(tmp_path, ARMLEY)
    assert buffer.pending.oldest(10)[0].lines.endswith(b",maybe_repeated=true %d" % NOW_NS) == maybe_repeated
    assert buffer.ledger.read().notes == ({"maybe_repeated": 1} if maybe_repeated else {})
