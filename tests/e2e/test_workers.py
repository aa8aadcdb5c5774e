"""`hubpulse ingest --workers N`: whoever is killed, and however N changes, every person counts once."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from ingest.buffer import BufferReader
from ingest.ledger import Ledger
from mqtt.publisher import Publisher
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage
from tests.cli.command import Running, is_alive
from tests.e2e.pipeline import Pipeline
from tests.waiting import wait_until

pytestmark = pytest.mark.needs("mosquitto")

FIRST_S = 1_767_571_200
HUBS = 12
WORKERS, KILLS_EACH = 4, 3
ESTATE = f"timezone: UTC\nhubs: [{', '.join(f'{{id: hub-{number}}}' for number in range(HUBS))}]\n"
Sent = list[tuple[str, str]]


def counts(number: int, *, first: int = 0) -> Sent:
    """One person at each second at a door, and one without a time at another one, of all hubs in turn."""
    return [
        message
        for n in range(first, first + number)
        for message in (
            (f"hubs/hub-{n % HUBS}/footfall/door", f'{{"time": {FIRST_S + n}, "entries": 1}}'),
            (f"hubs/hub-{n % HUBS}/footfall/undated", '{"entries": 1}'),
        )
    ]


@pytest.fixture
def pipeline(make_pipeline: Callable[..., Pipeline], tmp_path: Path) -> Pipeline:
    """Small batches: there are many moments to be killed at."""
    estate = tmp_path / "estate.yaml"
    estate.write_text(ESTATE)
    return make_pipeline(estate, HUBPULSE_MQTT__RECEIVE_MAX=20, HUBPULSE_INGEST__FLUSH_AGE_S=0.05)


def assert_each_counted_once(pipeline: Pipeline, ledger: Ledger, number: int) -> None:
    assert ledger.balanced
    assert ledger.readings_stored == 2 * number
    with closing(sqlite3.connect(pipeline.data / "store.db")) as store:
        query = "SELECT count(*), sum(entries), count(DISTINCT time_ns) FROM footfall"
        assert store.execute(query).fetchone() == (2 * number, 2 * number, 2 * number)


def publish(pipeline: Pipeline, sent: Sent) -> None:
    with Publisher(MqttSettings(host=pipeline.broker.host, port=pipeline.broker.port)) as publisher:
        publisher.publish_all([TimedMessage(0, topic, payload.encode()) for topic, payload in sent])


def are_gone(pids: Iterable[int]) -> bool:
    return not any(map(is_alive, pids))


def replaced(ingest: Running, pid: int) -> Callable[[], bool]:
    return lambda: pid not in ingest.children and len(ingest.children) == WORKERS


def wait_until_received(number: int, buffer: BufferReader) -> None:
    wait_until(lambda: received(buffer) >= number, 60, f"{number} messages", poll_s=0.005)


def received(buffer: BufferReader) -> int:
    return buffer.ledger.read().messages_received


def test_each_worker_killed_again_and_again_loses_nobody_and_doubles_nobody(pipeline: Pipeline) -> None:
    each = 100
    with pipeline.start_ingest(HUBPULSE_INGEST__WORKERS=WORKERS) as ingest:
        pipeline.wait_until_subscribed(ingest)
        wait_until(lambda: len(ingest.children) == WORKERS, 60, "all workers")
        with closing(BufferReader(pipeline.data)) as buffer:
            numbers = [number for _ in range(KILLS_EACH) for number in range(WORKERS)]
            for turn, number in enumerate(numbers):
                victim = ingest.children[number % len(ingest.children)]
                publish(pipeline, counts(each, first=turn * each))
                os.kill(victim, signal.SIGKILL)
                wait_until_received(2 * each * (turn + 1), buffer)
                wait_until(replaced(ingest, victim), 60, "another worker in its place")
        ledger = pipeline.wait_until_all_stored(ingest)
        restarted = [line for line in ingest.err.splitlines() if "worker_restarted" in line]
        ended = ingest.children
        ingest.signal(signal.SIGTERM)
        assert ingest.wait().exit_code == 0
    assert len(restarted) == WORKERS * KILLS_EACH
    assert are_gone(ended)
    assert_each_counted_once(pipeline, ledger, each * WORKERS * KILLS_EACH)


def test_another_number_of_workers_after_a_kill_loses_nobody_and_doubles_nobody(pipeline: Pipeline) -> None:
    each = 400
    with pipeline.start_ingest() as ingest:
        pipeline.wait_until_subscribed(ingest)
    for turn, workers in enumerate((1, 4, 2)):
        publish(pipeline, counts(each, first=turn * each))
        with (
            pipeline.start_ingest(HUBPULSE_INGEST__WORKERS=workers) as ingest,
            closing(BufferReader(pipeline.data)) as buffer,
        ):
            wait_until_received(received(buffer) + each // 2, buffer)
            ended = ingest.children
            ingest.kill()  # what it had is in the buffer, or still at the broker
            assert len(ended) == (workers if workers > 1 else 0)
            wait_until(partial(are_gone, ended), 60, "the workers to end with it")
    with pipeline.start_ingest(HUBPULSE_INGEST__WORKERS=2) as ingest:
        ledger = pipeline.wait_until_all_stored(ingest)
    assert_each_counted_once(pipeline, ledger, 3 * each)
