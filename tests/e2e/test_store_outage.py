"""InfluxDB goes away in the middle of a replay: nothing is lost, memory stays bounded, the buffer drains afterwards."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.ledger import Ledger
from tests.cli.command import Running
from tests.e2e.conftest import influx_settings
from tests.e2e.pipeline import Pipeline, write_recording
from tests.servers import Influxd
from tests.waiting import wait_until

pytestmark = pytest.mark.needs("mosquitto", "influxd")

MESSAGES = 20_000
READINGS_A_MESSAGE = 20
READINGS = MESSAGES * READINGS_A_MESSAGE
PENDING_AT_LEAST = READINGS * 2 // 3
EVERY_S = 2
# What waits would take some 35 MB: it has to wait on disk.
GROWTH_MAX_MB = 15
MEMORY_MAX_MB = 110
ESTATE = "name: One hub\ntimezone: UTC\nhubs: [{id: library, name: Library}]\n"


def counts() -> Iterator[list[tuple[datetime, int]]]:
    """The readings of each message: a time and how many people came in."""
    rng = random.Random(READINGS)
    start = datetime(2026, 1, 5, tzinfo=UTC)
    for first in range(0, READINGS, READINGS_A_MESSAGE):
        numbers = range(first, first + READINGS_A_MESSAGE)
        yield [(start + timedelta(seconds=EVERY_S * number), rng.randrange(4)) for number in numbers]


def test_a_replay_survives_that_influxdb_is_stopped(
    own_influxd: Influxd, make_pipeline: Callable[..., Pipeline], tmp_path: Path
) -> None:
    expected: Counter[str] = Counter()
    messages = []
    for readings in counts():
        for time, entries in readings:
            expected[time.date().isoformat()] += entries
        payload = [{"time": int(time.timestamp()), "entries": entries} for time, entries in readings]
        messages.append(("hubs/library/footfall/door", json.dumps(payload)))
    recording = write_recording(tmp_path / "counts.jsonl", messages)
    estate = tmp_path / "estate.yaml"
    estate.write_text(ESTATE)
    pipeline = make_pipeline(
        estate,
        **influx_settings(own_influxd, "hubs"),
        HUBPULSE_INGEST__BACKOFF_MAX_S=1,
        # Small batches, so that what grows can only be what waits.
        HUBPULSE_INGEST__BATCH_MESSAGES_MAX=200,
        # More than a hub may send at once.
        HUBPULSE_INGEST__HUB_MESSAGES_BURST=READINGS,
    )
    with pipeline.start_ingest() as ingest:
        pipeline.wait_until_subscribed(ingest)
        with pipeline.command.start("replay", recording, "--speed", "max") as replay:
            wait_until(lambda: ledger(pipeline, ingest).readings_stored, 30, "the first readings to be stored")
            own_influxd.stop()
            before_mb = ingest.memory_peak_mb
            wait_until(lambda: ledger(pipeline, ingest).readings_accepted == READINGS, 60, "the rest to be buffered")
            assert replay.wait().exit_code == 0
        during = ledger(pipeline, ingest)
        assert during.balanced
        assert during.readings_pending >= PENDING_AT_LEAST
        assert own_influxd.url in doctor_line(pipeline, "store")
        assert ingest.memory_peak_mb - before_mb < GROWTH_MAX_MB
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
