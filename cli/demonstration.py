"""`hubpulse demo`: a simulated estate that goes through the broker like a real one."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from zoneinfo import ZoneInfo

import structlog
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.context import err, out
from cli.stack import Stack
from ingest.buffer import BufferReader
from mqtt.publisher import Publisher
from schemas import HubpulseError, Settings
from schemas.localtime import NS_A_SECOND, local_day, midnight_ns
from sensors.estate_file import DEFAULT_PATH, load_estate
from simulators.messages import TimedMessage
from simulators.runner import RealTime
from simulators.simulation import LEEDS, history, live
from stores import open_store
from usage.rollup_writer import pending_marks

log = structlog.get_logger("hubpulse.demo")

_SETTLED_NS = 60 * NS_A_SECOND
_POLL_S = 0.1


def run_demo(settings: Settings, *, days: int, seed: int, stopping: threading.Event) -> None:
    """Run everything on the simulated estate until asked to stop."""
    settings = settings.model_copy(update={"estate": LEEDS, "store": "sqlite"})
    estate = load_estate(LEEDS)
    with Stack(settings) as stack:
        # Beside its data, so that every command on this folder knows whose figures they are.
        if not (own := settings.data_dir / DEFAULT_PATH).exists():
            shutil.copyfile(LEEDS, own)
        stack.wait_until_receiving(stopping)
        now_ns = time.time_ns()
        # From a midnight on: a first day that began in the afternoon would look like one with a broken sensor.
        zone = ZoneInfo(estate.timezone)
        start_ns = midnight_ns(local_day(now_ns, zone) - timedelta(days=days), zone)
        past = history(estate, start_ns=start_ns, stop_ns=now_ns, seed=seed)
        series = sum(len(sensor.kinds) for hub in estate.hubs for sensor in hub.sensors)
        _load_history(stack, past, total=series * (days + 1), stopping=stopping)
        if stopping.is_set():
            return
        out.print(f"\nBoard:  {stack.board_url}", style="bold")
        out.print(f"Broker: {stack.broker_place}")
        out.print(f"{len(estate.hubs)} simulated hubs, live from now on. Ctrl-C stops everything.")
        player = threading.Thread(
            target=_play,
            args=(stack, live(estate, start_ns=now_ns, seed=seed), stopping),
            name="simulated estate",
            daemon=True,
        )
        player.start()
        try:
            stack.wait(stopping)
        finally:
            stopping.set()
            player.join()


def _load_history(stack: Stack, messages: Iterable[TimedMessage], *, total: int, stopping: threading.Event) -> None:
    """Send the history through the broker, and wait until the daily figures are made of it."""
    with Progress(
        TextColumn("{task.description:28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err.console
    ) as progress:
        sending = progress.add_task("history through the broker", total=total)
        sent = 0
        with Publisher(stack.settings.mqtt) as publisher:
            report = publisher.publish_all(
                messages, on_sent=lambda count: progress.advance(sending, count), stop=stopping.is_set
            )
            sent = report.acknowledged
        progress.update(sending, total=sent, completed=sent)
        _wait_for_store(stack, progress, sent, stopping)
        stack.start_jobs()
        _wait_for_figures(stack, progress, stopping)


def _wait_for_store(stack: Stack, progress: Progress, sent: int, stopping: threading.Event) -> None:
    storing = progress.add_task("readings into the store", total=None)
    with closing(BufferReader(stack.settings.data_dir)) as reader:
        before = reader.ledger.read().messages_received
        while not stopping.wait(_POLL_S):
            stack.look()
            ledger = reader.ledger.read()
            progress.update(storing, total=ledger.readings_accepted, completed=ledger.readings_stored)
            if ledger.messages_received >= max(sent, before) and not ledger.readings_pending:
                return


def _wait_for_figures(stack: Stack, progress: Progress, stopping: threading.Event) -> None:
    computing = progress.add_task("daily figures", total=None)
    with closing(open_store(stack.settings)) as store:
        most = 0
        while not stopping.wait(_POLL_S):
            stack.look()
            due = sum(len(days) for days in pending_marks(store, now_ns=time.time_ns() + _SETTLED_NS).values())
            most = max(most, due)
            progress.update(computing, total=most, completed=most - due)
            if not due:
                return


def _play(stack: Stack, messages: Iterable[TimedMessage], stopping: threading.Event) -> None:
    """Send each reading at its time, until asked to stop."""
    try:
        with Publisher(stack.settings.mqtt) as publisher:
            publisher.publish_all(messages, pace=RealTime(), stop=stopping.is_set)
    except HubpulseError as error:
        log.warning("demo_estate_stopped", error=str(error))
