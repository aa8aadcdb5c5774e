"""InfluxDB goes away in the middle of a replay: nothing is lost, memory stays bounded, the buffer drains afterwards."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest import Ledger
from tests.cli.command import Running
from tests.e2e.conftest import influx_settings
from tests.e2e.pipeline import Pipeline, write_recording
from tests.servers import Influxd
from tests.waiting import wait_until

pytestmark = pytest.mark.needs("mosquitto", "influxd")

READINGS = 40_000
PENDING_AT_LEAST = 25_000
# An idle ingest takes about 60 MB; what waits for the store has to wait on disk.
MEMORY_MAX_MB = 100
ESTATE = "name: One hub\ntimezone: UTC\nhubs: [{id: library, name: Library}]\n"


def counts() -> Iterator[tuple[datetime, int]]:
    rng = random.Random(READINGS)
    start = datetime(2026, 1, 5, tzinfo=UTC)
    for number in range(READINGS):
        yield start + timedelta(seconds=20 * number), rng.randrange(4)


def test_a_replay_survives_that_influxdb_is_stopped(
    own_influxd: Influxd, make_pipeline: Callable[..., Pipeline], tmp_path: Path
) -> None:
    expected: Counter[str] = Counter()
    messages = []
    for time, entries in counts():
        expected[time.date().isoformat()] += entries
        messages.append(("hubs/library/footfall/door", f'{{"time": {time.timestamp():.0f}, "entries": {entries}}}'))
    recording = write_recording(tmp_path / "counts.jsonl", messages)
    estate = tmp_path / "estate.yaml"
    estate.write_text(ESTATE)
    pipeline = make_pipeline(
        estate,
        **influx_settings(own_influxd, "hubs"),
        HUBPULSE_INGEST__BACKOFF_MAX_S=1,
        HUBPULSE_INGEST__FLUSH_LINES_MAX=500,
    )
    with pipeline.start_ingest() as ingest:
        pipeline.wait_until_subscribed(ingest)
        with pipeline.command.start("replay", recording, "--speed", "max") as replay:
            wait_until(lambda: ledger(pipeline, ingest).readings_stored, 30, "the first readings to be stored")
            own_influxd.stop()
            wait_until(lambda: ledger(pipeline, ingest).readings_accepted == READINGS, 60, "the rest to be buffered")
            assert replay.wait().exit_code == 0
        during = ledger(pipeline, ingest)
        assert during.balanced
        assert during.readings_pending >= PENDING_AT_LEAST
        assert own_influxd.url in doctor_line(pipeline, "store")
        assert ingest.memory_peak_mb < MEMORY_MAX_MB

        own_influxd.start()
        after = pipeline.wait_until_all_stored(ingest)
        assert ingest.memory_peak_mb < MEMORY_MAX_MB
    assert (after.readings_stored, after.readings_store_rejected, after.balanced) == (READINGS, 0, True)
    found = pipeline.export(min(expected), max(expected), "library")
    assert {day: int(row["entries"]) for day, row in found.items()} == expected


def ledger(pipeline: Pipeline, ingest: Running) -> Ledger:
    """The ledger now, of an ingest that is still alive."""
    assert ingest.is_running, ingest.err
    now = pipeline.ledger()
    assert now is not None
    return now


def doctor_line(pipeline: Pipeline, part: str) -> str:
    """What the doctor says of a part that is not well."""
    answer = pipeline.command.run("doctor")
    assert answer.exit_code == 1
    return next(line for line in answer.out.splitlines() if line.startswith("failed") and part in line)
