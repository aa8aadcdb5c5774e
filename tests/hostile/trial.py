"""The shipped broker, ingest, jobs and board as services of their own, honest hubs, and what a hostile client does."""

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests

from ingest.buffer import BufferReader
from ingest.ledger import Ledger
from mqtt.publisher import Publisher
from schemas import Settings
from schemas.localtime import from_ns
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage
from stores import open_store
from tests.cli.command import CommandLine, Running
from tests.deploy.installation import Installation
from tests.deploy.shipped_broker import ShippedMosquitto
from tests.hostile.client import Hostile, Orders, Outcome
from tests.hostile.contents import HUB
from tests.servers import free_port
from tests.waiting import wait_until

HONEST = ("armley", "chapel", "otley")
KINDS = {"footfall": "entries", "co2": "value", "temperature": "value"}
EVERY_S, LOOK_EVERY_S = 1.0, 0.25
READY_DEADLINE_S, END_DEADLINE_S = 60, 120
PAGE_DEADLINE_S = 30.0

Reading = tuple[str, str, int]
"""Kind, hub and time."""


@dataclass
class Report:
    """What a trial came to."""

    flood: Outcome = field(default_factory=Outcome)
    load: list[float] = field(default_factory=list)
    """How many processes wanted the machine, by `getloadavg` of the last minute."""
    honest: int = 0
    lost: list[Reading] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    pages_s: list[float] = field(default_factory=list)
    pages_failed: int = 0
    ledger: Ledger | None = None
    entries: dict[str, tuple[int, int]] = field(default_factory=dict)
    """People by hub: sent, and in the day's figures."""
    bytes_kept: dict[str, int] = field(default_factory=dict)
    broker_mb: float = 0.0
    ingest_mb: float = 0.0
    broker_cpu_s: float = 0.0
    ingest_cpu_s: float = 0.0
    too_late_s: float = 5.0

    @property
    def faults(self) -> list[str]:
        """What must not be."""
        checks = {
            f"{len(self.lost)} honest readings are lost": not self.lost,
            f"an honest reading came {max(self.late_s, default=0):.1f} s late": max(self.late_s, default=0)
            <= self.too_late_s,
            f"{self.pages_failed} pages were not answered": not self.pages_failed,
            f"the hostile client was given {self.flood.swallowed} messages": not self.flood.swallowed,
            f"the ledger does not balance: {self.ledger}": self.ledger is not None and self.ledger.balanced,
            f"the day's figures are not what was sent: {self.entries}": all(a == b for a, b in self.entries.values()),
        }
        return [fault for fault, is_well in checks.items() if not is_well]

    def __str__(self) -> str:
        sent, flooded_s = self.flood.sent.total(), self.flood.flooded_s or 1
        bytes_s, cpu_s = self.flood.bytes_sent / flooded_s, (self.broker_cpu_s, self.ingest_cpu_s, self.flood.cpu_s)
        late, pages = sorted(self.late_s), sorted(self.pages_s)
        return "\n".join(
            (
                f"hostile: {sent} messages, {sent / flooded_s:.0f}/s, {bytes_s / 1e6:.1f} MB/s",
                f"connections of it: {self.flood.connections}",
                f"load of the machine: {max(self.load, default=0):.1f}",
                f"honest: {self.honest} readings, {len(self.lost)} lost, late {_spread(late)}",
                f"board: {len(pages)} pages, {self.pages_failed} failed, answered in {_spread(pages)}",
                f"people sent and in the day's figures: {self.entries}",
                f"memory: broker {self.broker_mb:.0f} MB, ingest {self.ingest_mb:.0f} MB; files {self.bytes_kept}",
                "processor: broker {:.0f} s, ingest {:.0f} s, hostile client {:.0f} s".format(*cpu_s),
                f"ledger: {self.ledger.model_dump_json() if self.ledger else None}",
                *(f"FAULT: {fault}" for fault in self.faults),
            )
        )


def _spread(values: list[float]) -> str:
    at = [values[int(share * (len(values) - 1))] if values else 0.0 for share in (0.5, 0.99, 1)]
    return f"{at[0]:.2f} s (median), {at[1]:.2f} s (99 %), {at[2]:.2f} s (most)"


class Honest(threading.Thread):
    """One reading of each kind a second for each honest hub; notes when each is seen in the store."""

    def __init__(self, settings: list[MqttSettings], read: Callable[[int], set[Reading]]) -> None:
        super().__init__(name="honest", daemon=True)
        self._settings, self._read = settings, read
        self._stopping = threading.Event()
        self.sent: dict[Reading, float] = {}
        self.seen: dict[Reading, float] = {}
        self.people: dict[str, int] = dict.fromkeys(HONEST, 0)
        self.began_ns = time.time_ns()
        self.error: Exception | None = None
        self.ready = threading.Event()

    def stop(self) -> None:
        """Return once the last reading is stored, or too late for good."""
        self._stopping.set()
        self.join()
        if self.error is not None:
            raise self.error
        wait_until(self._look, END_DEADLINE_S, "every honest reading to be stored", poll_s=LOOK_EVERY_S)

    def run(self) -> None:
        try:
            with ExitStack() as opened:
                publishers = [opened.enter_context(Publisher(settings)) for settings in self._settings]
                self.ready.set()
                next_s = time.monotonic()
                while not self._stopping.is_set():
                    if time.monotonic() >= next_s:
                        next_s += EVERY_S
                        for hub, publisher in zip(HONEST, publishers, strict=True):
                            self._publish(hub, publisher)
                    self._look()
                    self._stopping.wait(LOOK_EVERY_S)
        except Exception as error:  # noqa: BLE001 - told to whoever stops it
            self.error = error
            self.ready.set()

    def _publish(self, hub: str, publisher: Publisher) -> None:
        messages = []
        for kind, name in KINDS.items():
            time_ns = time.time_ns()
            payload = json.dumps({"time": time_ns, name: 3 if kind == "footfall" else 20}).encode()
            if kind == "co2":
                payload = json.dumps({"time": time_ns, name: 600}).encode()
            messages.append(TimedMessage(0, f"hubs/{hub}/{kind}/door", payload))
            self.sent[kind, hub, time_ns] = time.monotonic()
        self.people[hub] += 3
        publisher.publish_all(messages)

    def _look(self) -> bool:
        """Note what is in the store by now; whether that is everything."""
        waiting = self.sent.keys() - self.seen.keys()
        if waiting:
            now_s = time.monotonic()
            found = self._read(min(time_ns for _, _, time_ns in waiting))
            self.seen |= dict.fromkeys(waiting & found, now_s)
        return not self.sent.keys() - self.seen.keys()


def run(
    folder: Path,
    *,
    seconds: float,
    rate: int,
    content: str = "mixed",
    seed: int = 1,
    burst: int | None = None,
    too_late_s: float = 5,
) -> Report:
    """Flood for so long, and look at everything meanwhile and afterwards; `burst` is another than the usual one."""
    installation = Installation(folder / "installation")
    installation.write_estate(hubs=(HUB, *HONEST))
    installation.init()
    report = Report(too_late_s=too_late_s)
    with ExitStack() as parts:
        broker = parts.enter_context(ShippedMosquitto(folder / "mosquitto", installation.secrets))
        data, port = folder / "data", free_port()
        limits = {} if burst is None else {"HUBPULSE_INGEST__HUB_MESSAGES_BURST": burst}
        command = CommandLine(folder, **_environment(installation, broker, data, port), **limits)
        services = [parts.enter_context(command.start(name)) for name in ("ingest", "jobs", "board")]
        services[0].wait_for("broker_connected", READY_DEADLINE_S)
        services[2].wait_for("http", READY_DEADLINE_S)
        ca_file = installation.secrets / "ca/ca.crt"
        settings = [_hub_settings(installation, broker, hub) for hub in HONEST]
        honest = Honest(settings, lambda start_ns: _stored(data, start_ns))
        honest.start()
        assert honest.ready.wait(READY_DEADLINE_S)
        orders = Orders(
            host="localhost",
            port=broker.tls_port,
            ca_file=str(ca_file),
            password=installation.password(f"hub-{HUB}"),
            rate=rate,
            content=content,
            seed=seed,
        )
        hostile = parts.enter_context(Hostile(orders))
        _watch_the_board(f"http://127.0.0.1:{port}", time.monotonic() + seconds, report)
        report.flood = hostile.stop()
        honest.stop()
        report.honest = len(honest.sent)
        report.lost = [reading for reading in honest.sent if reading not in honest.seen]
        report.late_s = [seen_s - honest.sent[reading] for reading, seen_s in honest.seen.items()]
        _look_afterwards(command, services, honest, data, report)
        report.broker_cpu_s, report.ingest_cpu_s = _processor_s(broker.pid), _processor_s(services[0].pid)
        report.broker_mb, report.ingest_mb = _peak_mb(broker.pid), services[0].memory_peak_mb
    return report


def _environment(installation: Installation, broker: ShippedMosquitto, data: Path, port: int) -> dict[str, str | float]:
    secrets = installation.secrets
    return {
        "HUBPULSE_DATA_DIR": str(data),
        "HUBPULSE_ESTATE": str(installation.estate),
        "HUBPULSE_MQTT__HOST": "localhost",
        "HUBPULSE_MQTT__PORT": broker.tls_port,
        "HUBPULSE_MQTT__CA_FILE": str(secrets / "ca/ca.crt"),
        "HUBPULSE_MQTT__USERNAME": "ingest",
        "HUBPULSE_MQTT__PASSWORD_FILE": str(secrets / "hubpulse/mqtt_password"),
        "HUBPULSE_MQTT__CLIENT_ID_FILE": str(secrets / "hubpulse/mqtt_client_id"),
        "HUBPULSE_BOARD__PORT": port,
    }


def _hub_settings(installation: Installation, broker: ShippedMosquitto, hub: str) -> MqttSettings:
    return MqttSettings.model_validate(
        {
            "host": "localhost",
            "port": broker.tls_port,
            "ca_file": installation.secrets / "ca/ca.crt",
            "username": f"hub-{hub}",
            "password": installation.password(f"hub-{hub}"),
        }
    )


def _stored(data: Path, start_ns: int) -> set[Reading]:
    with closing(open_store(Settings(data_dir=data, store="sqlite"))) as store:
        return {
            (kind, chunk.tags["hub"], time_ns)
            for kind in KINDS
            for chunk in store.read(kind, start_ns=start_ns, stop_ns=time.time_ns() + 1, where={"sensor": "door"})
            for time_ns in chunk.times_ns
        }


def _watch_the_board(url: str, until_s: float, report: Report) -> None:
    pause = threading.Event()
    pages = ("/", "/hubs/armley", f"/hubs/{HUB}")
    number = 0
    while time.monotonic() < until_s:
        began_s = time.monotonic()
        try:
            answer = requests.get(url + pages[number % len(pages)], timeout=PAGE_DEADLINE_S)
            report.pages_failed += answer.status_code not in (200, 404)
        except requests.RequestException:
            report.pages_failed += 1
        report.load.append(os.getloadavg()[0])
        report.pages_s.append(time.monotonic() - began_s)
        number += 1
        pause.wait(1)


def _look_afterwards(command: CommandLine, services: list[Running], honest: Honest, data: Path, report: Report) -> None:
    """The day's figures come by themselves, and the services are still there."""
    first, last = from_ns(honest.began_ns).date().isoformat(), from_ns(time.time_ns()).date().isoformat()

    def figures() -> bool:
        for hub in HONEST:
            rows = command.run("usage", "export", "--from", first, "--to", last, "--hub", hub, "--format", "json").json
            report.entries[hub] = (honest.people[hub], sum(int(row["entries"] or 0) for row in rows))
        return all(sent == counted for sent, counted in report.entries.values())

    with suppress(AssertionError):  # it is among the report's faults
        wait_until(figures, END_DEADLINE_S, "the day's figures", poll_s=1)
    assert all(service.is_running for service in services), [service.err for service in services]
    with closing(BufferReader(data)) as reader:
        report.ledger = reader.ledger.read()
    report.bytes_kept = {path.name: path.stat().st_size for path in sorted(data.glob("*.db"))}


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]) / 1024


def _processor_s(pid: int) -> float:
    """What a process took of the processor (utime and stime of proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
