"""What is known as a redelivery: by session, packet id, mark and bytes, and by nothing less."""

from pathlib import Path

import pytest

from ingest.batches import Batch
from ingest.buffer import Buffer
from mqtt.messages import Message
from tests.ingest.given import DOOR, OpenBuffer, message

COUNT = '{"entries": 1}'


def commit(buffer: Buffer, *messages: Message) -> None:
    came = buffer.sort(list(messages))
    lines = ["line"] * (len(messages) - came.redelivered)
    buffer.commit(Batch(lines=lines, deliveries=messages, messages=len(messages), redelivered=came.redelivered))


def again(packet_id: int, payload: str = COUNT) -> Message:
    return message(DOOR, payload, packet_id, dup=True)


def first(packet_id: int, payload: str = COUNT) -> Message:
    return message(DOOR, payload, packet_id)


@pytest.mark.parametrize("ids", [[65_534, 65_535, 1, 2], [9, 10, 11], [11, 10, 9], [0, 5, 6], [5, 0, 7]])
def test_each_message_has_its_own_digest_whichever_ids_came_together(buffer: Buffer, ids: list[int]) -> None:
    buffer.begin_connection(same_session=False)
    commit(buffer, *(first(packet_id, f'{{"entries": 1{packet_id}}}') for packet_id in ids))
    buffer.begin_connection(same_session=True)

    for packet_id in filter(None, ids):
        assert buffer.sort([again(packet_id, f'{{"entries": 1{packet_id}}}')]).redelivered == 1
        assert buffer.sort([again(packet_id)]).redelivered == 0


@pytest.fixture
def connected(buffer: Buffer) -> Buffer:
    """With two messages committed on the first connection, and a second one that has just begun."""
    buffer.begin_connection(same_session=False)
    commit(buffer, first(7), first(8))
    buffer.begin_connection(same_session=True)
    return buffer


def test_a_redelivery_is_counted_and_not_decoded_however_often_it_comes(connected: Buffer) -> None:
    for number in range(1, 4):
        commit(connected, again(7))
        ledger = connected.ledger.read()
        assert (ledger.messages_redelivered, ledger.messages_accepted, ledger.readings_accepted) == (number, 2, 2)
        assert ledger.balanced
        connected.begin_connection(same_session=True)


@pytest.mark.parametrize(
    "other", [first(7), again(9), again(7, '{"entries": 2}'), message("hubs/b/x", COUNT, 7, dup=True)]
)
def test_another_packet_id_other_bytes_or_no_mark_is_no_redelivery(connected: Buffer, other: Message) -> None:
    came = connected.sort([other])

    assert (came.new, came.unsure, came.redelivered) == ([other], [], 0)


def test_what_never_reached_us_is_new_although_it_is_marked(connected: Buffer) -> None:
    """It was on its way when the connection was lost."""
    came = connected.sort([again(7), again(9), first(10)])

    assert (came.new, came.unsure, came.redelivered) == ([again(9), first(10)], [], 1)


def test_after_the_first_new_message_packet_ids_are_used_anew(connected: Buffer) -> None:
    """A broker that crashed begins its ids anew: another message with the same bytes and id is no redelivery."""
    commit(connected, first(1))
    came = connected.sort([again(7)])

    assert (came.new, came.unsure, came.redelivered) == ([], [again(7)], 0)
    connected.begin_connection(same_session=True)
    assert connected.sort([again(7), again(1)]) == ([again(7)], [], 1)


def test_redeliveries_of_this_connection_stay_known_when_the_older_ones_are_forgotten(
    connected: Buffer, open_buffer: OpenBuffer, tmp_path: Path
) -> None:
    commit(connected, again(7))
    commit(connected, first(1))
    connected.close()
    restarted = open_buffer(tmp_path)
    restarted.begin_connection(same_session=True)

    assert restarted.sort([again(7), again(1), again(8)]) == ([again(8)], [], 2)


def test_a_kill_forgets_nothing(buffer: Buffer, open_buffer: OpenBuffer, tmp_path: Path) -> None:
    buffer.begin_connection(same_session=False)
    commit(buffer, first(7), first(8))
    restarted = open_buffer(tmp_path)
    restarted.begin_connection(same_session=True)

    assert restarted.sort([again(7), again(8), again(9)]) == ([again(9)], [], 2)


def test_nothing_is_compared_across_sessions(connected: Buffer, open_buffer: OpenBuffer, tmp_path: Path) -> None:
    connected.begin_connection(same_session=False)
    assert connected.sort([again(7)]).redelivered == 0
    connected.close()
    restarted = open_buffer(tmp_path)
    restarted.begin_connection(same_session=True)

    assert restarted.sort([again(7)]).redelivered == 0


def test_messages_at_qos_0_are_never_repeats(connected: Buffer) -> None:
    came = connected.sort([message(DOOR, COUNT), message(DOOR, COUNT)])

    assert len(came.new) == 2
    assert connected.sort([again(7)]).redelivered == 1
