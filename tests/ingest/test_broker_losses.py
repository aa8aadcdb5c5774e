"""What the broker had no room for is counted, with the window in doubt, and is no message received."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import requests
import structlog

from cli.stack import board_server
from ingest.broker_losses import LOOK_EVERY_NS, SILENT_EVERY_NS, DroppedMessages, losses, losses_of
from ingest.buffer import Buffer, BufferReader
from mqtt.broker_state import BrokerState
from schemas import Settings
from schemas.localtime import NS_A_SECOND
from schemas.settings import BoardSettings, IngestSettings, MqttSettings
from tests.ingest.fake_store import FakeStore
from tests.ingest.given import DOOR, Clock
from tests.ingest.walking import running
from tests.mqtt.receiving import DEADLINE_S, publish, ready, subscribing
from tests.servers import Mosquitto
from tests.waiting import wait_until

HOUR_S = 3600


class Watched:
    """A broker that says what a test has it say."""

    def __init__(self, buffer: Buffer) -> None:
        self.buffer, self.clock = buffer, Clock()
        self.state, self.looks = BrokerState(), 0
        self.dropped = DroppedMessages(buffer, look=self._look, clock_ns=self.clock)

    def _look(self) -> BrokerState:
        self.looks += 1
        return self.state

    def look(self, dropped: int | None, uptime_s: int | None = 10 * HOUR_S) -> None:
        """Have it asked once, and what it says counted."""
        self.state = BrokerState(uptime_s, dropped)
        before = self.looks
        self.dropped.turn()
        assert self.dropped._looking is not None
        self.dropped._looking.join(DEADLINE_S)
        self.dropped.turn()
        assert self.looks == before + 1
        self.clock.forward(LOOK_EVERY_NS / NS_A_SECOND)

    @property
    def noted(self) -> int:
        return self.buffer.ledger.read().notes.get("broker_dropped", 0)


@pytest.fixture
def watched(buffer: Buffer) -> Watched:
    return Watched(buffer)


def test_what_is_dropped_after_the_first_look_is_noted_with_its_window(watched: Watched) -> None:
    watched.look(500)
    assert watched.noted == 0
    with structlog.testing.capture_logs() as logs:
        watched.look(507)
        watched.look(507)

    assert watched.noted == 7
    assert [(entry["event"], entry["count"]) for entry in logs] == [("messages_dropped", 7)]
    [said] = losses(watched.buffer.status, now_ns=watched.clock())
    assert "7 messages between 2026-05-12T12:00:00Z and 2026-05-12T12:01:00Z" in said


def test_a_loss_that_goes_on_is_one_window(watched: Watched) -> None:
    for dropped in (0, 3, 5, 5, 9):
        watched.look(dropped)

    assert watched.noted == 9
    assert watched.buffer.status.get("broker_dropped") == {
        "since": "2026-05-12T12:03:00Z",
        "until": "2026-05-12T12:04:00Z",
        "count": 4,
    }


@pytest.mark.parametrize("dropped, uptime_s", [(4, 20), (4, None), (12, 20)])
def test_a_broker_that_was_restarted_counts_from_nothing(watched: Watched, dropped: int, uptime_s: int | None) -> None:
    watched.look(10)
    watched.look(dropped, uptime_s)

    assert watched.noted == dropped


def test_what_was_seen_outlasts_whoever_saw_it(watched: Watched) -> None:
    watched.look(10)
    other = Watched(watched.buffer)
    other.clock.now_ns = watched.clock()
    other.look(12)

    assert other.noted == 2


def test_it_is_told_for_a_week(watched: Watched) -> None:
    watched.look(0)
    watched.look(1)
    watched.clock.forward(7 * 24 * HOUR_S)

    assert list(losses(watched.buffer.status, now_ns=watched.clock())) == []


def test_a_broker_that_tells_nothing_is_asked_seldom(watched: Watched) -> None:
    watched.look(None, None)
    watched.dropped.turn()
    assert watched.looks == 1
    watched.clock.forward(SILENT_EVERY_NS / NS_A_SECOND)

    watched.look(None, None)


def test_a_folder_without_a_buffer_has_no_losses_to_tell(tmp_path: Path) -> None:
    assert losses_of(tmp_path / "nowhere", now_ns=0) == []


@pytest.mark.needs("mosquitto")
def test_the_board_tells_what_mosquitto_dropped_and_no_message_of_it_is_received(
    tmp_path: Path, make_mosquitto: Callable[..., Mosquitto], monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = make_mosquitto(max_queued_messages=5, settings="sys_interval 1")
    fake = FakeStore()
    monkeypatch.setattr("ingest.pipeline.open_store", lambda _settings: fake)
    monkeypatch.setattr("ingest.pipeline._STATUS_EVERY_S", 0.05)
    monkeypatch.setattr("ingest.broker_losses.LOOK_EVERY_NS", 1)
    settings = Settings(
        data_dir=tmp_path / "data",
        mqtt=MqttSettings(host="127.0.0.1", port=broker.port),
        ingest=IngestSettings(flush_age_s=0.01),
        board=BoardSettings(port=0),
    )
    with subscribing(broker.port, client_id="somebody") as away:
        ready(away)
    with running(settings) as ingest:

        def status(name: str) -> dict[str, object]:
            with closing(BufferReader(settings.data_dir)) as reader:
                return reader.status.get(name)

        wait_until(lambda: status("broker_seen"), DEADLINE_S, "the first look")
        publish(broker.port, [b'{"entries": 1}'] * 60, topic=DOOR)
        wait_until(lambda: status("broker_dropped"), DEADLINE_S, "the broker to tell of what it dropped")
        ledger = ingest.wait_for(messages_received=60)
        wait_until(lambda: ingest.ledger.notes.get("broker_dropped", 0) >= 50, DEADLINE_S, "all of it")
        assert ledger.messages_received == 60
    with board_server(settings) as board:
        wait_until(lambda: "had no room for" in requests.get(board.url, timeout=10).text, DEADLINE_S, "the board")
    assert losses_of(settings.data_dir, now_ns=time.time_ns())
