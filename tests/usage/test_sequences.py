"""What devices in the field send comes to the right figure or to an empty one: live and recomputed."""

import heapq
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import accumulate

import pytest

from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas import Estate
from schemas.localtime import Span, to_ns
from schemas.measurements import USAGE_FIELDS
from sensors.registry import Registry
from stores import Store
from stores.sqlite_store import SqliteStore
from tests.campaigns import IS_CAMPAIGN
from tests.usage.given import DAY_NS, estate, hub, mark, put_lines, run_jobs
from tests.usage.hard_sequences import DOORS, HARD
from tests.usage.other_sequences import OTHERS
from tests.usage.sequences import GIVEN, MESSAGES, TOTALS, FieldSequence
from tests.usage.sequences import Message as SentMessage
from usage import Queries, RollupWriter
from usage.calendar import HubCalendar, dates
from usage.jobs import Jobs
from usage.queries.figures import HubFigures
from usage.rows import DAILY, read_rows

EVER = Span(0, 2**62)
CASES = [*GIVEN, *TOTALS, *MESSAGES, *OTHERS, *HARD, *DOORS]


def estate_of(case: FieldSequence) -> Estate:
    sensor = {"id": "s1", "kinds": [case.kind], "every": "10m", **case.sensor}
    return estate(hub(opening=case.opening, sensors=[sensor, *(other for other, _ in case.others)]))


def sent_ns(messages: Sequence[SentMessage]) -> list[int]:
    """When each message comes: at its own time, or late, with the one before it."""
    return list(accumulate((to_ns(datetime.fromisoformat(time)) for time, _ in messages), max))


def sent(case: FieldSequence) -> Iterator[tuple[int, str, SentMessage]]:
    """All messages in the order in which they come, each with when and from which sensor."""
    sensors = [("s1", case.messages), *((other["id"], messages) for other, messages in case.others)]
    streams = [
        [(time_ns, id_, message) for time_ns, message in zip(sent_ns(messages), messages, strict=True)]
        for id_, messages in sensors
    ]
    return heapq.merge(*streams, key=lambda each: each[0])


def after_ns(case: FieldSequence) -> int:
    """Three days after the last message."""
    return max(time_ns for time_ns, _, _ in sent(case)) + 3 * DAY_NS


def pipeline(case: FieldSequence, known: Estate, store: Store, jobs: Jobs | None = None, every: int = 1) -> None:
    """Decode and store message by message, as of when it was sent; with jobs run after each, or every few."""
    now_ns = [0]
    decoder = Decoder(Registry(known), clock_ns=lambda: now_ns[0])
    for number, (time_ns, sensor, (time, content)) in enumerate(sent(case)):
        now_ns[0] = time_ns
        payload = content if isinstance(content, list) else {"time": time, **content}
        batch = decoder.decode([Message(f"hubs/armley/{case.kind}/{sensor}".encode(), json.dumps(payload).encode())])
        if batch.lines:
            put_lines(store, batch.lines)
        for each in batch.marks:
            mark(store, each.midnight_ns, now_ns[0])
        if jobs is not None and number % every == 0:
            jobs.roll_up_unfinished(now_ns[0])


def figures(store: Store, case: FieldSequence, known: Estate) -> dict[str, dict[str, object]]:
    rows = read_rows(store, DAILY, "armley", EVER)
    calendar = HubCalendar(known, "armley")
    by_day = {calendar.date_of(time_ns).isoformat(): row for time_ns, row in rows.items()}
    return {
        day: {name: by_day[day][name] if day in by_day else None for name in expected}
        for day, expected in case.expect.items()
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_recomputed(case: FieldSequence, any_store: Store) -> None:
    known = estate_of(case)
    pipeline(case, known, any_store)
    writer = RollupWriter(any_store, known, "armley", now_ns=after_ns(case))
    days = [date.fromisoformat(day) for day in case.expect]
    assert list(writer.recompute(dates(min(days), max(days))))
    assert figures(any_store, case, known) == case.expect


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_live(case: FieldSequence, any_store: Store) -> None:
    """By InfluxDB, which takes ten times as long, after every third message; `make campaigns` after each."""
    known = estate_of(case)
    jobs = Jobs(lambda: any_store, lambda: known, lambda: 0)
    pipeline(case, known, any_store, jobs, every=1 if IS_CAMPAIGN or isinstance(any_store, SqliteStore) else 3)
    run_jobs(jobs, after_ns(case))
    assert figures(any_store, case, known) == case.expect


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_day_asked_alone_is_what_it_is_among_others_and_why_says_the_same(case: FieldSequence, store: Store) -> None:
    known = estate_of(case)
    pipeline(case, known, store)
    now_ns = after_ns(case)
    days = list(dates(min(map(date.fromisoformat, case.expect)), max(map(date.fromisoformat, case.expect))))
    figures_of = HubFigures(store, known, "armley", now_ns=now_ns)
    together = {rollup.day.date: rollup.figures for rollup in figures_of.rollups(days)}
    alone = {day: next(iter(figures_of.rollups([day]))).figures for day in days}
    assert alone == together
    for day in days:
        explained = Queries(store, known, now_ns=now_ns).why("armley", day)
        assert explained is not None
        assert {name: explained.figures[name] for name in USAGE_FIELDS if name not in ("final", "revision")} == {
            name: value for name, value in together[day].items() if name not in ("final", "revision")
        }
