"""Sixty days of a small estate with faults in the embedded store, as ingest and jobs leave them, and the truth of it.

simulated messages -> decoder -> lines -> SQLite -> jobs -> roll-ups; the board over it stands still at NOW
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from fastapi import FastAPI

from dashboards.access.accounts import ADMIN, Account, Accounts, Role
from dashboards.access.shares import Shares
from dashboards.reports.desk import ReportFolders
from dashboards.web.audit_page import audit_routes
from dashboards.web.board import create_board
from dashboards.web.edit_page import Editing, add_edit_page
from ingest.buffer import Buffer
from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas import Estate, Settings
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR, Span, midnight_ns, to_ns
from sensors.registry import Registry
from simulators.demo_faults import demo_faults
from simulators.scenarios import estate_document
from simulators.simulation import Simulation
from simulators.transmissions import Transmission
from simulators.truth.record import TruthRecord
from simulators.truth.verify import Truth, read_truth
from stores.lines import encode
from stores.sqlite_store import SqliteStore
from tests.campaigns import IS_CAMPAIGN
from tests.usage.given import put_lines, run_jobs
from usage.audits import Audit, AuditFile
from usage.jobs import Jobs

ZONE = ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 20, 14, 5, tzinfo=ZONE)
"""A Friday. The clocks went back 26 days before."""
TODAY = NOW.date()
DAYS = 365 if IS_CAMPAIGN else 60
"""`make campaigns` walks a year of 22 hubs."""
HUBS = ("armley", "bramley", "kirkstall", "otley")
STALE_ROOM, STALE_PPM = ("otley", "air-it-suite"), 1600.0
"""An air sensor in a room without ventilation, besides what is wrong at the demo's estate."""
EVERY = "60m" if IS_CAMPAIGN else "30m"
LONGEST_S = 7200 if IS_CAMPAIGN else 1800
"""What a test may take: the first one waits until the estate is made."""
BATCH = 20_000
AS_ADMIN = {"Authorization": "Bearer any"}
"""Headers of a visitor who may do everything, so that pages are walked with all that is on them."""


def document() -> dict[str, Any]:
    """The estate file: hubs of the model estate, each sensor with a reading or two an hour: made quickly."""
    whole = estate_document(None)
    hubs = [hub for hub in whole["hubs"] if IS_CAMPAIGN or hub["id"] in HUBS]
    for hub in hubs:
        hub["sensors"] = [sensor | {"every": EVERY} for sensor in hub["sensors"]]
        hub["targets"] = {"entries_month": 2000}
    hubs[0]["visits"] = [{"rule": "staff", "entries_day": 6}]
    return whole | {"hubs": hubs}


class _Admin(Accounts):
    """Whoever has any token is the admin."""

    def of_token(self, token: str, now_s: int) -> Account | None:  # noqa: ARG002 - any will do
        return Account(ADMIN, Role.ADMIN)


@dataclass(frozen=True)
class WalkedEstate:
    """Where its store and files are, and what is true of it."""

    folder: Path
    estate: Estate
    truth: Truth | None
    audit_code: str
    """The secret of a count by hand that is open at NOW."""

    def open(self) -> SqliteStore:
        return SqliteStore(self.folder / "store.db")

    def board(self) -> FastAPI:
        """Its board, with all that the one of `hubpulse board` has; a visitor with AS_ADMIN is its admin."""
        settings = Settings(data_dir=self.folder, estate=self.folder / "estate.yaml")
        board = create_board(
            open_store=self.open,
            estate=lambda: self.estate,
            clock_ns=lambda: to_ns(NOW),
            max_age_s=0,
            accounts=_Admin(self.folder),
            reports=ReportFolders(self.folder, self.folder),
        )
        board.include_router(audit_routes(self.folder, lambda: self.estate, lambda: to_ns(NOW)))
        add_edit_page(board, Editing(settings, self.open, lambda: to_ns(NOW)))
        return board

    def entries(self, hub: str, day: date) -> int:
        """The people who must be shown for a day."""
        assert self.truth is not None
        return int(self.truth.days[hub, day]["entries"] or 0)


def make(folder: Path, days: int = DAYS) -> WalkedEstate:
    """Simulate so many days up to NOW, and let jobs do their work."""
    now_ns = to_ns(NOW)
    first = TODAY - timedelta(days=days)
    run = Simulation(
        document(),
        spans=[(first, TODAY)],
        seed=11,
        faults=("counter-reset-reboot:0.2",),
        disturb=_faults(now_ns),
        window=Span(midnight_ns(first, ZONE), now_ns),
    )
    store = SqliteStore(folder / "store.db")
    with closing(store):
        store.prepare()
        text = StringIO()
        for lines in _ingested(run, now_ns, text):
            put_lines(store, lines)
        jobs = Jobs(lambda: store, lambda: run.estate, lambda: now_ns)
        run_jobs(jobs, now_ns + 60 * NS_A_SECOND)
        jobs.judge_cases(now_ns)
    path = folder / "truth.jsonl"
    path.write_text(text.getvalue())
    audit = Audit("a1", HUBS[0], "door-1", now_ns - NS_AN_HOUR, now_ns + NS_AN_HOUR, 0.05, 181, 3, 300, "")
    with AuditFile(folder) as file:
        code = file.start(audit)[1]
    (folder / "estate.yaml").write_text(yaml.safe_dump(document(), sort_keys=False))
    _refuse(folder, run.estate, now_ns)
    now_s = now_ns // NS_A_SECOND
    Shares(folder).add(b"%PDF", "hubpulse-2026-10.pdf", account=ADMIN, now_s=now_s, expires_s=now_s + 86_400)
    return WalkedEstate(folder, run.estate, read_truth(path), code)


def _ingested(run: Simulation, now_ns: int, truth: StringIO) -> Iterator[list[str]]:
    record = TruthRecord(truth, run.estate, run.header())
    decoder = Decoder(Registry(run.estate), clock_ns=lambda: now_ns)
    messages = run.messages(readings_max=lambda _day: 144, truth=record)
    marks = set()
    while some := list(islice(messages, BATCH)):
        batch = decoder.decode([Message(message.topic.encode(), message.payload) for message in some])
        marks |= batch.marks
        yield batch.lines
    record.close()
    yield [encode("day_marks", {"hub": mark.hub}, {"marked_ns": now_ns}, mark.midnight_ns) for mark in sorted(marks)]


def _refuse(folder: Path, estate: Estate, now_ns: int) -> None:
    """Leave messages in the quarantine: of a hub that is not there, and beyond what can be."""
    decoder = Decoder(Registry(estate), clock_ns=lambda: now_ns)
    messages = [Message(b"hubs/nowhere/co2/a", b'{"value":500}'), Message(b"hubs/otley/co2/b", b'{"value":5e9}')]
    with closing(Buffer(folder, clock_ns=lambda: now_ns)) as buffer:
        buffer.commit(decoder.decode(messages, received_ns=now_ns))


def _faults(now_ns: int) -> Any:
    of_demo = demo_faults(now_ns)

    def disturb(transmissions: list[Transmission]) -> list[Transmission]:
        first = transmissions[0]
        if (first.hub, first.sensor.id) == STALE_ROOM and first.kind == "co2":
            return [t.with_fields(co2_ppm=t.observation.fields["co2_ppm"] + STALE_PPM) for t in transmissions]
        return of_demo(transmissions)

    return disturb
