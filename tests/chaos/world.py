"""The parts of a campaign: mosquitto as shipped, lines to it and the store, `hubpulse ingest`, its jobs."""

import json
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Self

from cli.broker_accounts import INGEST, SIMULATOR, hub_user, password_file, rights
from ingest.buffer import BufferReader
from ingest.ledger import Ledger
from mqtt.publisher import Publisher
from schemas import HubpulseError, Reason, Settings
from schemas.settings import MqttSettings
from sensors.estate_file import load_estate
from simulators.messages import TimedMessage
from stores import open_store
from tests.chaos.estates import estate_text
from tests.chaos.sent import (
    DAY_NS,
    FIRST_NS,
    HUBS,
    LAST_HUB,
    LIVE_HUB,
    NUMBERED_HUB,
    ROUND_NS,
    UNKNOWN_HUB,
    UNTIMED_HUB,
)
from tests.chaos.synced import keep, power_cut
from tests.chaos.verdict import Excuses, Found, Window
from tests.cli.command import Running
from tests.e2e.pipeline import Pipeline
from tests.line import Line
from tests.real_parts import REPOSITORY
from tests.servers import Influxd, Mosquitto
from tests.waiting import wait_until

AUTOSAVE_S, SAVING_S = 1, 0.5
SAVED_DEADLINE_S = 10
REDRIVEN_DEADLINE_S = 600.0
"""With each commit the copies of whole files are kept."""
STORED_DEADLINE_S = 60
LAST_AGAIN_S = 2.0
LOG_LINES = 25
DISK_MB = 128
DATABASE = "hubs"
CLIENT_ID = "campaign-4f1c9a7730d2e86b"
PASSWORD, HOSTILE_HUB = "of this campaign alone", "mallory"
PROGRAM = (sys.executable, "-X", "faulthandler", Path(__file__).with_name("program.py"))
_QUICK: dict[str, str | int | float] = {
    "HUBPULSE_INGEST__BACKOFF_FIRST_S": 0.05,
    "HUBPULSE_INGEST__BACKOFF_MAX_S": 0.5,
    "HUBPULSE_INGEST__FLUSH_AGE_S": 0.05,
    "HUBPULSE_INGEST__DISK_FREE_BYTES_MIN": 1024**2,
    "HUBPULSE_MQTT__RECEIVE_MAX": 50,
    "HUBPULSE_INGEST__HUB_MESSAGES_PER_S_MAX": 100_000,
}
_OTHERWISE = ("listener", "max_connections", "certfile", "keyfile", "password_file", "acl_file", "autosave", "log_")


class World:
    """Everything that faults can strike; whole again once every fault has ended."""

    def __init__(self, folder: Path, *, influxdb: bool, sabotage: str | None = None) -> None:
        self.folder, self._sabotage = folder, sabotage
        self._parts = ExitStack()
        self._holder: sqlite3.Connection | None = None
        self.broker = Mosquitto(folder / "broker")
        self.influxd = Influxd(folder / "influxd") if influxdb else None
        self.line = Line(self.broker.port)
        self.store_line = Line(self.influxd.port) if self.influxd else None
        self.estate_file, self._clock_file = folder / "estate.yaml", folder / "clock"
        self._synced = folder / "synced"
        self._ingest: Running | None = None
        self._jobs: Running | None = None
        self.has_small_disk = False
        self.begin_round()

    def __enter__(self) -> Self:
        try:
            self._set_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _set_up(self) -> None:
        self.estate_file.write_text(estate_text())
        self._synced.mkdir()
        self._clock_file.write_bytes(bytes(8))
        self._set_up_broker()
        self._parts.enter_context(self.broker)
        store: dict[str, str] = {"HUBPULSE_STORE": "sqlite"}
        if self.influxd is not None and self.store_line is not None:
            self._parts.enter_context(self.influxd)
            self._parts.enter_context(self.store_line)
            url = f"http://127.0.0.1:{self.store_line.port}"
            store = {
                "HUBPULSE_STORE": "influxdb",
                "HUBPULSE_INFLUX__URL": url,
                "HUBPULSE_INFLUX__BUCKET": DATABASE,
                "HUBPULSE_INFLUX__TIMEOUT_S": "3",
            }
        self._parts.enter_context(self.line)
        self._mount_small_disk(self.folder / "hubpulse")
        chaos = {"CHAOS_CLOCK": str(self._clock_file), "CHAOS_SYNCED": str(self._synced)}
        if self._sabotage is not None:
            chaos["CHAOS_MISTAKE"] = self._sabotage
        account = {
            "HUBPULSE_MQTT__USERNAME": INGEST,
            "HUBPULSE_MQTT__PASSWORD": PASSWORD,
            "HUBPULSE_MQTT__CLIENT_ID": CLIENT_ID,
        }
        more: dict[str, str | int | float] = {**store, **_QUICK, **chaos, **account}
        self.pipeline = Pipeline(self.folder / "hubpulse", self.broker, self.estate_file, more)
        self.start_ingest()
        self.start_jobs()
        wait_until(self._is_subscribed, STORED_DEADLINE_S, "ingest to subscribe")
        self._save_session()

    def __exit__(self, *_: object) -> None:
        for service in (self._ingest, self._jobs):
            if service is not None:
                service.kill()
        self._parts.close()

    def begin_round(self) -> None:
        """Forget what happened in the last one."""
        self.excuses = Excuses()
        self.forget_from_s: float | None = None
        """Since when the broker has no session of ingest's, where that is so."""
        self.knows_session = True
        self.may_end = self.had_wrong_clock = False
        """Whether ingest has a reason to end by itself: what a service manager starts again."""

    # ---------------------------------------------------------------------------------------------------------- parts

    @property
    def ingest(self) -> Running:
        assert self._ingest is not None
        return self._ingest

    @property
    def jobs(self) -> Running:
        assert self._jobs is not None
        return self._jobs

    @property
    def data(self) -> Path:
        return self.pipeline.data

    def start_ingest(self) -> None:
        """Start it behind the line; harmless where it runs."""
        if self._ingest is None or not self._ingest.is_running:
            program: list[str | Path] = [*PROGRAM, "ingest"]
            self._ingest = self.pipeline.command.start_program(program, HUBPULSE_MQTT__PORT=self.line.port)

    def start_jobs(self) -> None:
        """Likewise; its clock is right."""
        if self._jobs is None or not self._jobs.is_running:
            self._jobs = self.pipeline.command.start_program([*PROGRAM, "jobs"], CHAOS_CLOCK="")

    def kill_broker(self) -> None:
        """As a power cut would: it forgets what came since it last wrote its file, which took a moment."""
        self.broker.kill()
        now_s, saved_ago_s = time.monotonic(), time.time() - self.session_file.stat().st_mtime
        self.excuses.forgotten_s.append(Window(now_s - saved_ago_s - SAVING_S, now_s))

    def cut_power(self) -> None:
        """End ingest and jobs, and put the files back to what was synced of them."""
        self.let_store_go()
        self.ingest.kill()
        self.jobs.kill()
        power_cut(self._synced, self.data)

    def hold_store(self) -> None:
        """Be another process that writes to the embedded store, until it is let go or power is cut."""
        self._holder = sqlite3.connect(self._store_file, check_same_thread=False, isolation_level=None)
        self._holder.execute("BEGIN IMMEDIATE")

    def let_store_go(self) -> None:
        if self._holder is None:
            return
        self._holder.close()  # rolls back
        self._holder = None
        # Who is the last to close it writes the log into it, and syncs it.
        keep(self._synced, self._store_file, self._store_file.read_bytes)

    @property
    def _store_file(self) -> Path:
        return self.data / "store.db"

    def set_clock(self, wrong_s: int) -> None:
        """Let ingest's clock be ahead by so much, or behind."""
        self.had_wrong_clock = True
        with self._clock_file.open("r+b") as file:  # in place: it is mapped into memory
            file.write(struct.pack("<q", wrong_s * 10**9))

    def edit_estate(self, text: str) -> None:
        """Replace the estate file in one go, as a careful editor does."""
        fresh = self.estate_file.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.estate_file)

    def mqtt(self, user: str = SIMULATOR) -> MqttSettings:
        """How a client reaches the broker."""
        return MqttSettings.model_validate(
            {"host": self.broker.host, "port": self.broker.port, "username": user, "password": PASSWORD}
        )

    @property
    def session_file(self) -> Path:
        """What the broker has saved."""
        return self.broker.folder / "mosquitto.db"

    def _set_up_broker(self) -> None:
        shipped = (REPOSITORY / "deploy/mosquitto/mosquitto.conf").read_text().splitlines()
        ours = (
            f"listener {self.broker.port} {self.broker.host}",
            *(line for line in self.broker.config.splitlines() if line.startswith(("user", "persistence_location"))),
            *(line for line in shipped if line and not line.startswith(("#", *_OTHERWISE))),
            f"password_file {self.broker.folder}/passwords",
            f"acl_file {self.broker.folder}/acl",
            f"autosave_interval {AUTOSAVE_S}",
            "sys_interval 1",
            *(f"log_type {kind}" for kind in ("error", "warning", "notice", "subscribe")),
            "log_dest stderr",
        )
        self.broker.config = "\n".join((*ours, ""))
        estate = load_estate(self.estate_file)
        users = (INGEST, SIMULATOR, hub_user(HOSTILE_HUB))
        files = {"passwords": password_file(dict.fromkeys(users, PASSWORD)), "acl": rights(estate)}
        for name, text in files.items():
            path = self.broker.folder / name
            path.write_text(text)
            path.chmod(0o600)

    def _mount_small_disk(self, folder: Path) -> None:
        folder.mkdir()
        mount, unmount = shutil.which("mount"), shutil.which("umount")
        if os.geteuid() == 0 and mount and unmount:
            command = [mount, "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
            self.has_small_disk = subprocess.run(command, check=False, capture_output=True).returncode == 0
        if self.has_small_disk:
            self._parts.callback(subprocess.run, [str(unmount), str(folder)], check=False)

    def _is_subscribed(self) -> bool:
        assert self.ingest.is_running, self.ingest.err
        return f"{CLIENT_ID} 1 hubs/#" in self.broker.log

    def _save_session(self) -> None:
        """Let the broker write down that ingest is subscribed: what it forgets when killed is what came since."""
        os.kill(self.broker.pid, signal.SIGUSR1)
        wait_until(self.session_file.exists, SAVED_DEADLINE_S, "the broker to save its sessions")

    # ------------------------------------------------------------------------------------------------------- judgement

    def settle(self) -> Ledger:
        """Wait until all that the broker holds is stored, and return the ledger.

        Order is kept, so a last message tells; what is delivered again is counted again, so no count does. What was
        refused for the clock alone is sent again.
        """
        ledger = self._wait_for_a_last_message()
        if self.redrive(Reason.CLOCK_AHEAD):
            ledger = self._wait_for_a_last_message()
        return ledger

    def redrive(self, reason: Reason) -> int:
        """Send what is in the quarantine for a reason once more; how many messages that were. Raises HubpulseError.

        In a process like the others: a power cut leaves what that one synced.
        """
        program = [*PROGRAM, "quarantine", "redrive", "--reason", reason.value, "--json"]
        with self.pipeline.command.start_program(program, CHAOS_CLOCK="") as command:
            answer = command.wait(REDRIVEN_DEADLINE_S)
        if not answer.out:
            raise HubpulseError(answer.err)
        return len(json.loads(answer.out)["redriven"])

    def _wait_for_a_last_message(self) -> Ledger:
        asked_s, now_ns = 0.0, 0

        def settled() -> Ledger | None:
            nonlocal asked_s, now_ns
            self._keep_up()
            if time.monotonic() - asked_s > LAST_AGAIN_S:  # it may be lost with a damaged file that is found only now
                asked_s, now_ns = time.monotonic(), time.time_ns()
                last = TimedMessage(0, f"hubs/{LAST_HUB}/footfall/door", b'{"time": %d, "entries": 1}' % now_ns)
                with Publisher(self.mqtt()) as publisher:
                    publisher.publish_all([last])
            ledger = self.pipeline.ledger()
            if ledger is None or ledger.readings_pending:
                return None
            try:  # whoever meets damage has it mended
                is_there = any(True for _ in self._read(LAST_HUB, now_ns, now_ns + 1))
                with closing(BufferReader(self.data)) as reader:
                    deque(reader.quarantine.messages(ids=None, reason=None), maxlen=0)
            except HubpulseError:
                return None
            return ledger if is_there else None

        found = wait_until(settled, STORED_DEADLINE_S, "everything to be stored", poll_s=0.05)
        assert found is not None
        return found

    def _keep_up(self) -> None:
        """Start what ended with a reason again, as a service manager does; without one it is a fault."""
        for service, start in ((self.ingest, self.start_ingest), (self.jobs, self.start_jobs)):
            if not service.is_running:
                assert self.may_end, f"ended by itself ({service.wait().exit_code}): {service.err[-3000:]}"
                assert "Traceback" not in service.err, service.err[-3000:]
                start()

    def found(self, number: int, since_ns: int) -> Found:
        """What is there of a round that began at `since_ns`, and of all before in the quarantine."""
        first_ns, now_ns, day_ns = FIRST_NS + number * ROUND_NS, time.time_ns(), DAY_NS + 10**11
        found = Found()
        for hub in HUBS:
            for time_ns, count, _ in self._read(hub, first_ns, first_ns + ROUND_NS):
                found.timed[hub, time_ns] = count
        spans = {NUMBERED_HUB: (since_ns - day_ns, now_ns + day_ns), LIVE_HUB: (since_ns - day_ns, now_ns + day_ns)}
        for hub, span in {**spans, UNKNOWN_HUB: (0, now_ns + day_ns)}.items():
            for _, entries, is_repeated in self._read(hub, *span):
                found.numbers[entries] += 1
                if is_repeated:
                    found.repeated.add(entries)
        with closing(BufferReader(self.data)) as reader:
            for reason in (Reason.UNKNOWN_HUB, Reason.CLOCK_AHEAD):
                for refused in reader.quarantine.messages(ids=None, reason=reason):
                    found.quarantined[refused.message.payload] += 1
                    if refused.maybe_repeated:
                        found.repeated_messages.add(refused.message.payload)
        return found

    def untimed(self) -> tuple[int, int]:
        """The sum of all counts that are alike, and of those of them that are marked as perhaps repeated."""
        now_ns = time.time_ns()
        there = list(self._read(UNTIMED_HUB, now_ns - 3 * DAY_NS, now_ns + 3 * DAY_NS))
        return sum(count for _, count, _ in there), sum(count for _, count, is_repeated in there if is_repeated)

    def figures(self, day: int) -> tuple[dict[str, int], dict[str, int]]:
        """The entries of a day by hub: as the jobs worked them out, and the sums of what is stored."""
        start_ns = FIRST_NS + day * DAY_NS
        figures, stored = dict.fromkeys(HUBS, 0), dict.fromkeys(HUBS, 0)
        with closing(open_store(self.settings())) as store:
            for hub in HUBS:
                for chunk in store.read("usage_daily", start_ns=start_ns, stop_ns=start_ns + 1, where={"hub": hub}):
                    figures[hub] = int(chunk.columns["entries"][0] or 0)
        for hub in HUBS:
            stored[hub] = sum(count for _, count, _ in self._read(hub, start_ns, start_ns + DAY_NS))
        return figures, stored

    def log(self) -> str:
        """What ingest and jobs said last."""
        names = ("ingest", self._ingest), ("jobs", self._jobs)
        for _, one in names:
            if one is not None and one.is_running:
                one.signal(signal.SIGUSR1)  # where it is
        ends = (f"{name}:\n" + "\n".join(one.err.splitlines()[-LOG_LINES:]) for name, one in names if one is not None)
        return "\n".join((*ends, f"ledger: {self.pipeline.ledger()}"))

    def told(self, event: str) -> dict[str, Any]:
        """The window of which ingest says that the broker may have lost something in it."""
        with closing(BufferReader(self.data)) as reader:
            return reader.status.get(event)

    def _read(self, hub: str, start_ns: int, stop_ns: int) -> Iterator[tuple[int, int, bool]]:
        with closing(open_store(self.settings())) as store:
            for chunk in store.read("footfall", start_ns=start_ns, stop_ns=stop_ns, where={"hub": hub}):
                columns = chunk.columns
                for i, time_ns in enumerate(chunk.times_ns):
                    yield time_ns, int(columns["entries"][i] or 0), bool(columns["maybe_repeated"][i])

    def settings(self) -> Settings:
        """Those of whoever looks from outside, past the lines."""
        if self.influxd is None:
            return Settings(data_dir=self.data, store="sqlite")
        influx = {"url": self.influxd.url, "bucket": DATABASE}
        return Settings.model_validate({"data_dir": self.data, "store": "influxdb", "influx": influx})
