"""Readings as line protocol. What never changes between two readings of a series is made once."""

from __future__ import annotations

import math
from zoneinfo import ZoneInfo

from ingest.batches import DayMark
from ingest.validate import limits_of, out_of_range
from schemas.kinds import KINDS
from schemas.localtime import day_span, local_day
from schemas.readings import Rejection
from sensors.formats import Fields
from sensors.registry import SensorPlace
from stores.lines import series_prefix


class HubDays:
    """Which past local day of a hub a time falls on; remembers the last one, since times come in runs."""

    __slots__ = ("_hub", "_mark", "_start_ns", "_stop_ns", "_zone", "today_ns", "tomorrow_ns")

    def __init__(self, hub: str, zone: ZoneInfo, now_ns: int) -> None:
        self._hub, self._zone = hub, zone
        self._mark = DayMark(hub, 0)
        self._start_ns = self._stop_ns = self.today_ns = self.tomorrow_ns = 0
        self.refresh(now_ns)

    def refresh(self, now_ns: int) -> None:
        """Take `now_ns` for now."""
        if not self.today_ns <= now_ns < self.tomorrow_ns:
            self.today_ns, self.tomorrow_ns = day_span(local_day(now_ns, self._zone), self._zone)

    def mark(self, time_ns: int) -> DayMark:
        """The day of a time."""
        if not self._start_ns <= time_ns < self._stop_ns:
            self._start_ns, self._stop_ns = day_span(local_day(time_ns, self._zone), self._zone)
            self._mark = DayMark(self._hub, self._start_ns)
        return self._mark


class SeriesEncoder:
    """Makes the lines of one series."""

    __slots__ = ("_kind", "_limits", "_single", "_stored_high", "days", "hub", "plain_high", "plain_low", "prefix")

    def __init__(self, place: SensorPlace, days: HubDays) -> None:
        self.days = days
        self.hub = place.hub
        self._kind = place.kind
        self._limits = limits_of(place.kind, place.every_s, place.max_step)
        self._single = KINDS[place.kind].single
        series = series_prefix(place.kind, (("hub", place.hub), ("sensor", place.sensor), ("zone", place.zone)))
        self.prefix = f"{series} {self._single.name}=" if self._single else f"{series} "
        """`temperature,hub=armley,sensor=air-1 `, and for a kind with one field `temperature_c=` after it."""
        low, high, plausible_low, plausible_high, _ = next(iter(self._limits.values()))
        self._stored_high = self._single.stored_high if self._single else math.inf
        self.plain_low = max(low, plausible_low)
        self.plain_high = min(high, plausible_high, self._stored_high)
        """Between these the value of a kind with one field is stored as it is, neither refused nor suspect."""

    def encode(self, fields: Fields, time_ns: int, *, maybe_repeated: bool = False) -> str | Rejection:
        """A line, or why a value is out of range."""
        suspect = ""
        repeated = ",maybe_repeated=true" if maybe_repeated else ""
        values = []
        for name, value in fields.items():
            low, high, plausible_low, plausible_high, no_values = self._limits[name]
            if not low <= value <= high:
                return out_of_range(self._kind, name, value)
            value = min(value, self._stored_high)  # noqa: PLW2901 - what is stored is what is judged
            if not plausible_low <= value <= plausible_high or value in no_values:
                suspect = ",suspect=true"
            text = f"{value}i" if type(value) is int else repr(value)
            values.append(text if self._single else f"{name}={text}")
        return f"{self.prefix}{','.join(values)}{suspect}{repeated} {time_ns}"
