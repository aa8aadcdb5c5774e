"""Alive, ready, and why not: of ingest, jobs, board, and of the whole in one process."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import structlog

from cli.stack import JobsService, board_server
from dashboards.operations.health import Check, Part, ServiceHealth
from dashboards.operations.parts import BoardPart, IngestPart, JobsPart, StorePart
from dashboards.operations.server import ANSWERING_MAX, MetricsServer
from ingest.activity import Activity
from ingest.buffer import Buffer
from schemas import Settings
from schemas.localtime import rfc3339
from schemas.progress import Progress
from schemas.settings import BoardSettings
from stores import StoreError
from stores.sqlite_store import SqliteStore
from tests.ingest.given import NOW_NS
from tests.servers import LOOPBACK
from tests.waiting import wait_until
from usage.job_runs import STALLED_AFTER_S, JobRuns

DEADLINE_S = 60


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def ns(self) -> int:
        return NOW_NS + int(self.now_s * 1e9)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, board=BoardSettings(port=0))


def wrong(part: Part) -> dict[str, str]:
    return {check.part: check.detail for check in part.checks() if not check.is_ok}


def test_a_loop_is_missed_once_its_time_has_passed(clock: Clock) -> None:
    loop = Progress(slack_s=60, monotonic_s=clock)
    assert (loop.has_begun, loop.is_overdue) == (False, False)
    loop.step(wait_s=300)
    clock.now_s += 360
    assert [loop.is_overdue] == [False]
    clock.now_s += 1
    assert [loop.is_overdue, loop.has_begun] == [True, True]
    loop.step()
    assert [loop.is_overdue] == [False]
    clock.now_s += 61
    loop.end()
    assert [loop.is_overdue] == [False]


def ingest_part(settings: Settings, **status: object) -> IngestPart:
    buffer = Buffer(settings.data_dir, clock_ns=lambda: NOW_NS)
    said: dict[str, str | None] = {"broker": "b:1", "problem": None, "at": rfc3339(NOW_NS), **status}  # type: ignore[dict-item]
    buffer.status.set("subscriber", said)
    buffer.close()
    return IngestPart(settings, Activity(settings), clock_ns=lambda: NOW_NS)


def test_ingest_is_ready_where_it_receives_and_writes(settings: Settings) -> None:
    assert wrong(ingest_part(settings)) == {}


def test_ingest_says_why_it_does_not_receive(settings: Settings) -> None:
    assert wrong(ingest_part(settings, problem="b:1 refuses us: check HUBPULSE_MQTT__PASSWORD")) == {
        "broker": "b:1 refuses us: check HUBPULSE_MQTT__PASSWORD"
    }
    assert "last sign of life 40 s ago" in wrong(ingest_part(settings, at=rfc3339(NOW_NS - 40 * 10**9)))["broker"]


def test_ingest_is_not_ready_before_there_is_a_buffer_and_while_it_holds(settings: Settings) -> None:
    part = IngestPart(settings, Activity(settings))
    assert "nothing was received" in wrong(part)["buffer"]
    held = ingest_part(settings)
    buffer = Buffer(settings.data_dir, clock_ns=lambda: NOW_NS)
    buffer.status.set("writer", {"state": "holding: InfluxDB is away", "at": rfc3339(NOW_NS)})
    buffer.close()
    assert wrong(held) == {"writer": "holding: InfluxDB is away (readings wait in the buffer, nothing is lost)"}


def test_a_folder_that_can_not_be_written_or_is_full_is_said(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = ingest_part(settings)
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "check its owner and mode" in wrong(part)["data folder"]
    monkeypatch.undo()
    plenty = settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"disk_free_bytes_min": 2**60})})
    assert "make room" in wrong(IngestPart(plenty, Activity(plenty), clock_ns=lambda: NOW_NS))["data folder"]


@pytest.mark.parametrize("name", ["receiving", "writing"])
def test_ingest_is_stalled_where_one_of_its_threads_is(settings: Settings, name: str, clock: Clock) -> None:
    activity = Activity(settings)
    progress = Progress(slack_s=60, monotonic_s=clock)
    setattr(activity, name, progress)
    progress.step()
    assert activity.stalled() is None
    clock.now_s += 61
    assert name in (activity.stalled() or "")


def test_jobs_are_ready_where_each_was_done_in_time(settings: Settings, clock: Clock) -> None:
    runs = JobRuns(clock.ns, monotonic_s=clock)
    part = JobsPart(settings, runs, clock_ns=clock.ns)
    runs.expect("roll_up_unfinished", 60)
    assert "has not run yet" in wrong(part)["roll_up_unfinished"]
    runs.succeeded("roll_up_unfinished", runs.begin())
    assert wrong(part) == {}
    clock.now_s += 301
    assert "last done 301 s ago" in wrong(part)["roll_up_unfinished"]
    runs.failed("roll_up_unfinished", runs.begin(), "the store is away: start it")
    assert wrong(part)["roll_up_unfinished"] == "the store is away: start it"
    runs.is_standing_by = True
    assert wrong(part) == {}
    assert part.stalled() is None
    clock.now_s += STALLED_AFTER_S + 61
    assert "jobs do not go on" in (part.stalled() or "")


def test_a_board_that_answers_nothing_for_a_minute_is_stalled(clock: Clock) -> None:
    answers = True
    part = BoardPart(lambda: answers, monotonic_s=clock)
    clock.now_s += 61
    assert part.stalled() is None
    answers = False
    clock.now_s += 60
    assert part.stalled() is None
    clock.now_s += 1
    assert "board does not answer" in (part.stalled() or "")


def test_a_store_is_asked_once_for_all_who_ask_within_two_seconds(clock: Clock) -> None:
    looks = 0

    def open_store() -> SqliteStore:
        nonlocal looks
        looks += 1
        raise StoreError("it is away: start it")

    health = ServiceHealth([StorePart(open_store)], monotonic_s=clock)
    assert health.ready() == health.ready()
    assert looks == 1
    clock.now_s += 2
    assert health.checks() == [Check("store", is_ok=False, detail="it is away: start it")]
    assert looks == 2


class Whole:
    """A part that a test decides about."""

    def __init__(self) -> None:
        self.why: str | None = None

    def stalled(self) -> str | None:
        return self.why

    def checks(self) -> Iterator[Check]:
        yield Check("whole", is_ok=self.why is None, detail=self.why or "fine")

    def metrics(self) -> Iterator[object]:
        return iter(())


def ask(port: int | None, path: str, **headers: str) -> requests.Response:
    return requests.get(f"http://{LOOPBACK}:{port}{path}", headers=headers, timeout=10)


def test_the_port_answers_what_is_and_what_is_not(clock: Clock) -> None:
    part = Whole()
    health = ServiceHealth([part], monotonic_s=clock)  # type: ignore[list-item]
    with MetricsServer(health, port=-1) as server:
        assert ask(server.port, "/healthz").json() == {"status": "ok", "stalled": []}
        assert ask(server.port, "/readyz").json()["checks"] == [{"part": "whole", "ok": True, "detail": "fine"}]
        part.why = "it stands still"
        clock.now_s += 5
        alive, ready = ask(server.port, "/healthz"), ask(server.port, "/readyz")
        assert (alive.status_code, alive.json()["stalled"]) == (503, ["it stands still"])
        assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
        assert ask(server.port, "/metrics").headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert ask(server.port, "/").status_code == 404
        assert ask(server.port, "/metrics", Host="evil.example.org").status_code == 421


@pytest.mark.claim("S-39")
def test_the_port_answers_however_many_requests_are_half_sent(clock: Clock) -> None:
    health = ServiceHealth([Whole()], monotonic_s=clock)  # type: ignore[list-item]
    with MetricsServer(health, port=-1) as server, contextlib.ExitStack() as held:
        assert server.port is not None
        for _ in range(ANSWERING_MAX + 5):
            other = held.enter_context(socket.create_connection((LOOPBACK, server.port), timeout=10))
            other.sendall(b"GET /healthz HTTP/1.1\r\nX-")
        assert ask(server.port, "/healthz").status_code == 200


def test_a_port_that_is_taken_is_a_warning_and_no_end() -> None:
    with MetricsServer(ServiceHealth([]), port=-1) as first, structlog.testing.capture_logs() as logs:
        assert first.port is not None
        with MetricsServer(ServiceHealth([]), port=first.port) as second:
            assert second.port is None
    assert [(entry["event"], entry["port"]) for entry in logs] == [("metrics_unavailable", first.port)]


def test_without_a_port_nothing_listens() -> None:
    with MetricsServer(ServiceHealth([]), port=0) as server:
        assert server.port is None


def test_the_board_tells_of_its_process_and_knows_whether_it_answers(settings: Settings) -> None:
    part = Whole()
    with board_server(settings, [part]) as board:  # type: ignore[list-item]
        assert board.answers()
        assert requests.get(f"{board.url}/healthz", timeout=10).status_code == 200
        part.why = "ingest stands still"
        answer = requests.get(f"{board.url}/healthz", timeout=10)
        assert (answer.status_code, answer.json()["stalled"]) == (503, ["ingest stands still"])
        ready = requests.get(f"{board.url}/readyz", timeout=10)
        assert (ready.status_code, ready.json()["checks"]) == (503, [{"part": "whole", "ok": False}])
    assert not board.answers()


def test_jobs_at_work_become_ready_and_those_that_stand_still_leave_no_sign_of_life(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.stack._BEAT_EVERY_S", 0.05)
    with JobsService(settings) as service:
        health = ServiceHealth([service.part], monotonic_s=lambda: time.monotonic() * 100)
        wait_until(lambda: health.ready()[0] == 200, DEADLINE_S, "every job to run")
        monkeypatch.setattr(service.part, "stalled", lambda: "they stand still")
        sign = settings.data_dir / "jobs.alive"
        wait_until(lambda: sign.read_text() == "they stand still", DEADLINE_S, "the sign of life to say so")
