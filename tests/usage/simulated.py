"""A simulated estate whose truth is known, as its messages come out of ingest."""

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import date
from io import StringIO
from itertools import groupby, islice
from typing import Any, NamedTuple, TypeVar

from ingest.decoder import Decoder
from mqtt.messages import Message as Received
from schemas import Estate
from schemas.localtime import Span
from schemas.measurements import USAGE_FIELDS
from schemas.measures import ZONE_MEASURES
from sensors.registry import Registry
from simulators.messages import TimedMessage
from simulators.simulation import Simulation
from simulators.truth.record import TruthRecord
from stores import Store
from stores.lines import encode
from tests.usage.given import HOUR_NS, put_lines
from usage.calendar import HubCalendar
from usage.rollup import Figures
from usage.rows import DAILY, ZONES, read_parts, read_rows
from usage.zones import Row

ROUNDING = 0.002
"""Means are kept with three decimals, and the truth with four."""
AIR = ["temperature", "humidity", "pressure", "co2"]
EVER = Span(0, 2**62)
BATCH_MESSAGES = 500
READINGS_A_MESSAGE = 144

Day = TypeVar("Day")


def document() -> dict[str, Any]:
    """An estate of one hub with every kind of sensor and counter."""
    sensors = [
        {"id": "door", "kinds": ["footfall"], "every": "15m", "counter_bits": 16, "max_step": 2000},
        {"id": "side", "kinds": ["footfall"], "every": "30m"},
        {"id": "wifi", "kinds": ["wifi"], "every": "1h"},
        {"id": "air", "kinds": AIR, "zone": "hall", "every": "1h"},
        {"id": "cafe", "kinds": ["temperature", "humidity"], "every": "1h"},
    ]
    return {
        "timezone": "Europe/London",
        "holidays": {"country": "GB", "subdivision": "ENG"},
        "hubs": [{"id": "armley", "altitude_m": 60, "opening": {"mon-sat": "09:00-18:00"}, "sensors": sensors}],
    }


class Ingested(NamedTuple):
    """What ingest made of some messages: lines for the store, and marks of the days that were past."""

    received_ns: int
    lines: list[str]
    marks: list[str]

    def store_in(self, store: Store) -> None:
        """Write it as ingest does, the marks after the readings."""
        for batch in (self.lines, self.marks):
            if batch:
                put_lines(store, batch)


class SimulatedYear:
    """A simulation as it comes through ingest, and what its truth asks of the figures."""

    def __init__(self, run: Simulation) -> None:
        self.estate: Estate = run.estate
        self.calendar = HubCalendar(self.estate, "armley")
        self._run = run
        self._truth = StringIO()

    def at_once(self, received_ns: int) -> Iterator[Ingested]:
        """All of it, received long after it happened."""
        clock = [received_ns]
        decode = self._decoder(clock)
        with closing(self._messages(READINGS_A_MESSAGE)) as messages:
            while batch := list(islice(messages, BATCH_MESSAGES)):
                yield decode(batch)

    def as_it_happens(self, hours: int) -> Iterator[Ingested]:
        """What is received in each so many hours, at the end of them."""
        clock = [0]
        decode = self._decoder(clock)
        with closing(self._messages(1)) as messages:
            for part, batch in groupby(messages, key=lambda message: message.time_ns // (hours * HOUR_NS)):
                clock[0] = (part + 1) * hours * HOUR_NS
                yield decode(batch)

    def expected(self) -> dict[date, Figures]:
        """The rows that the truth asks for, once everything was received."""
        rows = [json.loads(line) for line in self._truth.getvalue().splitlines()]
        return {
            date.fromisoformat(row["date"]): {name: row[name] for name in row if name in USAGE_FIELDS}
            for row in rows
            if row["type"] == "usage_daily"
        }

    def expected_zones(self) -> dict[tuple[date, str], Row]:
        """The rows of zones that the truth asks for."""
        rows = [json.loads(line) for line in self._truth.getvalue().splitlines()]
        return {
            (date.fromisoformat(row["date"]), row["zone"]): {name: row[name] for name in row if name in ZONE_MEASURES}
            for row in rows
            if row["type"] == "usage_daily_zone"
        }

    def stored_zones(self, store: Store) -> dict[tuple[date, str], Row]:
        """The rows of zones as jobs left them in the store."""
        rows = read_parts(store, ZONES, EVER, "armley")
        return {(self.calendar.date_of(t), zone): row for t, zones in rows.items() for zone, row in zones.items()}

    def stored(self, store: Store) -> dict[date, Figures]:
        """The rows as jobs left them in the store."""
        rows = read_rows(store, DAILY, "armley", EVER)
        return {self.calendar.date_of(time_ns): row for time_ns, row in rows.items()}

    def differences(self, store: Store) -> list[tuple[object, str, object, object]]:
        """Every figure of the truth that the store lacks or has otherwise; means may differ by their rounding."""
        return [
            *_differences(self.expected(), self.stored(store)),
            *_differences(self.expected_zones(), self.stored_zones(store)),
        ]

    def _messages(self, readings_max: int) -> Generator[TimedMessage, None, None]:
        record = TruthRecord(self._truth, self.estate, self._run.header())
        yield from self._run.messages(readings_max=lambda _day: readings_max, truth=record)
        record.close()

    def _decoder(self, clock: list[int]) -> Callable[[Iterable[TimedMessage]], Ingested]:
        decoder = Decoder(Registry(self.estate), clock_ns=lambda: clock[0])

        def decode(messages: Iterable[TimedMessage]) -> Ingested:
            batch = decoder.decode([Received(m.topic.encode(), m.payload) for m in messages])
            marks = [encode("day_marks", {"hub": m.hub}, {"marked_ns": clock[0]}, m.midnight_ns) for m in batch.marks]
            return Ingested(clock[0], batch.lines, marks)

        return decode


def _differences(
    expected: Mapping[Day, Row], stored: Mapping[Day, Row]
) -> Iterator[tuple[object, str, object, object]]:
    for day, row in expected.items():
        for name, value in row.items():
            found = stored.get(day, {}).get(name)
            if not _agree(value, found):
                yield day, name, value, found


def _agree(expected: object, actual: object) -> bool:
    if isinstance(expected, float) and isinstance(actual, float):
        return abs(expected - actual) <= ROUNDING
    return expected == actual
