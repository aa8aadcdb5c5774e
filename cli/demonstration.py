"""`hubpulse demo`: a simulated estate that goes through the broker like a real one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from zoneinfo import ZoneInfo

import structlog
import yaml

from cli.context import make_data_dir, out, progress_bar
from cli.stack import Stack
from ingest.buffer import BufferReader
from mqtt.publisher import Publisher
from schemas import Estate, HubpulseError, Settings
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR, Span, local_day, midnight_ns, rfc3339
from schemas.settings import ESTATE_FILE
from sensors.estate_file import load_estate
from simulators.demo_faults import demo_faults, refused_messages
from simulators.dressing import MIXED, dressed
from simulators.messages import TimedMessage
from simulators.runner import READINGS_A_BATCH, RealTime
from simulators.scenarios import estate_document
from simulators.simulation import ALWAYS, LEEDS, Simulation
from stores import open_store
from usage import Queries
from usage.rollup_writer import pending_marks

log = structlog.get_logger("hubpulse.demo")

_SETTLED_NS = 60 * NS_A_SECOND
_POLL_S = 0.1
_MIXED_HUBS = ("beeston", "bramley", "burmantofts")
"""Hubs with devices of many makers, which send each reading by itself: more of them would make the history slow."""


def run_demo(settings: Settings, *, days: int, seed: int, stopping: threading.Event) -> None:
    """Run everything on the simulated estate until asked to stop."""
    # Beside its data, so that every command on this folder knows whose figures they are.
    own = settings.data_dir / ESTATE_FILE
    if not own.exists():
        make_data_dir(settings)
        mixed = dressed(estate_document(LEEDS), MIXED, hubs=_MIXED_HUBS)
        own.write_text(yaml.safe_dump(mixed, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8")
    settings = settings.model_copy(update={"estate": own, "store": "sqlite"})
    estate = load_estate(own)
    with Stack(settings) as stack:
        out.print(f"Board:  {stack.board_url}", style="bold", flush=True)
        out.print(f"Broker: {stack.broker_place}", flush=True)
        stack.wait_until_receiving(stopping)
        now_ns = time.time_ns()
        simulation = Simulation(estate_document(own), spans=(), seed=seed, disturb=demo_faults(now_ns))
        missing_ns = _missing_since_ns(settings, estate, now_ns=now_ns, days=days)
        # From a midnight on: a first day that began in the afternoon would look like one with a broken sensor.
        zone = ZoneInfo(estate.timezone)
        today = local_day(now_ns, zone)
        start_ns = missing_ns or midnight_ns(today - timedelta(days=days), zone)
        past = replace(simulation, spans=[(local_day(start_ns, zone), today)], window=Span(start_ns, now_ns))
        present = replace(simulation, spans=[(today, None)], window=ALWAYS._replace(start_ns=now_ns))
        history = past.messages(readings_max=lambda _day: READINGS_A_BATCH)
        series = sum(len(sensor.kinds) for hub in estate.hubs for sensor in hub.sensors)
        total = series * (1 + (now_ns - start_ns) // (24 * NS_AN_HOUR))
        _load_history(
            stack, chain(history, () if missing_ns else refused_messages(now_ns)), total=total, stopping=stopping
        )
        if stopping.is_set():
            return
        out.print(f"{len(estate.hubs)} simulated hubs, live from now on. Ctrl-C stops everything.", flush=True)
        player = threading.Thread(
            target=_play,
            args=(stack, present.messages(readings_max=lambda _day: 1), stopping),
            name="simulated estate",
            daemon=True,
        )
        player.start()
        try:
            stack.wait(stopping)
        finally:
            stopping.set()
            player.join()


def _missing_since_ns(settings: Settings, estate: Estate, *, now_ns: int, days: int) -> int | None:
    """When an earlier demo with as many days or more ended; None where the history is not here."""
    first = local_day(now_ns, ZoneInfo(estate.timezone)) - timedelta(days=days)
    with closing(open_store(settings)) as store:
        queries = Queries(store, estate, now_ns=now_ns)
        if not {hub.id for hub in estate.hubs} <= {row.hub for row in queries.stored_daily(first, first)}:
            return None
        since_ns = min(hub.last_seen_ns for hub in queries.hub_states() if hub.last_seen_ns is not None)
    out.print(f"The history is here already: adding what is missing since {rfc3339(since_ns)}.", flush=True)
    return since_ns


def _load_history(stack: Stack, messages: Iterable[TimedMessage], *, total: int, stopping: threading.Event) -> None:
    """Send the history through the broker, and wait until the daily figures are made of it."""
    with closing(BufferReader(stack.settings.data_dir)) as reader:
        before = reader.ledger.read().messages_received
    with (
        progress_bar("history through the broker", "{task.completed} messages", total=total) as update,
        Publisher(stack.settings.mqtt) as publisher,
    ):
        report = publisher.publish_all(messages, on_sent=lambda count: update(advance=count), stop=stopping.is_set)
    _wait_for_store(stack, before + report.acknowledged, stopping)
    stack.start_jobs()
    _wait_for_figures(stack, stopping)


def _wait_for_store(stack: Stack, messages: int, stopping: threading.Event) -> None:
    with (
        closing(BufferReader(stack.settings.data_dir)) as reader,
        progress_bar("readings into the store", "{task.completed} readings", total=None) as update,
    ):
        while not stopping.wait(_POLL_S):
            stack.look()
            ledger = reader.ledger.read()
            update(total=ledger.readings_accepted, completed=ledger.readings_stored)
            if ledger.messages_received >= messages and not ledger.readings_pending:
                return


def _wait_for_figures(stack: Stack, stopping: threading.Event) -> None:
    with (
        closing(open_store(stack.settings)) as store,
        progress_bar("daily figures", "{task.completed} days", total=None) as update,
    ):
        most = 0
        while not stopping.wait(_POLL_S):
            stack.look()
            due = sum(len(days) for days in pending_marks(store, now_ns=time.time_ns() + _SETTLED_NS).values())
            most = max(most, due)
            update(total=most, completed=most - due)
            if not due:
                return


def _play(stack: Stack, messages: Iterable[TimedMessage], stopping: threading.Event) -> None:
    """Send each reading at its time, until asked to stop."""
    try:
        with Publisher(stack.settings.mqtt) as publisher:
            publisher.publish_all(messages, pace=RealTime(), stop=stopping.is_set)
    except HubpulseError as error:
        log.warning("demo_estate_stopped", error=str(error))
