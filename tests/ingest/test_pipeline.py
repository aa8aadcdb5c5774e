"""The whole way in one process: a real broker, a real buffer, and what happens when a part of it can't go on."""

import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import structlog

from ingest.buffer import Buffer, BufferFullError, BufferReader
from ingest.doctor import State, ingest_finding
from ingest.pipeline import Ingest
from mqtt.messages import KEPT_BYTES
from schemas import HubpulseError, Kind, Reason, Settings
from schemas.settings import IngestSettings, MqttSettings
from sensors.formats.native import NativeParser
from stores import Accepted, Keep, Outcome, Rejected
from tests.ingest.fake_store import FakeStore
from tests.ingest.walking import AIR, ESTATE, Running, running, temperatures, with_limits
from tests.mqtt.receiving import DEADLINE_S, publish
from tests.servers import Mosquitto, free_port
from tests.waiting import wait_until

pytestmark = pytest.mark.needs("mosquitto")


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


def test_a_stop_drains_what_was_received(settings: Settings, mosquitto: Mosquitto, store: FakeStore) -> None:
    with running(settings) as ingest:
        publish(mosquitto.port, temperatures(3000), topic=AIR)
        ingest.wait_for(messages_received=1)
        asked_s = time.monotonic()
        ingest.stop()
        assert time.monotonic() - asked_s < 10

    ledger = ingest.ledger
    assert ingest.error is None
    assert ledger.readings_pending == 0
    assert len(store.points) == ledger.readings_stored == ledger.messages_received

    with running(settings) as ingest:
        ingest.wait_for(messages_received=3000, readings_stored=3000)
    assert len(store.points) == 3000


def test_a_message_beyond_the_bound_is_quarantined_and_those_around_it_are_stored(
    settings: Settings, mosquitto: Mosquitto, store: FakeStore
) -> None:
    huge, *others = temperatures(11)
    with running(settings) as ingest:
        publish(mosquitto.port, [*others[:5], huge + b" " * 5_000_000, *others[5:]], topic=AIR)
        ledger = ingest.wait_for(messages_received=11, readings_stored=10)

    assert (ledger.messages_refused, len(store.points)) == (1, 10)
    with closing(BufferReader(settings.data_dir)) as reader:
        [refusal] = reader.quarantine.find(limit=10)
    assert (refusal.reason, refusal.topic, len(refusal.payload)) == (Reason.TOO_LARGE, AIR, KEPT_BYTES)
    assert f"{len(huge) + 5_000_000} bytes: send at most 1048576" in refusal.detail


def test_a_stop_while_the_store_is_down_leaves_the_readings_in_the_buffer(
    settings: Settings, mosquitto: Mosquitto, store: FakeStore
) -> None:
    store.answer = lambda _lines: Keep("down", retry_after_s=300)
    with running(settings) as ingest:
        publish(mosquitto.port, temperatures(100), topic=AIR)
        ingest.wait_for(messages_received=100, readings_pending=100)
    store.answer = lambda _lines: Accepted()
    with running(settings) as ingest:
        assert ingest.wait_for(readings_stored=100).readings_pending == 0


def test_a_stop_does_not_wait_for_a_broker_that_is_away(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, mqtt=MqttSettings(host="127.0.0.1", port=free_port()))
    ingest = Running(settings)
    ingest.thread.start()
    wait_until((tmp_path / "buffer.db").exists, DEADLINE_S, "ingest to begin")
    asked_s = time.monotonic()
    ingest.stop()

    assert time.monotonic() - asked_s < 5
    assert ingest.error is None


def test_a_store_that_hangs_does_not_hold_up_the_stop(
    settings: Settings, mosquitto: Mosquitto, store: FakeStore
) -> None:
    hanging, let_go = threading.Event(), threading.Event()

    def hang(_lines: list[str]) -> Outcome:
        hanging.set()
        let_go.wait(DEADLINE_S)
        return Keep("late")

    store.answer = hang
    with running(with_limits(settings, stop_deadline_s=0.3)) as ingest:
        publish(mosquitto.port, temperatures(10), topic=AIR)
        assert hanging.wait(DEADLINE_S)
        with structlog.testing.capture_logs() as logs:
            ingest.stop()
        let_go.set()

    assert any(entry["event"] == "store_stop_timed_out" for entry in logs)
    assert ingest.ledger.readings_pending > 0


def test_a_full_buffer_leaves_messages_with_the_broker_until_there_is_room(
    settings: Settings, mosquitto: Mosquitto, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.pipeline._FULL_RETRY_S", 0.02)
    store.answer = lambda _lines: Keep("down")
    small = with_limits(settings, buffer_bytes_max=1024**2)
    with structlog.testing.capture_logs() as logs, running(small) as ingest:
        publish(mosquitto.port, temperatures(30_000), topic=AIR)

        def held() -> bool:
            with closing(BufferReader(settings.data_dir)) as reader:
                return "is full" in (reader.status.get("subscriber").get("problem") or "")

        wait_until(held, DEADLINE_S, "the buffer to be full")
        before = ingest.ledger
        finding = ingest_finding(settings, clock_ns=time.time_ns)
        assert finding.state is State.FAILED
        assert "HUBPULSE_INGEST__BUFFER_BYTES_MAX" in finding.detail
        assert 0 < before.messages_received < 30_000
        assert (settings.data_dir / "buffer.db").stat().st_size < 2 * 1024**2

        store.answer = lambda _lines: Accepted()
        ingest.wait_for(readings_stored=30_000)
    assert len(store.points) == 30_000
    assert [entry["log_level"] for entry in logs if entry["event"] == "acknowledging_paused"] == ["error"]


def test_a_writer_that_dies_while_the_buffer_is_full_is_not_missed(
    settings: Settings, mosquitto: Mosquitto, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.pipeline._FULL_RETRY_S", 0.02)
    full = threading.Event()

    def die(_lines: list[str]) -> Outcome:
        assert full.wait(DEADLINE_S)
        raise RuntimeError("out of luck")

    def no_room(_self: Buffer, _batch: object) -> None:
        full.set()
        raise BufferFullError("no room")

    store.answer = die
    with running(settings) as ingest:
        publish(mosquitto.port, temperatures(1), topic=AIR)
        ingest.wait_for(messages_received=1)
        monkeypatch.setattr(Buffer, "commit", no_room)
        publish(mosquitto.port, temperatures(1, first=5), topic=AIR)
        ingest.thread.join(DEADLINE_S)

    assert isinstance(ingest.error, HubpulseError)
    assert "the writer stopped (out of luck)" in str(ingest.error)


def test_a_buffer_that_is_moved_away_ends_ingest_in_one_line(settings: Settings, mosquitto: Mosquitto) -> None:
    with running(settings) as ingest:
        (settings.data_dir / "buffer.db").rename(settings.data_dir / "elsewhere.db")
        publish(mosquitto.port, temperatures(10), topic=AIR)
        ingest.thread.join(DEADLINE_S)

    assert isinstance(ingest.error, HubpulseError)
    assert "moved away" in str(ingest.error)
    assert "\n" not in str(ingest.error)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_hub_added_to_the_estate_file_is_taken_from_then_on(
    settings: Settings, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    settings = with_limits(settings, workers=workers)
    monkeypatch.setattr("ingest.estate_watch._LOOK_EVERY_S", 0.05)
    assert settings.estate is not None
    new_hub = AIR.replace("armley", "beeston")
    with structlog.testing.capture_logs() as logs, running(settings) as ingest:
        publish(mosquitto.port, temperatures(5), topic=new_hub)
        ingest.wait_for(messages_refused=5)
        settings.estate.write_text(ESTATE.replace("[{id: armley}]", "[{id: armley}, {id: beeston}]"))
        wait_until(lambda: any(entry["event"] == "estate_reloaded" for entry in logs), DEADLINE_S, "the new estate")
        publish(mosquitto.port, temperatures(7), topic=new_hub)
        ledger = ingest.wait_for(messages_received=12)

    assert (ledger.messages_accepted, ledger.messages_refused) == (7, 5)
    assert {reason for _, _, reason in ingest.refusals()} == {Reason.UNKNOWN_HUB}


def test_a_bad_edit_leaves_the_estate_before_it_in_force(
    settings: Settings, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.estate_watch._LOOK_EVERY_S", 0.05)
    assert settings.estate is not None
    with structlog.testing.capture_logs() as logs, running(settings) as ingest:
        settings.estate.write_text(ESTATE + "sensors: 5\n")
        wait_until(lambda: any(entry["event"] == "estate_rejected" for entry in logs), DEADLINE_S, "a refusal")
        publish(mosquitto.port, temperatures(5), topic=AIR)
        ledger = ingest.wait_for(messages_received=5)

    assert ledger.messages_accepted == 5
    [problem] = [entry["error"] for entry in logs if entry["event"] == "estate_rejected"]
    assert "estate.yaml:4" in problem


@pytest.mark.parametrize("workers", [1, 3])
def test_messages_during_an_edit_are_neither_lost_nor_doubled(
    settings: Settings, mosquitto: Mosquitto, store: FakeStore, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    settings = with_limits(settings, workers=workers)
    monkeypatch.setattr("ingest.estate_watch._LOOK_EVERY_S", 0.01)
    assert settings.estate is not None
    with running(settings) as ingest:
        for number in range(20):
            settings.estate.write_text(f"{ESTATE}sources: [{{topic: 'hubs/#', format: native}}]\n# edit {number}\n")
            publish(mosquitto.port, temperatures(100, first=100 * number), topic=AIR)
        ingest.wait_for(readings_stored=2000)

    assert ingest.ledger.messages_received == 2000
    assert len(store.points) == 2000


def test_a_second_ingest_on_the_same_data_says_so_in_one_line(settings: Settings) -> None:
    with running(settings):
        second = Ingest(settings)
        with pytest.raises(HubpulseError, match="another ingest runs on") as error:
            second.run()

    assert "\n" not in str(error.value)


def test_after_a_clean_stop_the_next_one_may_begin(settings: Settings) -> None:
    for _ in range(3):
        with running(settings) as ingest:
            pass
        assert ingest.error is None


def test_a_data_folder_that_cannot_be_used_says_so_in_one_line(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ingest = Ingest(settings.model_copy(update={"data_dir": tmp_path / "file" / "data"}))

    with pytest.raises(HubpulseError, match="can't be used") as error:
        ingest.run()
    assert "\n" not in str(error.value)


def test_a_fault_of_ours_refuses_that_one_message(
    settings: Settings, mosquitto: Mosquitto, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = NativeParser.parse

    def faulty(self: NativeParser, payloads: list[bytes]) -> Any:
        if any(b"poison" in payload for payload in payloads):
            raise ZeroDivisionError("aa:bb:cc:dd:ee:ff")
        return parse(self, payloads)

    monkeypatch.setattr(NativeParser, "parse", faulty)
    good = temperatures(50)
    with structlog.testing.capture_logs() as logs, running(settings) as ingest:
        publish(mosquitto.port, [*good[:25], b"poison aa:bb:cc:dd:ee:ff", *good[25:]], topic=AIR)
        ledger = ingest.wait_for(messages_received=51, readings_stored=50)

    assert (ledger.messages_accepted, ledger.messages_refused) == (50, 1)
    assert len(store.points) == 50
    [(topic, payload, reason)] = ingest.refusals()
    assert (topic, payload, reason) == (AIR, b"poison **:**:**:**:**:**", Reason.BAD_PAYLOAD)
    assert "dd:ee:ff" not in str(logs)
    assert any("ZeroDivisionError" in entry.get("trace", "") for entry in logs)


@pytest.mark.claim("S-54")
def test_no_mac_address_reaches_disk_or_log(settings: Settings, mosquitto: Mosquitto, store: FakeStore) -> None:
    mac = "3c:22:fb:a1:b2:c3"
    store.answer = lambda lines: Rejected("because") if "21.5" in lines[0] else Accepted()
    sent = [f"hubs/armley/wifi/{mac.replace(':', '-')}", f"hubs/armley/{mac}/x", f"hubs/{mac.replace(':', '_')}/co2/x"]
    shapes = ['{"clients": 1, "MAC": 2}', '"MAC"', '{"clients": "MAC"}', '{"time": "MAC", "clients": 1}']
    bodies = [shape.replace("MAC", mac).encode() for shape in shapes]
    with structlog.testing.capture_logs() as logs, running(settings) as ingest:
        for topic in [*sent, "hubs/armley/wifi/ap-1", AIR]:
            publish(mosquitto.port, bodies, topic=topic)
        publish(mosquitto.port, temperatures(1), topic=AIR)
        ingest.wait_for(messages_received=21, readings_store_rejected=1)

    kept = b"".join(path.read_bytes() for path in settings.data_dir.iterdir())
    for digits in (b"a1:b2:c3", b"a1-b2-c3", b"a1_b2_c3"):
        assert digits not in kept
        assert digits.decode() not in str(logs)
    assert ingest.ledger.messages_refused == 20


def test_ingest_leaves_word_of_how_it_is(settings: Settings, mosquitto: Mosquitto) -> None:
    with running(settings) as ingest:
        publish(mosquitto.port, temperatures(5), topic=AIR)
        ingest.wait_for(readings_stored=5)

        def status() -> dict[str, Any]:
            with closing(BufferReader(settings.data_dir)) as reader:
                return {name: reader.status.get(name) for name in ("subscriber", "writer")}

        def is_reported() -> dict[str, Any] | None:
            is_good = ingest_finding(settings, clock_ns=time.time_ns).state is State.OK
            # The writer reports after it has settled.
            return found if is_good and (found := status())["writer"]["state"] == "writing" else None

        status_found = wait_until(is_reported, DEADLINE_S, "the finding to be good")

    assert status_found is not None
    assert status_found["subscriber"]["broker"] == f"127.0.0.1:{mosquitto.port}"
    assert status_found["subscriber"]["problem"] is None


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_reaches_the_embedded_store(settings: Settings, mosquitto: Mosquitto, kind: Kind) -> None:
    bodies = {Kind.CO2: b"600", Kind.PRESSURE: b"1000", Kind.TEMPERATURE: b"21", Kind.HUMIDITY: b"50"}
    body = (
        bodies.get(kind)
        or {
            Kind.FOOTFALL: b'{"entries": 1}',
            Kind.WIFI: b'{"clients": 1}',
            Kind.DEVICE: b'{"battery_pct": 50}',
        }[kind]
    )
    with running(settings) as ingest:
        publish(mosquitto.port, [body], topic=f"hubs/armley/{kind}/x")
        assert ingest.wait_for(readings_stored=1).messages_refused == 0
