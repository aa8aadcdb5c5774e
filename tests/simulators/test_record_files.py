"""Recordings on disk: what is written is read back, byte for byte, even after a power cut."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import HubpulseError
from simulators import recordings
from simulators.messages import TimedMessage, decode, encode
from simulators.recordings import Recording, RecordingWriter

TOPICS = st.text(st.characters(exclude_characters="+#\0", exclude_categories=["Cs"]), min_size=1, max_size=50)
TIMES = st.integers(0, 4 * 10**18)  # 1970 to 2096
MESSAGES = st.builds(TimedMessage, TIMES, TOPICS, st.binary(max_size=200) | st.text(max_size=80).map(str.encode))

GOOD = TimedMessage(1_000_000_000_000_000_000, "hubs/armley/co2/air", b"600")


@given(MESSAGES)
def test_a_message_survives_its_line(message: TimedMessage) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == message


@given(messages=st.lists(MESSAGES, max_size=20), gzipped=st.booleans())
def test_a_recording_is_read_back_as_written(
    tmp_path_factory: pytest.TempPathFactory, messages: list[TimedMessage], gzipped: bool
) -> None:
    path = tmp_path_factory.mktemp("recording") / ("r.jsonl.gz" if gzipped else "r.jsonl")
    with RecordingWriter(path) as writer:
        for message in messages:
            writer.write(message)
    assert list(Recording(path).messages()) == messages


def test_a_line_is_as_documented() -> None:
    assert json.loads(encode(GOOD)) == {"time": "2001-09-09T01:46:40Z", "topic": GOOD.topic, "payload": "600"}
    assert json.loads(encode(GOOD._replace(payload=b"\xff\x00")))["payload_b64"] == "/wA="


@pytest.mark.parametrize("time", ['"2001-09-09T03:46:40+02:00"', "1000000000", "1000000000.0", "1000000000000"])
def test_times_of_other_recorders_are_understood(time: str) -> None:
    line = b'{"time":%s,"topic":"hubs/armley/co2/air","payload":"600","qos":1}' % time.encode()
    assert decode(line) == GOOD


@pytest.mark.parametrize(
    "line, problem",
    [
        (b"nothing", "not JSON"),
        (b"[1]", "not an object with time and topic"),
        (b'{"topic":"a","payload":""}', "not an object with time and topic"),
        (b'{"time":"yesterday","topic":"a","payload":""}', "'yesterday' is not a time"),
        (b'{"time":true,"topic":"a","payload":""}', "True is no time"),
        (b'{"time":NaN,"topic":"a","payload":""}', "nan is not a time"),
        (b'{"time":0,"topic":"a/#","payload":""}', "topic 'a/#' can't be published to"),
        (b'{"time":0,"topic":"a"}', "needs payload .* or payload_b64"),
        (b'{"time":0,"topic":"a","payload":"","payload_b64":""}', "one of them"),
        (b'{"time":0,"topic":"a","payload_b64":"?"}', "payload_b64 is not base64"),
        (b'{"time":0,"topic":"a","payload":"\\ud800"}', "surrogates not allowed"),
    ],
)
def test_a_line_that_is_no_message_says_why(line: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        decode(line)


def test_broken_lines_among_good_ones_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(encode(GOOD) + b"half a li\n\n" + encode(GOOD) + b'{"time":1}\n')
    recording = Recording(path)
    assert list(recording.messages()) == [GOOD, GOOD]
    assert recording.skipped.counts == {recordings.NO_MESSAGE: 2}
    assert "first: line 2: not JSON" in recording.skipped.lines()[0]


def test_a_table_is_not_taken_for_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("time,in\n2026-01-01,3\n")
    with pytest.raises(HubpulseError, match=r"counts.csv:1: no recording .*needs a mapping: --mapping M.yaml"):
        list(Recording(path).messages())


def test_what_was_flushed_survives_a_power_cut(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "r.jsonl.gz")
    for _ in range(100):
        writer.write(GOOD)
    writer.flush()
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes((tmp_path / "r.jsonl.gz").read_bytes())
    writer.close()
    found: list[TimedMessage] = []
    with pytest.raises(HubpulseError, match="cut short or damaged"):
        found.extend(Recording(cut).messages())
    assert found == [GOOD] * 100


def test_rotation_starts_numbered_files_that_hold_everything(tmp_path: Path) -> None:
    messages = [GOOD._replace(payload=b"%d" % number) for number in range(1000)]
    with RecordingWriter(tmp_path / "r.jsonl", rotate_bytes=10_000) as writer:
        for message in messages:
            writer.write(message)
    assert [path.name for path in writer.paths[:2]] == ["r.0001.jsonl", "r.0002.jsonl"]
    assert len(writer.paths) > 5
    assert all(path.stat().st_size < 11_000 for path in writer.paths)
    assert [message for path in writer.paths for message in Recording(path).messages()] == messages


def test_rotated_gzip_files_can_be_joined_with_cat(tmp_path: Path) -> None:
    messages = [GOOD._replace(time_ns=number * 7_919_000_000_123) for number in range(5000)]
    with RecordingWriter(tmp_path / "r.jsonl.gz", rotate_bytes=10_000) as writer:
        for message in messages:
            writer.write(message)
    assert len(writer.paths) > 1
    joined = tmp_path / "joined.jsonl.gz"
    joined.write_bytes(b"".join(path.read_bytes() for path in writer.paths))
    assert list(Recording(joined).messages()) == messages
    assert gzip.decompress(joined.read_bytes()).count(b"\n") == 5000


def test_a_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text("precious")
    with pytest.raises(HubpulseError, match=r"r.jsonl exists already: choose another name"):
        RecordingWriter(path)
    assert path.read_text() == "precious"


def test_a_folder_that_is_not_there_is_a_plain_error(tmp_path: Path) -> None:
    with pytest.raises(HubpulseError, match=r"can't write .*: No such file or directory; check folder"):
        RecordingWriter(tmp_path / "none" / "r.jsonl")


def test_a_full_disk_is_a_plain_error(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with RecordingWriter(tmp_path / "r.jsonl") as writer, Path("/dev/full").open("wb", buffering=0) as full:
        kept, writer._raw = writer._raw, full
        with pytest.raises(HubpulseError, match=r"can't write .*r.jsonl: No space left on device; check"):
            writer.write(GOOD)
        writer._raw = kept
