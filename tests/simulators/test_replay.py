"""Replaying keeps spacing, never sends the future, and goes on where it broke off."""

import json
import math
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt.publisher import Publisher
from schemas import HubpulseError
from schemas.localtime import rfc3339
from simulators import replay as replaying
from simulators.messages import TimedMessage
from simulators.recordings import Recording, RecordingWriter
from simulators.replay import (
    Bookmark,
    Extent,
    ReplayReport,
    Spacing,
    measure,
    open_source,
    parse_speed,
    replay,
    shift_to,
    shifted,
)
from tests.servers import Mosquitto
from tests.simulators.listening import Listener, settings_of
from tests.simulators.tabulated import shipped, table

HOUR_NS = 3600 * 10**9
NOW_NS = 1_800_000_000 * 10**9


def native(number: int) -> TimedMessage:
    time_ns = 10**18 + number * 10**9
    return TimedMessage(
        time_ns, "hubs/armley/co2/air", b'{"time":"%s","co2_ppm":%d}' % (rfc3339(time_ns).encode(), number)
    )


def recording(tmp_path: Path, number: int) -> Recording:
    path = tmp_path / "r.jsonl"
    with RecordingWriter(path) as writer:
        for count in range(number):
            writer.write(native(count))
    return Recording(path)


def test_the_original_spacing_is_kept_or_scaled() -> None:
    times_ns = [10**18, 10**18 + HOUR_NS, 10**18 + 3 * HOUR_NS]
    for speed, expected in ((1, [50.0, 3650.0, 10850.0]), (60, [50.0, 110.0, 230.0]), (0.5, [50.0, 7250.0, 21650.0])):
        spacing = Spacing(speed, clock_s=lambda: 50.0)
        assert [spacing.due_s(TimedMessage(time_ns, "t", b"")) for time_ns in times_ns] == pytest.approx(expected)


def test_a_message_older_than_the_first_is_due_at_once() -> None:
    spacing = Spacing(1, clock_s=lambda: 50.0)
    spacing.due_s(TimedMessage(10**18, "t", b""))
    assert spacing.due_s(TimedMessage(10**18 - HOUR_NS, "t", b"")) < 50


@pytest.mark.parametrize("text, speed", [("max", math.inf), ("1", 1), ("0.5", 0.5), ("3600", 3600)])
def test_speeds_are_read(text: str, speed: float) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "nan", "inf", ""])
def test_what_is_no_speed_says_what_to_write(text: str) -> None:
    with pytest.raises(HubpulseError, match="write max, or a number above 0"):
        parse_speed(text)


@given(
    first_ns=st.integers(0, 2 * 10**18),
    duration_ns=st.integers(0, 10**17),
    speed=st.floats(0.01, 10_000) | st.just(math.inf),
    part=st.floats(0, 1),
)
def test_shifted_to_now_no_message_is_sent_before_its_time(
    first_ns: int, duration_ns: int, speed: float, part: float
) -> None:
    shift_ns = shift_to(NOW_NS, Extent(first_ns, first_ns + duration_ns, 2), speed)
    after_ns = int(part * duration_ns)
    time_ns, sent_ns = first_ns + after_ns + shift_ns, NOW_NS + after_ns / speed
    assert time_ns <= sent_ns + 1000  # a microsecond for the arithmetic of floats


@pytest.mark.parametrize("speed, newest_ns", [(1, NOW_NS + 10 * HOUR_NS), (10, NOW_NS + HOUR_NS), (math.inf, NOW_NS)])
def test_shifted_to_now_the_newest_message_is_as_new_as_can_be(speed: float, newest_ns: int) -> None:
    span = Extent(10**18, 10**18 + 10 * HOUR_NS, 2)
    assert span.last_ns + shift_to(NOW_NS, span, speed) == newest_ns


@pytest.mark.parametrize(
    "payload, expected",
    [
        ('{"time":"2001-09-09T01:46:40Z","co2_ppm":600}', '{"time":"2001-09-09T02:46:40Z","co2_ppm":600}'),
        ('{"time":1000000000,"co2_ppm":600}', '{"time":"2001-09-09T02:46:40Z","co2_ppm":600}'),
        (
            '[{"time":1000000000000,"co2_ppm":1},{"co2_ppm":2}]',
            '[{"time":"2001-09-09T02:46:40Z","co2_ppm":1},{"co2_ppm":2}]',
        ),
        ("21.40", "21.40"),
        ('{ "value": 1.50 }', '{ "value": 1.50 }'),
    ],
)
def test_the_times_inside_a_native_payload_move_along(payload: str, expected: str) -> None:
    moved, wholly = shifted(TimedMessage(5, "hubs/armley/co2/air", payload.encode()), HOUR_NS)
    assert (moved.time_ns, moved.payload.decode(), wholly) == (5 + HOUR_NS, expected, True)


@pytest.mark.parametrize(
    "topic, payload",
    [
        ("v3/app/devices/d/up", b'{"received_at":"2001-09-09T01:46:40Z"}'),
        ("hubs/armley/co2/air", b"\xff\x00"),
        ("hubs/armley/co2/air", b'{"time":"yesterday","co2_ppm":1}'),
        ("hubs/armley/co2/air", b'{"time":NaN,"co2_ppm":1}'),
        ("hubs/armley/co2/air", b"[" * 100_000),
    ],
)
def test_a_payload_whose_times_cannot_be_moved_is_sent_as_it_is_and_said_so(topic: str, payload: bytes) -> None:
    assert shifted(TimedMessage(5, topic, payload), HOUR_NS) == (TimedMessage(5 + HOUR_NS, topic, payload), False)


def test_a_source_is_measured_whatever_its_order(tmp_path: Path) -> None:
    rows = ["2026-01-01 02:00,1", "2026-01-01 01:00,2", "2026-01-01 04:00,3"]
    span = measure(table(tmp_path, "time,in\n" + "\n".join(rows)))
    assert span is not None
    assert (span.last_ns - span.first_ns, span.messages) == (3 * HOUR_NS, 3)
    assert measure(table(tmp_path, "time,in\n", name="empty.csv")) is None


def test_a_recording_is_replayed_whole_and_in_order(mosquitto: Mosquitto, tmp_path: Path) -> None:
    source = recording(tmp_path, 500)
    progress: list[int] = []
    with Listener(mosquitto.port) as listener, Publisher(settings_of(mosquitto.port)) as publisher:
        outcome = replay(source, publisher, Bookmark(tmp_path, source), on_progress=progress.append)
        listener.wait_for(500)
    assert listener.received == [(message.topic, message.payload) for message in map(native, range(500))]
    assert (outcome.before, outcome.sent, outcome.acknowledged, outcome.complete) == (0, 500, 500, True)
    assert sum(progress) == 500


def test_at_ten_thousand_times_the_speed_an_hour_takes_a_third_of_a_second(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    rows = "".join(f"2026-01-01 00:{minute:02},1\n" for minute in range(60))
    source = table(tmp_path, "time,in\n" + rows)
    with Publisher(settings_of(mosquitto.port)) as publisher:
        outcome = replay(source, publisher, Bookmark(tmp_path, source), speed=10_000)
    assert outcome.acknowledged == 60
    assert outcome.seconds >= 59 * 60 / 10_000


def test_times_are_shifted_and_what_cannot_be_is_noted(mosquitto: Mosquitto, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with RecordingWriter(path) as writer:
        writer.write(native(1))
        writer.write(TimedMessage(10**18, "v3/app/devices/d/up", b"{}"))
    source = Recording(path)
    bookmark = Bookmark(tmp_path, source)
    bookmark.shift_ns = HOUR_NS
    with Listener(mosquitto.port) as listener, Publisher(settings_of(mosquitto.port)) as publisher:
        outcome = replay(source, publisher, bookmark)
        listener.wait_for(2)
    assert json.loads(listener.payloads[0])["time"] == rfc3339(native(1).time_ns + HOUR_NS)
    assert outcome.notes.counts == {replaying.NOT_SHIFTED: 1}


def stopped_after(number: int, source: Recording, bookmark: Bookmark, port: int) -> ReplayReport:
    sent = 0

    def count(more: int) -> None:
        nonlocal sent
        sent += more

    with Publisher(settings_of(port), window_messages=10) as publisher:
        return replay(source, publisher, bookmark, on_progress=count, stop=lambda: sent >= number)


def test_a_stopped_replay_goes_on_where_it_stopped(mosquitto: Mosquitto, tmp_path: Path) -> None:
    source = recording(tmp_path, 1000)
    with Listener(mosquitto.port) as listener:
        first = stopped_after(300, source, Bookmark(tmp_path, source), mosquitto.port)
        bookmark = Bookmark(tmp_path, source)
        assert bookmark.load()
        second = stopped_after(10_000, source, bookmark, mosquitto.port)
        listener.wait_for(1000)
    assert (first.complete, second.complete) == (False, True)
    assert first.sent + second.sent == 1000
    assert second.before == first.sent
    assert listener.payloads == [native(number).payload for number in range(1000)]


def test_a_replay_that_lost_its_broker_goes_on_and_every_message_arrives(mosquitto: Mosquitto, tmp_path: Path) -> None:
    source = recording(tmp_path, 1000)

    class Failing(Recording):
        def messages(self) -> Generator[TimedMessage]:
            for number, message in enumerate(super().messages()):
                if number == 700:
                    mosquitto.stop()
                yield message

    with Listener(mosquitto.port, client_id="kept", keeps_session=True):
        pass
    failing = Failing(tmp_path / "r.jsonl")
    publisher = Publisher(settings_of(mosquitto.port), patience_s=0.2)
    with pytest.raises(HubpulseError, match="the connection was lost"), publisher:
        replay(failing, publisher, Bookmark(tmp_path, failing))
    mosquitto.start()
    bookmark = Bookmark(tmp_path, source)
    assert bookmark.load()
    assert 0 < bookmark.settled <= 700
    with Publisher(settings_of(mosquitto.port)) as publisher:
        replay(source, publisher, bookmark)
    with Listener(mosquitto.port, client_id="kept", keeps_session=True) as listener:
        listener.wait_for_each(native(number) for number in range(1000))


def test_a_finished_replay_leaves_no_bookmark(mosquitto: Mosquitto, tmp_path: Path) -> None:
    source = recording(tmp_path, 5)
    with Publisher(settings_of(mosquitto.port)) as publisher:
        replay(source, publisher, Bookmark(tmp_path / "marks", source))
    assert not Bookmark(tmp_path / "marks", source).load()
    assert list((tmp_path / "marks").glob("*")) == []


def test_a_bookmark_is_for_exactly_one_file_mapping_and_options(tmp_path: Path) -> None:
    source = recording(tmp_path, 5)
    bookmark = Bookmark(tmp_path, source)
    bookmark.settled, bookmark.shift_ns = 3, 7
    bookmark.save()
    again = Bookmark(tmp_path, open_source(tmp_path / "r.jsonl"))
    assert again.load()
    assert (again.settled, again.shift_ns) == (3, 7)

    rows = table(tmp_path, "time,in\n2026-01-01 00:00,1\n")
    arrays = table(tmp_path, "time,in\n2026-01-01 00:00,1\n", readings_per_message=2)
    Bookmark(tmp_path, rows).save()
    assert not Bookmark(tmp_path, arrays).load()
    assert not Bookmark(tmp_path, shipped(tmp_path / "counts.csv", "calit2")).load()
    with (tmp_path / "r.jsonl").open("ab") as more:
        more.write(b"\n")
    assert not Bookmark(tmp_path, open_source(tmp_path / "r.jsonl")).load()


@pytest.mark.parametrize("content", ["", "{}", "null", '{"settled":"x","shift_ns":0}'])
def test_a_broken_bookmark_says_what_to_do(tmp_path: Path, content: str) -> None:
    source = recording(tmp_path, 5)
    Bookmark(tmp_path, source).save()
    (path,) = tmp_path.glob("*.json")
    path.write_text(content)
    with pytest.raises(HubpulseError, match=r"is unreadable .*remove it and replay from the start"):
        Bookmark(tmp_path, source).load()


def test_a_folder_that_cannot_be_written_is_a_plain_error(tmp_path: Path) -> None:
    source = recording(tmp_path, 5)
    with pytest.raises(HubpulseError, match=r"can't write .*check --data"):
        Bookmark(tmp_path / "r.jsonl" / "below-a-file", source).save()
