"""The parts of a campaign: mosquitto, a line to it, `hubpulse ingest` in a process of its own, and a store."""

import os
import signal
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Self

from ingest.ledger import Ledger
from mqtt.publisher import Publisher
from schemas import Settings
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage
from stores import open_store
from tests.chaos.sent import FIRST_NS, HUBS, LAST_HUB, ROUND_NS, UNTIMED_HUB, Counts
from tests.cli.command import PROGRAM, Running
from tests.e2e.pipeline import Pipeline
from tests.line import Line
from tests.servers import Influxd, Mosquitto
from tests.waiting import wait_until

AUTOSAVE_S, SAVING_S = 1, 0.5
SAVED_DEADLINE_S = 10
STORED_DEADLINE_S = 60
DATABASE = "hubs"
SABOTAGE = Path(__file__).with_name("sabotage.py")
_LOG = "\n".join(f"log_type {kind}" for kind in ("error", "warning", "notice", "subscribe"))
_QUICK = {
    "HUBPULSE_INGEST__BACKOFF_FIRST_S": 0.05,
    "HUBPULSE_INGEST__BACKOFF_MAX_S": 0.5,
    "HUBPULSE_INGEST__FLUSH_AGE_S": 0.05,
    "HUBPULSE_MQTT__RECEIVE_MAX": 50,
    "HUBPULSE_INGEST__HUB_MESSAGES_PER_S_MAX": 100_000,
}


class World:
    """Everything that faults can strike; whole again after `heal`."""

    def __init__(self, folder: Path, *, influxdb: bool, sabotage: str | None = None) -> None:
        self._folder, self._sabotage = folder, sabotage
        self._parts = ExitStack()
        self.broker = Mosquitto(folder / "broker", autosave_interval_s=AUTOSAVE_S, settings=_LOG)
        self.influxd = Influxd(folder / "influxd") if influxdb else None
        self.line = Line(self.broker.port)
        self.forgotten_s: list[tuple[float, float]] = []
        """From when to when a killed broker took what it had not saved."""
        self._ingest: Running | None = None

    def __enter__(self) -> Self:
        estate = self._folder / "estate.yaml"
        hubs = "\n".join(f"  - {{id: {hub}, name: {hub}}}" for hub in (*HUBS, UNTIMED_HUB, LAST_HUB))
        estate.write_text(f"name: Chaos\ntimezone: UTC\nhubs:\n{hubs}\n")
        self._parts.enter_context(self.broker)
        store: dict[str, str] = {"HUBPULSE_STORE": "sqlite"}
        if self.influxd is not None:
            self._parts.enter_context(self.influxd)
            store = {
                "HUBPULSE_STORE": "influxdb",
                "HUBPULSE_INFLUX__URL": self.influxd.url,
                "HUBPULSE_INFLUX__BUCKET": DATABASE,
            }
        self._parts.enter_context(self.line)
        self.pipeline = Pipeline(self._folder / "hubpulse", self.broker, estate, {**store, **_QUICK})
        self.start_ingest()
        self.pipeline.wait_until_subscribed(self.ingest)
        self._save_session()
        return self

    def __exit__(self, *_: object) -> None:
        self.ingest.kill()
        self._parts.close()

    # ---------------------------------------------------------------------------------------------------------- parts

    @property
    def ingest(self) -> Running:
        assert self._ingest is not None
        return self._ingest

    def start_ingest(self) -> None:
        """Start it behind the line; harmless where it runs."""
        if self._ingest is not None and self._ingest.is_running:
            return
        program: list[str | Path] = [PROGRAM]
        if self._sabotage is not None:
            program = [sys.executable, SABOTAGE, self._sabotage]
        self._ingest = self.pipeline.command.start_program([*program, "ingest"], HUBPULSE_MQTT__PORT=self.line.port)

    def kill_broker(self) -> None:
        """As a power cut would: it forgets what came since it last wrote its file, which took a moment."""
        self.broker.kill()
        now_s, saved_ago_s = time.monotonic(), time.time() - self._session_file.stat().st_mtime
        self.forgotten_s.append((now_s - saved_ago_s - SAVING_S, now_s))

    def _save_session(self) -> None:
        """Let the broker write down that ingest is subscribed: what it forgets when killed is what came since."""
        os.kill(self.broker.pid, signal.SIGUSR1)
        wait_until(self._session_file.exists, SAVED_DEADLINE_S, "the broker to save its sessions")

    @property
    def _session_file(self) -> Path:
        return self.broker.folder / "mosquitto.db"

    # ------------------------------------------------------------------------------------------------------- judgement

    def settle(self) -> Ledger:
        """Wait until all that the broker holds is stored, and return the ledger.

        Order is kept, so a last message tells; what is delivered again is counted again, so no count does.
        """
        now_ns = time.time_ns()
        last = TimedMessage(0, f"hubs/{LAST_HUB}/footfall/door", b'{"time": %d, "entries": 1}' % now_ns)
        with Publisher(MqttSettings(host=self.broker.host, port=self.broker.port)) as publisher:
            publisher.publish_all([last])

        def ledger() -> Ledger | None:
            assert self.ingest.is_running, self.ingest.err
            found = self.pipeline.ledger()
            is_there = found is not None and not found.readings_pending and self._read(now_ns, now_ns + 1)
            return found if is_there else None

        settled = wait_until(ledger, STORED_DEADLINE_S, "everything to be stored", poll_s=0.05)
        assert settled is not None
        return settled

    def stored(self, number: int) -> Counts:
        """What is stored of a round's readings."""
        first_ns = FIRST_NS + number * ROUND_NS
        return {
            (hub, time_ns): count
            for hub, times in self._read(first_ns, first_ns + ROUND_NS).items()
            for time_ns, count in times.items()
            if hub in HUBS
        }

    def untimed(self) -> int:
        """The sum of all counts without a time of their own."""
        now_ns = time.time_ns()
        around = self._read(now_ns - 2 * ROUND_NS, now_ns + ROUND_NS)
        return sum(around.get(UNTIMED_HUB, {}).values())

    def _read(self, start_ns: int, stop_ns: int) -> dict[str, dict[int, int]]:
        found: dict[str, dict[int, int]] = {}
        with closing(open_store(self._settings())) as store:
            for chunk in store.read("footfall", start_ns=start_ns, stop_ns=stop_ns):
                times = found.setdefault(chunk.tags["hub"], {})
                for time_ns, count in zip(chunk.times_ns, chunk.columns["entries"], strict=True):
                    times[time_ns] = int(count or 0)
        return found

    def _settings(self) -> Settings:
        if self.influxd is None:
            return Settings(data_dir=self.pipeline.data, store="sqlite")
        return Settings.model_validate(
            {
                "data_dir": self.pipeline.data,
                "store": "influxdb",
                "influx": {"url": self.influxd.url, "bucket": DATABASE},
            }
        )
