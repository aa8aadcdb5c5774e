"""Recording from a real broker: everything, in order, without anybody's MAC address."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt.publisher import Publisher
from schemas import HubpulseError
from simulators import record as recording_module
from simulators.messages import TimedMessage
from simulators.record import MacHasher, Recorder, RecordReport, holds_mac
from simulators.recordings import Recording, RecordingWriter
from tests.servers import Mosquitto, free_port
from tests.simulators.listening import numbered, settings_of
from tests.waiting import wait_until

MAC = "a4:c1:38:0b:1c:2d"


class Recorded:
    """A recorder in a thread of its own, and what it reported at the end."""

    def __init__(self, port: int, path: Path, **options: object) -> None:
        self._stop = Event()
        self.started = Event()
        self.written = 0
        self.path = path
        self.report: RecordReport | None = None
        self.error: HubpulseError | None = None
        self._writer = RecordingWriter(path)
        clock = itertools.count(10**18, 10**9)
        self._recorder = Recorder(settings_of(port), self._writer, now_ns=lambda: next(clock), **options)  # type: ignore[arg-type] # options pass through
        self._thread = Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.report = self._recorder.run(on_progress=self._note, stop=self._stop.is_set)
        except HubpulseError as error:
            self.error = error
        finally:
            self._writer.close()

    def _note(self, written: int) -> None:
        self.written = written
        self.started.set()

    def start(self) -> None:
        self._thread.start()
        wait_until(lambda: self.started.is_set() or not self._thread.is_alive(), 10, "the recorder")

    def stop(self) -> RecordReport:
        self._stop.set()
        self._thread.join(20)
        assert self.report is not None, self.error
        return self.report

    def wait_for_end(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()

    def messages(self) -> list[TimedMessage]:
        return list(Recording(self.path).messages())


@contextmanager
def recorded(port: int, path: Path, **options: object) -> Iterator[Recorded]:
    recorder = Recorded(port, path, **options)
    recorder.start()
    try:
        yield recorder
    finally:
        recorder._stop.set()
        recorder.wait_for_end()


def publish(port: int, messages: list[TimedMessage]) -> None:
    with Publisher(settings_of(port)) as publisher:
        publisher.publish_all(messages)


def test_what_the_broker_delivers_is_written_in_order_with_its_receive_time(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    sent = [
        *numbered(500),
        TimedMessage(0, "v3/app/devices/d/up", b"\xff\x00\x80"),
        TimedMessage(0, "retained/empty", b""),
    ]
    with recorded(mosquitto.port, tmp_path / "r.jsonl.gz") as recorder:
        publish(mosquitto.port, sent)
        wait_until(lambda: recorder.written == 502, 20, "502 messages")
        report = recorder.stop()
    found = recorder.messages()
    assert [(m.topic, m.payload) for m in found] == [(m.topic, m.payload) for m in sent]
    assert [m.time_ns for m in found] == [10**18 + number * 10**9 for number in range(502)]
    assert (report.written, report.paths, report.skipped.counts) == (502, (tmp_path / "r.jsonl.gz",), {})


def test_only_the_topics_asked_for_are_recorded(mosquitto: Mosquitto, tmp_path: Path) -> None:
    wanted = [TimedMessage(0, "hubs/a/co2/x", b"1"), TimedMessage(0, "v3/app/up", b"2")]
    with recorded(mosquitto.port, tmp_path / "r.jsonl", topics=["hubs/#", "v3/+/up"]) as recorder:
        publish(mosquitto.port, [TimedMessage(0, "other/topic", b"0"), *wanted])
        wait_until(lambda: recorder.written == 2, 20, "two messages")
        recorder.stop()
    assert [message.payload for message in recorder.messages()] == [b"1", b"2"]


@pytest.mark.parametrize(
    "messages_max, duration_s", [(10, None), (10, 3600)], ids=["a number of messages", "whichever comes first"]
)
def test_recording_ends_after_a_number_of_messages(
    mosquitto: Mosquitto, tmp_path: Path, messages_max: int, duration_s: float | None
) -> None:
    writer = RecordingWriter(tmp_path / "r.jsonl")
    started = Event()
    reports = []

    def run() -> None:
        recorder = Recorder(settings_of(mosquitto.port), writer)
        reports.append(
            recorder.run(messages_max=messages_max, duration_s=duration_s, on_progress=lambda _: started.set())
        )
        writer.close()

    thread = Thread(target=run)
    thread.start()
    wait_until(started.is_set, 10, "the recorder")
    publish(mosquitto.port, numbered(50))
    thread.join(20)
    assert [report.written for report in reports] == [10]
    assert len(list(Recording(tmp_path / "r.jsonl").messages())) == 10


def test_recording_ends_after_a_duration(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "r.jsonl") as writer:
        report = Recorder(settings_of(mosquitto.port), writer).run(duration_s=0.3)
    assert report.written == 0
    assert 0.3 <= report.seconds < 5


def test_a_message_with_a_mac_address_is_refused_and_counted(mosquitto: Mosquitto, tmp_path: Path) -> None:
    personal = [
        TimedMessage(0, "wifi/clients", b'{"mac":"%s"}' % MAC.encode()),
        TimedMessage(0, f"wifi/{MAC}/rssi", b"-60"),
    ]
    with recorded(mosquitto.port, tmp_path / "r.jsonl") as recorder:
        publish(mosquitto.port, [*personal, *numbered(3)])
        wait_until(lambda: recorder.written == 3, 20, "three messages")
        report = recorder.stop()
    assert report.skipped.counts == {recording_module.HELD_MAC: 2}
    assert MAC not in recorder.path.read_text()
    assert MAC not in "".join(report.skipped.lines())


def test_with_hashing_the_same_device_is_still_the_same(mosquitto: Mosquitto, tmp_path: Path) -> None:
    spellings = [MAC, MAC.upper(), MAC.replace(":", "-"), "a4c1.380b.1c2d", "A4C1380B1C2D"]
    with recorded(mosquitto.port, tmp_path / "r.jsonl", hasher=MacHasher()) as recorder:
        publish(mosquitto.port, [TimedMessage(0, f"wifi/{spelling}", spelling.encode()) for spelling in spellings])
        wait_until(lambda: recorder.written == 5, 20, "five messages")
        recorder.stop()
    messages = recorder.messages()
    assert len({message.topic for message in messages}) == 1
    assert {message.topic for message in messages} == {"wifi/" + message.payload.decode() for message in messages}
    assert not any(holds_mac(message) for message in messages)


@pytest.mark.parametrize(
    "text",
    [
        MAC,
        MAC.upper(),
        "a4-c1-38-0b-1c-2d",
        "a4_c1_38_0b_1c_2d",
        "a4c1.380b.1c2d",
        "a4c1380b1c2d",
        f"phone7{MAC}0",
        f"mac:{MAC}",
        f'{{"mac":"{MAC}"}}',
        f"device-{MAC}",
        "device-a4-c1-38-0b-1c-2d",
        f"[{MAC},{MAC}]",
        "shellyplusht-a8032ab12345/events",
    ],
)
def test_a_mac_address_is_found_however_it_is_written(text: str) -> None:
    assert holds_mac(TimedMessage(0, "t", text.encode()))
    assert holds_mac(TimedMessage(0, text, b""))
    assert not holds_mac(MacHasher().hashed(TimedMessage(0, "t", text.encode())))


@pytest.mark.parametrize(
    "text",
    [
        "24e124710c401234",  # the EUI-64 of a sensor
        "24-E1-24-71-0C-40-12-34",
        "24e1.2471.0c40.1234",
        "123456789012",  # a plain number
        "2026-11-22T10:20:30.123456Z",
        "10:20:30:40:50",
        "deadbeefcafe",  # letters alone are a word
        "192.168.100.200",
        '{"time":"2005-07-24T07:00:00Z","entries":1,"exits":2}',
        "0123456789abcdef0123456789abcdef",
        '{"deduplicationId":"3ac7e3c4-4401-4b8d-9386-a5c902f9202d"}',
    ],
)
def test_what_is_no_mac_address_is_left_alone(text: str) -> None:
    message = TimedMessage(0, "t", text.encode())
    assert not holds_mac(message)
    assert MacHasher().hashed(message) == message


@given(
    before=st.text('xyz:-./"{} ', max_size=10),
    octets=st.binary(min_size=6, max_size=6),
    joint=st.sampled_from(":-_"),
    after=st.text('xyz:-./"{} ', max_size=10),
)
def test_no_text_around_a_mac_address_hides_it(before: str, octets: bytes, joint: str, after: str) -> None:
    message = TimedMessage(0, "t", f"{before}{octets.hex(joint)}{after}".encode())
    assert holds_mac(message)
    assert octets.hex(joint).encode() not in MacHasher().hashed(message).payload


def test_hashes_differ_from_one_recording_to_the_next() -> None:
    message = TimedMessage(0, "t", MAC.encode())
    assert MacHasher().hashed(message) != MacHasher().hashed(message)
    assert MacHasher(b"k").hashed(message) == MacHasher(b"k").hashed(message)


def test_a_lost_connection_is_made_again_and_the_gap_counted(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with recorded(mosquitto.port, tmp_path / "r.jsonl") as recorder:
        publish(mosquitto.port, numbered(5))
        wait_until(lambda: recorder.written == 5, 20, "five messages")
        mosquitto.restart()
        wait_until(lambda: _arrived(mosquitto.port, recorder), 20, "the recorder to come back", poll_s=0.1)
        report = recorder.stop()
    assert report.skipped.counts == {recording_module.GAP: 1}


def _arrived(port: int, recorder: Recorded) -> bool:
    publish(port, numbered(1))
    return recorder.written > 5


def test_a_broker_that_stays_away_ends_the_recording_with_what_it_has(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with recorded(mosquitto.port, tmp_path / "r.jsonl", patience_s=0.2) as recorder:
        publish(mosquitto.port, numbered(5))
        wait_until(lambda: recorder.written == 5, 20, "five messages")
        mosquitto.stop()
        recorder.wait_for_end()
    assert "the connection was lost after 5 messages, and now no broker answers" in str(recorder.error)
    assert len(recorder.messages()) == 5


def test_a_full_disk_ends_the_recording_with_a_plain_error(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with recorded(mosquitto.port, tmp_path / "r.jsonl") as recorder:

        def full(_message: TimedMessage) -> None:
            raise HubpulseError("can't write r.jsonl: No space left on device; check folder, rights and free space")

        recorder._writer.write = full  # type: ignore[method-assign,assignment] # the fault is put in where the disk would raise it
        publish(mosquitto.port, numbered(1))
        recorder.wait_for_end()
    assert "No space left on device" in str(recorder.error)


@pytest.mark.parametrize("topic", ["hubs/#/more", ""])
def test_a_filter_that_is_none_is_a_plain_error(mosquitto: Mosquitto, tmp_path: Path, topic: str) -> None:
    plain = pytest.raises(HubpulseError, match="write topic filters such as hubs/#")
    with RecordingWriter(tmp_path / "r.jsonl") as writer, plain:
        Recorder(settings_of(mosquitto.port), writer, topics=[topic]).run()


def test_no_broker_is_a_plain_error(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "r.jsonl") as writer, pytest.raises(HubpulseError, match="no broker answers"):
        Recorder(settings_of(free_port()), writer).run()
