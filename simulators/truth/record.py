"""The truth of a run as JSON lines, written while it runs.

Each line has a `type`:

    header       format, seed, scenario, faults, spans of days, the whole estate
    people       hub, date: who really came in and went out, by local hour ({"09+01:00": [in, out]}) and in all
    fault        fault, hub, sensor, kind, date, readings, detail
    connection   fault, after_messages, repeated: what was done to the connection
    usage_daily  hub, date and the figures that a perfect pipeline shows (null: no sensor reported)
    usage_daily_zone  hub, zone, date and the same of the zone's air
    summary      readings sent, refused by reason, lost on the way, and stored once each
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, TextIO

from schemas import Estate
from schemas.localtime import from_ns
from simulators.faults import Injection
from simulators.hub import HubDay
from simulators.transmissions import Transmission
from simulators.truth.oracle import HubOracle

FORMAT = 2
_WAITED_DAYS_MAX = 12
"""A counter that is silent for longer than any fault lasts is not waited for."""


class TruthRecord:
    """Writes the truth of one run to a file."""

    def __init__(self, file: TextIO, estate: Estate, header: Mapping[str, Any]) -> None:
        self._file = file
        self._zones = {hub.id: estate.zone_of(hub.id) for hub in estate.hubs}
        self._oracles = {hub.id: HubOracle(estate, hub) for hub in estate.hubs}
        self._open_days: deque[date] = deque()
        self._sent = self._lost = self._stored = 0
        self._refused: Counter[str] = Counter()
        self._write("header", {"format": FORMAT, **header})

    def take(self, hub_day: HubDay, transmissions: Sequence[Transmission]) -> None:
        """Take in what became of a series of a hub's day."""
        self._oracles[hub_day.hub.id].take(transmissions)
        sent = [t for t in transmissions if not t.lost]
        self._lost += len(transmissions) - len(sent)
        self._sent += len(sent)
        self._refused.update(t.reason for t in sent if t.reason is not None)
        self._stored += len({t.observation.time_ns for t in sent if t.reason is None})

    def people(self, hub_day: HubDay) -> None:
        """Write who came and went, whether or not a counter noticed."""
        zone = self._zones[hub_day.hub.id]
        hours: dict[str, list[int]] = {}
        moves = [(v.arrive_ns, 0) for v in hub_day.visits] + [(v.leave_ns, 1) for v in hub_day.visits]
        for time_ns, way in sorted(moves):
            hour = from_ns(time_ns).astimezone(zone).isoformat(timespec="hours").partition("T")[2]
            hours.setdefault(hour, [0, 0])[way] += 1
        number = len(hub_day.visits)
        self._write("people", {"hub": hub_day.hub.id, "date": hub_day.day, "in": number, "out": number, "hours": hours})

    def injections(self, injections: Iterable[Injection]) -> None:
        """Write what faults did."""
        for injection in injections:
            self._write("fault", injection._asdict())

    def connection(self, fault: str, *, after_messages: int, repeated: int) -> None:
        """Write what was done to the connection."""
        self._write("connection", {"fault": fault, "after_messages": after_messages, "repeated": repeated})

    def end_of_day(self, day: date) -> None:
        """Write the figures of the days that nothing to come can change."""
        self._open_days.append(day)
        while self._open_days and self._open_days[0] < day and self._is_final(self._open_days[0], day):
            self._write_figures(self._open_days.popleft())

    def end_of_span(self) -> None:
        """Write the figures of all days so far."""
        while self._open_days:
            self._write_figures(self._open_days.popleft())

    def close(self) -> None:
        """Write the figures of the last days and the sum of it all."""
        self.end_of_span()
        self._write(
            "summary",
            {"sent": self._sent, "refused": dict(self._refused), "lost": self._lost, "stored": self._stored},
        )

    def _is_final(self, day: date, today: date) -> bool:
        waited = today - day > timedelta(days=_WAITED_DAYS_MAX)
        return waited or all(oracle.is_final(day) for oracle in self._oracles.values())

    def _write_figures(self, day: date) -> None:
        for hub, oracle in self._oracles.items():
            self._write("usage_daily", {"hub": hub, "date": day, **oracle.row(day)})
            for zone, row in oracle.zone_rows(day).items():
                self._write("usage_daily_zone", {"hub": hub, "zone": zone, "date": day, **row})
            oracle.forget(day)

    def _write(self, kind: str, content: Mapping[str, Any]) -> None:
        line = json.dumps({"type": kind, **content}, default=str, separators=(",", ":"))
        self._file.write(line + "\n")
