"""Looks at every part that a reading passes and says in a line each what is wrong and what to do."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.buffer_file import is_open_to_others, require_file
from mqtt.probe import is_shared, lets_in, place_of
from schemas.errors import HubpulseError
from schemas.localtime import NS_A_SECOND
from schemas.measurements import Policy
from schemas.settings import ESTATE_FILE, Settings
from stores import open_store
from stores.salvage import salvages

if TYPE_CHECKING:
    from ingest.buffer import BufferReader
    from ingest.quarantine import Quarantine

_BROKER_DEADLINE_S = 5.0
_CLIENT_ID = "hubpulse-doctor"
_ALIVE_WITHIN_S = 30
_GB = 1024**3
_AT_MOST_ONCE = ("tts", "chirpstack")
"""Network servers, which keep nothing for whoever is away."""


class State(StrEnum):
    """How a part is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: what it is, how it is, and what to do where it is not well."""

    part: str
    state: State
    detail: str


def examine(settings: Settings, *, clock_ns: Callable[[], int] = time.time_ns) -> Iterator[Finding]:
    """Look at estate file, disk, broker, ingest and store, one after the other; never raises for what it finds."""
    parts: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("estate file", lambda: _estate(settings)),
        ("disk", lambda: _disk(settings)),
        ("broker", lambda: _broker(settings)),
        ("ingest", lambda: ingest_finding(settings, clock_ns=clock_ns)),
        ("store", lambda: _store(settings)),
    )
    for part, look in parts:
        try:
            yield look()
        except HubpulseError as error:
            yield Finding(part, State.FAILED, str(error))
    yield from (Finding("salvaged", State.WARNING, str(found)) for found in salvages(settings.data_dir))


def ingest_finding(settings: Settings, *, clock_ns: Callable[[], int]) -> Finding:
    """Whether ingest runs, receives and writes, and whether its ledger balances."""
    with closing(_buffer(settings.data_dir)) as reader:
        from ingest.broker_losses import losses  # noqa: PLC0415 - only where there is a buffer

        subscriber, writer = reader.status.get("subscriber"), reader.status.get("writer")
        ledger = reader.ledger.read()
        gone = list(losses(reader.status, now_ns=clock_ns()))
        gone += _beyond_their_rate(reader, now_ns=clock_ns())
        try:
            gone += _not_kept(reader.quarantine)
        except HubpulseError as error:
            gone.append(str(error))
    if not ledger.balanced:
        return Finding("ingest", State.FAILED, f"the ledger does not balance: keep {settings.data_dir} and report it")
    if not subscriber:
        return Finding("ingest", State.FAILED, "never ran on this folder: start `hubpulse up` or `hubpulse ingest`")
    from sensors.times import text_ns  # noqa: PLC0415 - only where ingest has run

    age_s = (clock_ns() - text_ns(subscriber["at"])) // NS_A_SECOND
    if abs(age_s) > _ALIVE_WITHIN_S:
        return Finding("ingest", State.FAILED, f"last sign of life {age_s} s ago: start `hubpulse ingest` again")
    if subscriber["problem"]:
        return Finding("ingest", State.FAILED, subscriber["problem"])
    figures = f"{ledger.messages_received} messages received, {ledger.readings_pending} readings pending"
    if writer and writer["state"].startswith("holding"):
        return Finding("ingest", State.FAILED, f"{writer['state']} ({figures}; nothing is lost)")
    receiving = f"receiving from {subscriber['broker']}; {figures}; the ledger balances"
    return Finding("ingest", State.WARNING if gone else State.OK, "; ".join([receiving, *gone]))


def _beyond_their_rate(reader: BufferReader, *, now_ns: int) -> list[str]:
    from ingest.held_back import held_back  # noqa: PLC0415 - only where there is a buffer

    return held_back(reader, now_ns=now_ns)


def _not_kept(quarantine: Quarantine) -> list[str]:
    """Whose refused messages fill their quota."""
    found = ", ".join(f"{count} of {hub or 'unknown topics'}" for hub, count in quarantine.not_kept().items())
    hint = "see what they send (`hubpulse quarantine list`), then redrive or purge"
    return [f"refused messages that the quarantine had no room for: {found}; {hint}"] if found else []


def _buffer(data_dir: Path) -> BufferReader:
    require_file(data_dir)
    from ingest.buffer import BufferReader  # noqa: PLC0415 - only where there is a buffer

    return BufferReader(data_dir)


def _estate(settings: Settings) -> Finding:
    if settings.estate is None and not ESTATE_FILE.exists():
        return Finding(
            "estate file",
            State.WARNING,
            "none: every hub id is accepted and days are UTC; copy estate.example.yaml to estate.yaml and edit it",
        )
    from sensors.estate_file import codecs_of, load_estate  # noqa: PLC0415 - only where there is an estate file
    from sensors.registry import Registry  # noqa: PLC0415 - likewise

    estate = load_estate(settings.estate)
    if problems := Registry(estate, codecs=codecs_of(settings.estate)).problems:
        return Finding("estate file", State.WARNING, "; ".join(problems))
    sensors = sum(len(hub.sensors) for hub in estate.hubs)
    detail = f"{len(estate.hubs)} hubs, {sensors} sensors, days in {estate.timezone}"
    servers = dict.fromkeys(source.format for source in estate.sources if source.format in _AT_MOST_ONCE)
    if servers:
        detail += f"; {', '.join(servers)}: at most once (QoS 0) as far as our broker, see docs/deployment.md"
    return Finding("estate file", State.OK, detail)


def _disk(settings: Settings) -> Finding:
    if settings.data_dir.exists() and not settings.data_dir.is_dir():
        return Finding("disk", State.FAILED, f"{settings.data_dir} is a file: name a folder with --data")
    folder = next(p for p in (settings.data_dir, *settings.data_dir.absolute().parents) if p.exists())
    free = shutil.disk_usage(folder).free
    needed = settings.ingest.disk_free_bytes_min
    if free < needed:
        return Finding("disk", State.FAILED, f"{free / _GB:.2f} GB free at {folder}: make room, ingest takes nothing")
    room = settings.ingest.buffer_bytes_max
    if free < room:
        detail = f"{free / _GB:.1f} GB free at {folder}, less than the buffer may need ({room / _GB:.1f} GB): make room"
        return Finding("disk", State.WARNING, detail)
    if folder == settings.data_dir and is_open_to_others(folder):
        detail = f"others of this machine may read {folder}: take their rights away, `chmod 700 {folder}`"
        return Finding("disk", State.WARNING, detail)
    return Finding("disk", State.OK, f"{free / _GB:.1f} GB free at {folder}")


def _broker(settings: Settings) -> Finding:
    mqtt = settings.mqtt
    # Where none is configured, `up` starts its own, on a port that only its ingest has reported.
    if mqtt.host is None and (reported := _reported_broker(settings.data_dir)):
        host, _, port = reported.rpartition(":")
        mqtt = mqtt.model_copy(update={"host": host, "port": int(port)})
    lost = None
    if mqtt.share_group is not None:
        from mqtt.hand_back import share_problem  # noqa: PLC0415 - only where a client library is needed

        lost = share_problem(mqtt)
    if is_shared(mqtt):
        from ingest.broker_check import broker_problems  # noqa: PLC0415 - only where a client library is needed

        problems = broker_problems(mqtt, timeout_s=_BROKER_DEADLINE_S)
        told = [*([lost] if lost else []), *([f"{place_of(mqtt)}: {'; '.join(problems)}"] if problems else [])]
        if told:
            return Finding("broker", State.FAILED if lost else State.WARNING, "; ".join(told))
    elif not lets_in(mqtt, client_id=_CLIENT_ID, timeout_s=_BROKER_DEADLINE_S):
        from mqtt.connection import connect  # noqa: PLC0415 - likewise

        connect(mqtt, client_id=_CLIENT_ID, timeout_s=_BROKER_DEADLINE_S).close()
    if lost:
        return Finding("broker", State.FAILED, lost)
    return Finding("broker", State.OK, f"{place_of(mqtt)} answers")


def _reported_broker(data_dir: Path) -> str | None:
    """The `host:port` that ingest last received from; None where no ingest has run on this folder."""
    with suppress(HubpulseError), closing(_buffer(data_dir)) as reader:
        return reader.status.get("subscriber").get("broker")
    return None


def broker_version(data_dir: Path) -> str | None:
    """The version of MQTT that ingest last spoke with its broker; None where none has run on this folder."""
    with suppress(HubpulseError), closing(_buffer(data_dir)) as reader:
        return reader.status.get("subscriber").get("mqtt")
    return None


def _kept(settings: Settings, by_store: Mapping[Policy, int | None]) -> str:
    """How long readings and figures are kept, and where the settings say otherwise."""
    wanted = {Policy.RAW: settings.retention_days, Policy.USAGE: settings.figures_retention_days}
    words = {Policy.RAW: "readings", Policy.USAGE: "figures"}
    in_force = {**wanted, **by_store}
    said = ", ".join(f"{words[policy]} {_days(days)}" for policy, days in in_force.items())
    others = [words[policy] for policy, days in in_force.items() if days != wanted[policy] is not None]
    hint = f" (the settings say otherwise of {' and '.join(others)}: change it there, docs/stores.md)" if others else ""
    return f"keeps {said}{hint}"


def _days(days: int | None) -> str:
    return "for ever" if days is None else f"{days} days"


def _store(settings: Settings) -> Finding:
    """Whether we may read and write wherever points are kept, and Grafana read there, should its token be known."""
    with closing(open_store(settings)) as store:
        detail = f"{store.check()}; {_kept(settings, store.kept_days())}"
        problems = list(store.probe())
    token = settings.influx.grafana_token
    if settings.store == "influxdb" and token is not None:
        influx = settings.influx.model_copy(update={"token": token})
        with closing(open_store(settings.model_copy(update={"influx": influx}))) as store:
            problems += (f"with Grafana's token, {problem}" for problem in store.probe(write=False))
    return Finding("store", State.FAILED if problems else State.OK, "; ".join(problems) or detail)
