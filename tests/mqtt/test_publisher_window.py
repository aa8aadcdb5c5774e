"""The window forgets no message, over however many connections, and keeps to what a broker allows."""

from hypothesis import given
from hypothesis import strategies as st

from mqtt.connection import Terms
from mqtt.window import Window
from simulators.messages import TimedMessage

V5 = Terms(is_v5=True)
SUCCESS, NO_SUBSCRIBER, NOT_AUTHORISED = 0x00, 0x10, 0x87


def message(number: int) -> TimedMessage:
    return TimedMessage(0, "t", b"%05d" % number)


def packet_id(packet: bytes) -> int:
    """The id in the packet of a `message`: after the fixed header (2 bytes) and the topic (2 + 1)."""
    return int.from_bytes(packet[5:7], "big")


def number_in(packet: bytes) -> int:
    return int(packet[-5:])


def test_what_is_unanswered_is_due_again_in_its_order_over_two_lost_connections() -> None:
    window = Window(10)
    window.open(V5)
    for number in range(6):
        window.admit(message(number), 0)
    window.open(V5)
    assert [number_in(window.again(0) or b"") for _ in range(3)] == [0, 1, 2]
    window.open(V5)
    again = list(iter(lambda: window.again(0), None))
    assert [number_in(packet) for packet in again] == [0, 1, 2, 3, 4, 5]
    assert {packet[0] for packet in again} == {0x3A}  # PUBLISH at QoS 1, marked as sent before


def test_a_broker_that_takes_few_at_a_time_is_given_few() -> None:
    window = Window(1000)
    window.open(Terms(is_v5=True, receive_max=3))
    assert _fill(window, 10) == 3
    window.open(Terms(is_v5=True, receive_max=2))
    assert [window.again(0) is not None, window.again(0) is not None, window.has_room] == [True, True, False]


def _fill(window: Window, number: int) -> int:
    admitted = 0
    while window.has_room and admitted < number:
        window.admit(message(admitted), 0)
        admitted += 1
    return admitted


def test_an_id_in_use_is_not_given_again() -> None:
    window = Window(65_535)
    window.open(V5)
    stuck = packet_id(window.admit(message(0), 0))
    given_ids = set()
    for number in range(70_000):
        given_id = packet_id(window.admit(message(number % 1000), 0))
        given_ids.add(given_id)
        window.settle([(given_id, SUCCESS)], 0)
    assert stuck not in given_ids
    assert 0 not in given_ids
    assert window.settled == 0  # the first is still out


def test_answers_are_counted_by_what_they_say() -> None:
    window = Window(10)
    window.open(V5)
    ids = [packet_id(window.admit(message(number), 1.0)) for number in range(4)]
    answers = [(ids[0], SUCCESS), (ids[1], NO_SUBSCRIBER), (ids[2], NOT_AUTHORISED), (ids[2], SUCCESS), (999, SUCCESS)]
    assert window.settle(answers, 1.5) == [0.5, 0.5, 0.5]
    report = window.report(complete=True)
    assert (report.sent, report.acknowledged, report.refused) == (4, 2, {"Not authorized": 1})
    assert (window.done, window.settled, window.empty) == (3, 3, False)


@given(st.data())
def test_every_message_is_answered_for_in_the_end(data: st.DataObject) -> None:
    """Random sending, answering in any order, and losing of connections, against a plain list of what is out."""
    window = Window(data.draw(st.integers(1, 8)))
    window.open(V5)
    out: dict[int, int] = {}
    answered: set[int] = set()
    sent = 0
    for _ in range(data.draw(st.integers(0, 60))):
        action = data.draw(st.sampled_from(["send", "send", "answer", "lose"]))
        if action == "send" and window.has_room:
            packet = window.again(0)
            if packet is None:
                packet = window.admit(message(sent), 0)
                sent += 1
            assert packet_id(packet) not in out
            out[packet_id(packet)] = number_in(packet)
        elif action == "answer" and out:
            answered_id = data.draw(st.sampled_from(sorted(out)))
            window.settle([(answered_id, SUCCESS)], 0)
            answered.add(out.pop(answered_id))
        elif action == "lose":
            window.open(V5)
            out.clear()
        waiting = set(range(sent)) - answered
        assert window.settled == min(waiting, default=sent)
        assert window.done == len(answered)
        assert window.empty == (not waiting)
    while (packet := window.again(0)) is not None:
        window.settle([(packet_id(packet), SUCCESS)], 0)
        answered.add(number_in(packet))
    for open_id, number in out.items():
        window.settle([(open_id, SUCCESS)], 0)
        answered.add(number)
    assert answered == set(range(sent))
    assert window.empty
    assert window.report(complete=True).acknowledged == sent
