"""Kill -9 at any moment, start again, finish: the figures are the same and the ledger balances each time."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.buffer import BufferReader
from ingest.ledger import Ledger
from tests.e2e.conftest import StoreSettings
from tests.e2e.pipeline import Pipeline, shipped_estate, write_recording
from tests.e2e.test_data_sets import CALIT2_PART, door_days
from tests.line import Line, Mode
from tests.real_parts import SHARED_DATA
from tests.waiting import wait_until

pytestmark = pytest.mark.needs("mosquitto", "influxd")

READINGS_A_MESSAGE = 3
UNDATED_MESSAGES = 1000
WATCH_EVERY_S = 0.0005
# One message a commit and few lines a write, so that there are thousands of moments to be killed at.
SMALL_STEPS = {"HUBPULSE_MQTT__RECEIVE_MAX": 1, "HUBPULSE_INGEST__FLUSH_LINES_MAX": 10}
Arguments = tuple[str | Path, ...]
UNDATED_HUB = "  - {id: library, name: Library, timezone: UTC}\n"


def replay_and_kill(
    pipeline: Pipeline, replays: list[tuple[str | Path, ...]], readings: int, kills: int
) -> list[Ledger]:
    """Replay so many readings while ingest is killed again and again: the ledger as each kill left it, and the last."""
    rng = random.Random(readings)
    left = []
    with ExitStack() as running:
        ingest = running.enter_context(pipeline.start_ingest())
        pipeline.wait_until_subscribed(ingest)
        buffer = running.enter_context(closing(BufferReader(pipeline.data)))
        started = [
            running.enter_context(pipeline.command.start("replay", *arguments, "--speed", "max"))
            for arguments in replays
        ]
        for kills_left in range(kills, 0, -1):
            done = progress(buffer.ledger.read())
            step = (2 * readings - done) / (kills_left + 1) * rng.uniform(0.1, 1.5)
            wait_until_beyond(done + step, buffer)
            ingest.kill()
            left.append(buffer.ledger.read())
            ingest = running.enter_context(pipeline.start_ingest())
        for replay in started:
            assert replay.wait().exit_code == 0, replay.err
        left.append(pipeline.wait_until_all_stored(ingest))
    return left


def progress(ledger: Ledger) -> int:
    """Each reading makes two steps: into the buffer, and into the store."""
    return ledger.readings_accepted + ledger.readings_stored


def wait_until_beyond(steps: float, buffer: BufferReader) -> None:
    wait_until(lambda: progress(buffer.ledger.read()) > steps, 30, f"progress beyond {steps:.0f}", poll_s=WATCH_EVERY_S)


@pytest.fixture
def calit2_or_part() -> Path:
    """The whole door, or the part of it that is kept with the tests."""
    whole = SHARED_DATA / "uci_calit2" / "calit2_inout_30min.csv"
    return whole if whole.exists() else CALIT2_PART


@pytest.mark.timeout(300)
@pytest.mark.parametrize("store_settings, kills", [("influxdb", 20), ("sqlite", 5)], indirect=["store_settings"])
def test_the_figures_are_the_same_after_every_kill(
    calit2_or_part: Path,
    store_settings: StoreSettings,
    kills: int,
    make_pipeline: Callable[..., Pipeline],
    tmp_path: Path,
) -> None:
    expected = door_days(calit2_or_part)
    undated = list(undated_counts(UNDATED_MESSAGES))
    recording = write_recording(tmp_path / "undated.jsonl", [(topic, payload) for topic, payload, _ in undated])
    estate = tmp_path / "estate.yaml"
    estate.write_text(shipped_estate("calit2").read_text() + UNDATED_HUB)
    pipeline = make_pipeline(estate, **store_settings, **SMALL_STEPS)
    door = (calit2_or_part, "--mapping", "calit2", "--readings-per-message", str(READINGS_A_MESSAGE))
    readings = len(expected) * 48 + UNDATED_MESSAGES

    ledgers = replay_and_kill(pipeline, [door, (recording,)], readings, kills)

    assert [ledger.balanced for ledger in ledgers] == [True] * (kills + 1)
    *at_kills, last = map(progress, ledgers)
    assert sorted(set(at_kills)) == at_kills, "some kills came while nothing was under way"
    assert at_kills[0] < readings / 2
    assert at_kills[-1] < last
    found = pipeline.export(min(expected), max(expected), "calit2")
    assert {day: {name: row[name] for name in ("entries", "exits")} for day, row in found.items()} == expected
    assert entries_around_now(pipeline) == sum(count for _, _, count in undated)


def undated_counts(number: int) -> Iterator[tuple[str, str, int]]:
    """(topic, payload, entries) of counts without a time of their own, most of them equal to many others."""
    rng = random.Random(number)
    for _ in range(number):
        count = rng.randrange(3)
        yield "hubs/library/footfall/door", f'{{"entries": {count}}}', count


def entries_around_now(pipeline: Pipeline) -> int:
    """The library's entries of yesterday to tomorrow: midnight may pass while a test runs."""
    now = datetime.now(UTC)
    first, last = ((now + timedelta(days=days)).date().isoformat() for days in (-1, 1))
    return sum(int(row.get("entries", 0)) for row in pipeline.export(first, last, "library").values())


@pytest.mark.parametrize(
    "store_settings, workers", [("influxdb", 1), ("sqlite", 1), ("sqlite", 3)], indirect=["store_settings"]
)
def test_a_kill_between_commit_and_acknowledgement_counts_nobody_twice(
    store_settings: StoreSettings, workers: int, make_pipeline: Callable[..., Pipeline], tmp_path: Path
) -> None:
    sent = list(undated_counts(UNDATED_MESSAGES))
    recording = write_recording(tmp_path / "undated.jsonl", [(topic, payload) for topic, payload, _ in sent])
    estate = tmp_path / "estate.yaml"
    estate.write_text(f"name: One hub\ntimezone: UTC\nhubs:\n{UNDATED_HUB}")
    pipeline = make_pipeline(estate, **store_settings, HUBPULSE_INGEST__WORKERS=workers)
    with Line(pipeline.broker.port) as line:
        with pipeline.start_ingest(HUBPULSE_MQTT__PORT=line.port) as ingest:
            pipeline.wait_until_subscribed(ingest)
            line.set(Mode.ONE_WAY)
            assert pipeline.replay(recording) == len(sent)
            first = pipeline.wait_until_all_stored(ingest)
        assert first.readings_stored == len(sent)
    with pipeline.start_ingest() as ingest:
        second = pipeline.wait_until_all_stored(ingest)
    # Not one acknowledgement had reached the broker: it delivered everything again.
    again = len(sent) + 1  # with the message that ends the first part
    assert (second.messages_redelivered, second.readings_stored, second.balanced) == (again, len(sent), True)
    assert entries_around_now(pipeline) == sum(count for _, _, count in sent)


def test_a_broker_that_sends_more_than_it_may_makes_nobody_count_twice(
    make_pipeline: Callable[..., Pipeline], tmp_path: Path
) -> None:
    """Mosquitto 2.0.11 answers each acknowledgement with as many messages as ReceiveMaximum allows in all.

    So far more than that come again after a kill, and for each its first receive time has to be known.
    """
    receive_max = 50
    sent = list(undated_counts(20_000))
    recording = write_recording(tmp_path / "undated.jsonl", [(topic, payload) for topic, payload, _ in sent])
    estate = tmp_path / "estate.yaml"
    estate.write_text(f"name: One hub\ntimezone: UTC\nhubs:\n{UNDATED_HUB}")
    pipeline = make_pipeline(estate, HUBPULSE_MQTT__RECEIVE_MAX=receive_max)
    with pipeline.start_ingest() as ingest:
        pipeline.wait_until_subscribed(ingest)
    assert pipeline.replay(recording) == len(sent)
    with (
        Line(pipeline.broker.port) as line,
        pipeline.start_ingest(HUBPULSE_MQTT__PORT=line.port),
        closing(BufferReader(pipeline.data)) as buffer,
    ):

        def received() -> int:
            return buffer.ledger.read().messages_received

        wait_until(lambda: received() > receive_max, 30, "the first acknowledgements to arrive", poll_s=WATCH_EVERY_S)
        line.set(Mode.ONE_WAY)
        wait_until(no_longer_changes(received), 30, "the flood to end")
    with pipeline.start_ingest() as ingest:
        pipeline.wait_until_all_stored(ingest)
    assert entries_around_now(pipeline) == sum(count for _, _, count in sent)


def no_longer_changes(count: Callable[[], int], looks: int = 50) -> Callable[[], bool]:
    """A condition: the count was the same at so many looks in a row."""
    seen: list[int] = []

    def is_steady() -> bool:
        seen.append(count())
        return len(seen) >= looks and len(set(seen[-looks:])) == 1

    return is_steady
