"""Several processes decode, one receives and commits: nothing is lost or doubled, whichever of them ends when."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from ingest.batches import Batch
from ingest.decoder import Decoder
from ingest.decoding import Parcel, Work
from ingest.workers import Workers
from mqtt.messages import Message
from schemas import Estate, Reason, Settings
from schemas.settings import IngestSettings
from sensors.registry import Registry
from stores.lines import parse
from tests.cli.command import is_alive
from tests.real_parts import REPOSITORY
from tests.sensors.plugin import install
from tests.waiting import wait_until

DEADLINE_S = 60
ESTATE = Estate.model_validate({"hubs": [{"id": f"hub-{number}"} for number in range(40)]})


class Pool:
    """Workers without ingest, and what the log says of them."""

    def __init__(self, workers: Workers, logs: list[Any]) -> None:
        self.workers = workers
        self.logs = logs

    @property
    def pids(self) -> list[int]:
        found = [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
        return [pid for pid in found if b"ingest.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def decode(self, messages: list[Message], *, maybe_repeated: bool = False) -> Batch:
        """The batch of these messages, given and taken."""
        assert self.workers.exchange(Work([Parcel(messages, maybe_repeated)], lambda: None)) is None
        return self.take()

    def take(self) -> Batch:
        done = self.workers.exchange(None)
        assert done is not None
        return done[1]

    def events(self, name: str) -> list[Any]:
        return [entry for entry in self.logs if entry["event"] == name]


@contextmanager
def working(
    count: int, *, registry: Registry | None = None, clock_ns: Callable[[], int] = time.time_ns
) -> Iterator[Pool]:
    until_s = time.monotonic() + DEADLINE_S
    with structlog.testing.capture_logs() as logs:
        workers = Workers(
            registry or Registry(ESTATE),
            Settings(ingest=IngestSettings(workers=count)),
            (),
            clock_ns=clock_ns,
            rng=random.Random(1),
            meanwhile=lambda: time.monotonic() < until_s,
        )
        with closing(workers):
            yield Pool(workers, logs)


def temperatures(count: int, *, hubs: int = 40, timed: bool = True) -> list[Message]:
    """Each hub's values count upwards."""
    now_s = int(time.time())
    return [
        Message(
            b"hubs/hub-%d/temperature/air" % (n % hubs),
            b'{"time": %d, "value": %d}' % (now_s - n, n // hubs) if timed else b"%d" % (n // hubs),
        )
        for n in range(count)
    ]


def reasons(batch: Batch) -> set[Reason]:
    return {refused.rejections[0].reason for refused in batch.refused}


def test_what_workers_decode_is_what_one_process_would() -> None:
    sent = [*temperatures(1000), Message(b"hubs/leeds/co2/x", b"400"), Message(b"hubs/last", b"", retained=True)]
    alone = Decoder(Registry(ESTATE), clock_ns=time.time_ns).decode(sent)
    with working(3) as pool:
        batch = pool.decode(sent)

    assert (batch.messages, sorted(batch.lines), batch.marks) == (1002, sorted(alone.lines), alone.marks)
    assert reasons(batch) == reasons(alone) == {Reason.UNKNOWN_HUB, Reason.BAD_TOPIC}
    assert {refused.message.retained for refused in batch.refused} == {False, True}


def test_every_worker_has_its_share_and_a_hub_one_worker() -> None:
    with working(4) as pool:
        batch = pool.decode(temperatures(2000, timed=False))
        assert len(pool.pids) == 4

    values: dict[str, list[float]] = {}
    for point in sorted(map(parse, batch.lines), key=lambda point: point.time_ns):
        values.setdefault(point.tags["hub"], []).append(point.fields["temperature_c"])
    assert len(values) == 40
    assert all(found == list(range(50)) for found in values.values())


def test_no_two_readings_without_a_time_share_one_also_where_the_clock_stands() -> None:
    with working(4, clock_ns=lambda: 1_795_000_000_000_000_000) as pool:
        batches = [pool.decode(temperatures(500, hubs=10, timed=False)) for _ in range(3)]
        refused = pool.decode([Message(b"hubs/%d" % n, b"[1, 2]") for n in range(100)]).refused

    times = [parse(line).time_ns for batch in batches for line in batch.lines]
    assert len(set(times)) == 1500
    arrivals = [entry.received_ns for entry in refused]
    assert len(set(arrivals) - set(times)) == 100


def test_workers_that_are_killed_at_work_are_started_again_and_decode_the_same() -> None:
    sent = temperatures(3000)
    with working(2) as pool:
        first = pool.decode(sent)
        killed = pool.pids
        for pid in killed:
            os.kill(pid, signal.SIGSTOP)
        pool.workers.exchange(Work([Parcel(sent, maybe_repeated=False)], lambda: None))
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        again = pool.take()

        assert sorted(entry["worker"] for entry in pool.events("worker_restarted")) == [1, 2]
        assert len(pool.pids) == 2
        assert not set(pool.pids) & set(killed)
    assert (again.messages, sorted(again.lines)) == (3000, sorted(first.lines))


def test_a_worker_that_is_killed_while_it_waits_is_started_again() -> None:
    with working(2) as pool:
        pool.decode(temperatures(10))
        one, other = pool.pids
        os.kill(one, signal.SIGKILL)

        def is_replaced() -> bool:
            pool.workers.exchange(None)
            return len(pool.pids) == 2 and one not in pool.pids

        wait_until(is_replaced, DEADLINE_S, "another worker in its place")
        assert other in pool.pids
        assert len(pool.decode(temperatures(100)).lines) == 100


def test_a_worker_that_ends_again_and_again_is_reported() -> None:
    with working(1) as pool:

        def is_reported() -> bool:
            for pid in pool.pids:
                os.kill(pid, signal.SIGKILL)
            pool.workers.exchange(None)
            return pool.workers.problem is not None

        wait_until(is_reported, DEADLINE_S, "a report")
        assert pool.workers.problem is not None
        assert "worker 1 ended" in pool.workers.problem
        pool.decode(temperatures(1))
        assert pool.workers.problem is None


SOURCE = """
import os
from sensors.formats import NoReading

class Format:
    def decode(self, messages):
        if any(message.payload == b"deadly" for message in messages):
            os.kill(os.getpid(), 9)
        while any(message.payload == b"endless" for message in messages):
            pass
        if any(message.payload == b"secret?" for message in messages):
            return [NoReading(os.environ.get("HUBPULSE_MQTT__PASSWORD", "none")) for _ in messages]
        return [NoReading("harmless") for _ in messages]
"""


@pytest.fixture
def deadly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """An estate with a format that may end the process which decodes it."""
    install(tmp_path, monkeypatch, SOURCE, "[hubpulse.formats]\nacme-deadly = acme_hubpulse:Format\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Registry(Estate.model_validate({"sources": [{"topic": "acme/#", "format": "acme-deadly"}]}))


@pytest.mark.parametrize("payload, problem", [(b"deadly", "signal 9"), (b"endless", "no answer within 0.5 s")])
def test_the_one_message_that_ends_its_process_is_refused_and_all_others_are_decoded(
    deadly: Registry, monkeypatch: pytest.MonkeyPatch, payload: bytes, problem: str
) -> None:
    monkeypatch.setattr("ingest.worker_process._ANSWER_MAX_S", 0.5)
    monkeypatch.setattr("ingest.worker_process._ENDS_MAX", 1)
    good = [Message(b"acme/%d" % n, b"21.5") for n in range(3)]
    with working(1, registry=deadly) as pool:
        batch = pool.decode([*good, Message(b"acme/1", payload)])

    [refused] = batch.refused
    assert (refused.message.payload, refused.rejections[0].reason) == (payload, Reason.BAD_PAYLOAD)
    assert problem in refused.rejections[0].detail
    assert (batch.messages, batch.no_reading) == (4, ["harmless"] * 3)


def test_a_decoder_of_somebody_is_not_given_our_secrets(deadly: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBPULSE_MQTT__PASSWORD", "hush")
    with working(1, registry=deadly) as pool:
        assert pool.decode([Message(b"acme/1", b"secret?")]).no_reading == ["none"]


def test_workers_decode_by_the_estate_that_is_in_force() -> None:
    sent = [Message(b"hubs/leeds/co2/x", b"400")]
    with working(2) as pool:
        assert reasons(pool.decode(sent)) == {Reason.UNKNOWN_HUB}
        pool.workers.use(Registry(Estate.model_validate({"hubs": [{"id": "leeds"}]})))
        assert len(pool.decode(sent).lines) == 1


def test_what_is_announced_on_one_topic_is_known_on_another_also_by_the_successor_of_a_killed_worker() -> None:
    estate = {
        "sources": [{"topic": "home/#", "format": "homeassistant"}],
        "hubs": [{"id": "armley", "sensors": [{"id": "air", "device": "air-1"}]}],
    }
    config = {"stat_t": "home/air/state", "dev_cla": "temperature", "unit_of_meas": "°C", "uniq_id": "air-1"}
    state = Message(b"home/air/state", b"21.5")
    with working(3, registry=Registry(Estate.model_validate(estate))) as pool:
        first = pool.decode([Message(b"home/sensor/air/config", json.dumps(config).encode()), state])
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)
        second = pool.decode([state])

    assert ([len(batch.lines) for batch in (first, second)], second.refused) == ([1, 1], [])


@pytest.mark.usefixtures("deadly")
def test_no_worker_outlives_ingest_even_in_a_decoder_without_end(tmp_path: Path) -> None:
    """Ingest is killed: a worker that waits, and one that never comes back from a decoder, end with it."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, cwd=REPOSITORY, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert [is_alive(pid) for pid in pids] == [True, True]
        parent.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in pids), DEADLINE_S, "the end of the workers")


PARENT = """
import sys
sys.path.insert(0, ".")
from mqtt.messages import Message
from tests.ingest.test_workers import Parcel, Registry, Estate, Work, working

estate = Estate.model_validate({"sources": [{"topic": "acme/#", "format": "acme-deadly"}]})
with working(2, registry=Registry(estate)) as pool:
    pool.decode([Message(b"acme/%d" % n, b"") for n in range(9)])
    pool.workers.exchange(Work([Parcel([Message(b"acme/1", b"endless")], False)], lambda: None))
    print(*pool.pids, flush=True)
    pool.take()
"""
