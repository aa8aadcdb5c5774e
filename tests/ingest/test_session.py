"""What a session that the broker lost, a broker that was restarted and a restored data folder mean for ingest."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from structlog.testing import capture_logs

from ingest.buffer import Buffer, BufferReader
from ingest.doctor import State, ingest_finding
from ingest.salvage import salvage_buffer
from ingest.session import SessionMemory
from mqtt.broker_state import BrokerState
from mqtt.connection import Connection
from schemas import Kind, Settings
from schemas.settings import IngestSettings, MqttSettings
from stores import Accepted, open_store
from stores.lines import parse
from tests.ingest.fake_store import FakeStore
from tests.ingest.given import DOOR, NOW_NS, Clock, make_decoder, message
from tests.ingest.walking import ESTATE, running
from tests.mqtt.proxy import Proxy
from tests.mqtt.receiving import DEADLINE_S, publish
from tests.servers import Mosquitto
from tests.waiting import wait_until

HOUR_S = 3600


class Broker:
    """What the broker tells of itself."""

    def __init__(self, uptime_s: int | None = 10 * HOUR_S) -> None:
        self.uptime_s = uptime_s
        self.looks = 0

    def look(self) -> BrokerState:
        self.looks += 1
        return BrokerState(uptime_s=self.uptime_s)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def memory(
    buffer: Buffer, folder: Path, clock: Clock, broker: Broker | None = None, client_id: str = "ingest", **more: Any
) -> SessionMemory:
    look = (broker or Broker()).look
    return SessionMemory(folder, buffer, client_id=client_id, look=look, clock_ns=clock, **more)


def test_a_first_session_is_no_loss(buffer: Buffer, tmp_path: Path, clock: Clock) -> None:
    session = memory(buffer, tmp_path, clock)
    assert not session.is_known
    session.lost()

    assert buffer.ledger.read().notes == {}
    assert memory(buffer, tmp_path, clock).is_known


def test_a_session_that_was_lost_while_we_were_away_is_noted_with_its_window(
    buffer: Buffer, tmp_path: Path, clock: Clock
) -> None:
    memory(buffer, tmp_path, clock).lost()
    clock.forward(HOUR_S)
    memory(buffer, tmp_path, clock).lost()

    assert buffer.ledger.read().notes == {"sessions_lost": 1}
    window = buffer.status.get("session_lost")
    assert (window["since"][:16], window["until"][:16]) == ("2026-05-12T12:00", "2026-05-12T13:00")


def test_another_client_id_has_lost_nothing(buffer: Buffer, tmp_path: Path, clock: Clock) -> None:
    memory(buffer, tmp_path, clock).lost()
    memory(buffer, tmp_path, clock, client_id="other").lost()

    assert buffer.ledger.read().notes == {}


@pytest.mark.parametrize(
    "uptime_s, away_s, in_doubt, is_told",
    [
        (10 * HOUR_S, 60, False, False),
        (10 * HOUR_S, HOUR_S, False, False),
        (30, 60, True, True),  # it was started while we were away
        (0, HOUR_S, True, True),
        (55, 60, True, False),  # its word is some seconds old: nobody knows which came first
        (0, 2, True, False),
        (61, 60, False, False),
        (None, HOUR_S, False, False),
    ],
)
def test_a_broker_that_was_started_since_may_repeat_itself(
    uptime_s: int | None, away_s: int, in_doubt: bool, is_told: bool, buffer: Buffer, tmp_path: Path, clock: Clock
) -> None:
    memory(buffer, tmp_path, clock).lost()
    clock.forward(away_s)

    assert memory(buffer, tmp_path, clock, Broker(uptime_s)).resumed() is in_doubt
    assert buffer.ledger.read().notes == ({"broker_restarts": 1} if is_told else {})


def test_a_broker_that_is_back_at_once_was_restarted_all_the_same(buffer: Buffer, tmp_path: Path, clock: Clock) -> None:
    """It was not started before we were connected to it, an hour ago."""
    session = memory(buffer, tmp_path, clock)
    session.lost()
    clock.forward(HOUR_S)
    session.touch()
    clock.forward(0.5)
    session = memory(buffer, tmp_path, clock, Broker(1))  # its word is rounded
    assert session.resumed()
    assert buffer.ledger.read().notes == {"broker_restarts": 1}
    assert buffer.status.get("broker_was_restarted")["since"][:16] == "2026-05-12T13:00"
    session.touch()
    clock.forward(HOUR_S)
    assert not memory(buffer, tmp_path, clock, Broker(HOUR_S + 1)).resumed()
    assert buffer.ledger.read().notes == {"broker_restarts": 1}


def test_a_broker_that_had_saved_all_before_we_ended_it_has_lost_nothing(
    buffer: Buffer, tmp_path: Path, clock: Clock
) -> None:
    memory(buffer, tmp_path, clock).lost()
    clock.forward(HOUR_S)
    with capture_logs() as told:
        assert memory(buffer, tmp_path, clock, Broker(0), had_saved_all=lambda: True).resumed()
    assert [entry["event"] for entry in told] == []
    assert buffer.ledger.read().notes == {}
    assert not buffer.status.get("broker_was_restarted")


def test_a_doubt_outlasts_whoever_stops_before_it_ended(buffer: Buffer, tmp_path: Path, clock: Clock) -> None:
    first = memory(buffer, tmp_path, clock)
    first.lost()
    first.is_in_doubt = lambda: True
    first.touch()

    second = memory(buffer, tmp_path, clock)
    assert second.resumed()
    assert memory(buffer, tmp_path, clock).was_in_doubt  # killed before it noted anything more
    second.touch()
    assert not memory(buffer, tmp_path, clock).resumed()


def test_after_a_damaged_buffer_what_the_broker_holds_is_in_doubt(buffer: Buffer, tmp_path: Path, clock: Clock) -> None:
    """Which messages were taken, and may come again, was in it."""
    session = memory(buffer, tmp_path, clock)
    session.lost()
    session.touch()
    assert not memory(buffer, tmp_path, clock).resumed()
    buffer.close()
    salvage_buffer(tmp_path, now_ns=NOW_NS)
    with closing(Buffer(tmp_path, clock_ns=clock)) as mended:
        assert memory(mended, tmp_path, clock).resumed()


def test_a_broker_that_tells_nothing_is_asked_once(buffer: Buffer, tmp_path: Path, clock: Clock) -> None:
    broker = Broker(None)
    session = memory(buffer, tmp_path, clock, broker)
    session.lost()
    for _ in range(3):
        assert not session.resumed()

    assert broker.looks == 1


def test_a_session_that_the_folder_does_not_know_may_repeat_itself(
    buffer: Buffer, tmp_path: Path, clock: Clock
) -> None:
    """As after a restore: no backup has the session."""
    with structlog.testing.capture_logs() as logs:
        assert memory(buffer, tmp_path, clock).resumed()

    assert [entry["event"] for entry in logs] == ["session_unknown"]


def test_the_file_is_ours_alone_and_damage_is_no_trouble(buffer: Buffer, tmp_path: Path, clock: Clock) -> None:
    memory(buffer, tmp_path, clock).lost()
    file = tmp_path / "session.json"
    assert file.stat().st_mode & 0o777 == 0o600
    for damaged in ("", "[]", "{}", '{"at": 5}', '{"at": "yesterday"}'):
        file.write_text(damaged)
        assert not memory(buffer, tmp_path, clock).is_known


def test_only_what_has_no_time_is_marked() -> None:
    sent = [
        message(DOOR, '[{"entries": 1}, {"time": "2026-05-12T11:00:00Z", "entries": 2}]'),
        message(DOOR, '{"exits": 9}'),
    ]
    batch = make_decoder().decode(sent, maybe_repeated=True)

    assert [parse(line).fields.get("maybe_repeated", False) for line in batch.lines] == [True, False, True]
    assert batch.maybe_repeated == 2
    assert make_decoder().decode(sent).maybe_repeated == 0


needs_mosquitto = pytest.mark.needs("mosquitto")
with_store = pytest.mark.usefixtures("store")


@pytest.fixture
def settings(mosquitto: Mosquitto, tmp_path: Path) -> Settings:
    estate = tmp_path / "estate.yaml"
    estate.write_text(ESTATE)
    return Settings(
        data_dir=tmp_path / "data",
        estate=estate,
        mqtt=MqttSettings(host="127.0.0.1", port=mosquitto.port),
        ingest=IngestSettings(flush_age_s=0.01, backoff_first_s=0.01, backoff_max_s=0.05),
    )


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    fake = FakeStore()
    monkeypatch.setattr("ingest.pipeline.open_store", lambda _settings: fake)
    return fake


def told(settings: Settings) -> str:
    finding = ingest_finding(settings, clock_ns=time.time_ns)
    return finding.detail if finding.state is State.WARNING else ""


@pytest.mark.claim("S-63")
@with_store
@needs_mosquitto
def test_a_session_lost_while_ingest_was_away_is_told(settings: Settings, mosquitto: Mosquitto) -> None:
    """779 of 1,620 were lost, and ledger, doctor and log all said that it was well."""
    with running(settings) as ingest:
        publish(mosquitto.port, [b'{"entries": 1}'] * 5, topic=DOOR)
        ingest.wait_for(readings_stored=5)
    mosquitto.kill()
    (mosquitto.folder / "mosquitto.db").unlink(missing_ok=True)
    mosquitto.start()
    publish(mosquitto.port, [b'{"entries": 1}'] * 7, topic=DOOR)
    with structlog.testing.capture_logs() as logs, running(settings) as ingest:
        publish(mosquitto.port, [b'{"entries": 1}'] * 3, topic=DOOR)
        ledger = ingest.wait_for(readings_stored=8)
        wait_until(lambda: "lost our session" in told(settings), DEADLINE_S, "the doctor to say so")

    assert ledger.notes["sessions_lost"] == 1
    assert [entry["log_level"] for entry in logs if entry["event"] == "session_lost"] == ["error"]


@needs_mosquitto
def test_a_cut_line_doubles_no_count_and_marks_none(
    settings: Settings, mosquitto: Mosquitto, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every acknowledgement is lost with the connection, and every message comes again."""
    monkeypatch.setattr("ingest.session.UPTIME_STALE_MAX_S", -1)
    monkeypatch.setattr(SessionMemory, "_uptime_s", lambda _self: HOUR_S)
    with Proxy(mosquitto.port) as proxy:
        through = settings.model_copy(update={"mqtt": MqttSettings(host="127.0.0.1", port=proxy.port)})
        with running(through) as ingest:
            commit = Buffer.commit

            def commit_and_cut(self: Buffer, batch: object) -> None:
                commit(self, batch)  # type: ignore[arg-type]
                if len(proxy.connections) < 6:
                    proxy.cut()

            monkeypatch.setattr(Buffer, "commit", commit_and_cut)
            publish(mosquitto.port, [b'{"entries": 1}'] * 40, topic=DOOR)
            ledger = ingest.wait_for(readings_stored=40, messages_redelivered=40)
    with closing(BufferReader(settings.data_dir)) as reader:
        ledger = reader.ledger.read()

    assert (ledger.readings_accepted, len(store.points)) == (40, 40)
    assert ledger.messages_received == 40 + ledger.messages_redelivered
    assert ledger.notes == {}


@with_store
@needs_mosquitto
def test_after_a_broker_crash_every_acknowledged_count_is_there_and_what_is_more_is_marked(
    settings: Settings, make_mosquitto: Callable[..., Mosquitto]
) -> None:
    """290 of 7,579 once were gone: another message with the same bytes and id was taken for a redelivery."""
    broker = make_mosquitto(autosave_interval_s=1, settings="autosave_on_changes false")
    mqtt = settings.mqtt.model_copy(update={"port": broker.port})
    settings = settings.model_copy(update={"mqtt": mqtt})
    sent, saved = 0, broker.folder / "mosquitto.db"
    with running(settings) as ingest:
        for _ in range(3):
            publish(broker.port, [b'{"entries": 1}'] * 300, topic=DOOR)
            sent += 300
            ingest.wait_for(messages_accepted=sent)
            before_ns = saved.stat().st_mtime_ns if saved.exists() else 0
            wait_until(
                lambda before_ns=before_ns: saved.exists() and saved.stat().st_mtime_ns > before_ns,  # type: ignore[misc]
                DEADLINE_S,
                "the broker to save",
            )
            broker.kill()
            broker.start()
            ingest.ingest.ready.clear()
            assert ingest.ingest.ready.wait(DEADLINE_S)
        publish(broker.port, [b'{"entries": 1}'] * 100, topic=DOOR)
        sent += 100
        ledger = ingest.wait_for(messages_accepted=sent, readings_stored=sent)

    assert ledger.readings_stored - ledger.notes.get("maybe_repeated", 0) <= sent <= ledger.readings_stored


@pytest.mark.claim("S-41")
@with_store
@needs_mosquitto
def test_the_client_id_is_in_no_log_figure_or_status(settings: Settings, mosquitto: Mosquitto) -> None:
    secret = "f00dcafe" * 5
    mqtt = settings.mqtt.model_copy(update={"client_id": MqttSettings(client_id=secret).client_id})  # type: ignore[arg-type]
    settings = settings.model_copy(update={"mqtt": mqtt})
    with structlog.testing.capture_logs() as logs, running(settings) as ingest:
        publish(mosquitto.port, [b'{"entries": 1}'], topic=DOOR)
        ingest.wait_for(readings_stored=1)
        mosquitto.restart()
        publish(mosquitto.port, [b'{"entries": 1}'], topic=DOOR)
        ingest.wait_for(readings_stored=2)

    assert secret not in str(logs)
    assert secret not in repr(settings)
    written = [path for path in settings.data_dir.iterdir() if secret.encode() in path.read_bytes()]
    assert [path.name for path in written] == ["session.json"]


def test_a_marked_reading_is_stored_and_counts(tmp_path: Path) -> None:
    batch = make_decoder().decode([message(DOOR, '{"entries": 3}')], maybe_repeated=True)
    with closing(open_store(Settings(data_dir=tmp_path, store="sqlite"))) as store:
        assert isinstance(store.write("\n".join(batch.lines).encode()), Accepted)
        [chunk] = store.latest(Kind.FOOTFALL, before_ns=2 * NOW_NS)

    assert (chunk.columns["entries"][0], chunk.columns["maybe_repeated"][0]) == (3, True)


@needs_mosquitto
@with_store
def test_a_new_client_id_empties_the_session_of_the_old_one_and_ends_it(
    settings: Settings, mosquitto: Mosquitto
) -> None:
    with running(settings) as ingest:
        publish(mosquitto.port, [b'{"entries": 1}'] * 5, topic=DOOR)
        ingest.wait_for(readings_stored=5)
    publish(mosquitto.port, [b'{"entries": 1}'] * 50, topic=DOOR)
    secret = MqttSettings(host="127.0.0.1", port=mosquitto.port, client_id=SecretStr("b" * 40))
    with structlog.testing.capture_logs() as logs, running(settings.model_copy(update={"mqtt": secret})) as ingest:
        ingest.wait_for(readings_stored=55)
        ended = lambda: any(entry["event"] == "old_session_ended" for entry in logs)  # noqa: E731 - short
        wait_until(ended, DEADLINE_S, "the old session to end")
        publish(mosquitto.port, [b'{"entries": 1}'] * 5, topic=DOOR)
        ledger = ingest.wait_for(readings_stored=60)

    assert ledger.messages_received == 60
    assert "sessions_lost" not in ledger.notes
    old = Connection(settings.mqtt, client_id=MqttSettings().client_id.get_secret_value(), keeps_session=True)
    old.open()

    def is_open() -> bool:
        old.turn(0.02)
        return old.is_open

    wait_until(is_open, DEADLINE_S, "the broker to answer")
    assert not old.session_present
    old.close()
    assert '"previous": null' in (settings.data_dir / "session.json").read_text()


@needs_mosquitto
@with_store
def test_sources_that_changed_while_ingest_was_away_leave_no_old_subscription(
    settings: Settings, mosquitto: Mosquitto
) -> None:
    assert settings.estate is not None
    settings.estate.write_text(ESTATE + "sources: [{topic: hubs/#}, {topic: elsewhere/#}]\n")
    with running(settings) as ingest:
        publish(mosquitto.port, [b'{"entries": 1}'], topic=DOOR)
        ingest.wait_for(readings_stored=1)
    settings.estate.write_text(ESTATE)
    file = settings.data_dir / "session.json"
    assert "elsewhere/#" in file.read_text()
    with running(settings) as ingest:
        publish(mosquitto.port, [b'{"entries": 1}'], topic=DOOR)
        ingest.wait_for(readings_stored=2)
    with running(settings) as ingest:
        assert "elsewhere/#" not in file.read_text()
        publish(mosquitto.port, [b"x"], topic="elsewhere/x")
        publish(mosquitto.port, [b'{"entries": 1}'], topic=DOOR)
        ledger = ingest.wait_for(readings_stored=3)

    assert ledger.messages_received == 3
