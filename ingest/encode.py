"""Readings as line protocol. What never changes between two readings of a series is made once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from ingest.batches import DayMark
from ingest.validate import limits_of, out_of_range
from schemas.kinds import KINDS, RAW_FIELDS, Kind
from schemas.localtime import NS_A_MINUTE, NS_AN_HOUR, day_span, local_day, on_clock_ns
from schemas.readings import Rejection
from sensors.formats import Fields
from sensors.registry import SensorPlace
from sensors.times import LocalTime
from stores.lines import series_prefix

_AHEAD_NS = 10 * NS_A_MINUTE
"""So much may a device's clock be ahead."""
_UNDER_WAY_NS = 12 * NS_AN_HOUR
"""Longer than that, and the receipt does not tell which of two instants a local time is."""

_OTHER_WAY = {
    "entries": "exits",
    "exits": "entries",
    "entries_total": "exits_total",
    "exits_total": "entries_total",
}


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

    def instant(self, local: LocalTime, received_ns: int) -> int:
        """The instant at which the hub's clocks show a time.

        Where they show it twice, or never, it is the latest one before the receipt; but the first where the message
        came much later: nothing tells how long it was under way.
        """
        first, second = sorted(on_clock_ns(local.wall_ns, self._zone, fold) for fold in (0, 1))
        under_way_ns = received_ns - second
        return second if -_AHEAD_NS <= under_way_ns <= _UNDER_WAY_NS else first

    def mark(self, time_ns: int) -> DayMark:
        """The day of a time."""
        if not self._start_ns <= time_ns < self._stop_ns:
            self._start_ns, self._stop_ns = day_span(local_day(time_ns, self._zone), self._zone)
            self._mark = DayMark(self._hub, self._start_ns)
        return self._mark

    def past_marks(self, times_ns: Sequence[int]) -> set[DayMark]:
        """The past days that any of these times falls on."""
        first_ns, last_ns = min(times_ns), max(times_ns)
        if self.today_ns <= first_ns:
            return set()
        if last_ns < self.today_ns and self.mark(first_ns) == self.mark(last_ns):
            return {self.mark(first_ns)}
        return {self.mark(time_ns) for time_ns in times_ns if time_ns < self.today_ns}


class SeriesEncoder:
    """Makes the lines of one series."""

    __slots__ = (
        *("_calibration", "_limits", "_single", "_stored_high", "_swapped"),
        *("days", "kind", "plain_high", "plain_low", "prefix", "sensor"),
    )

    def __init__(self, place: SensorPlace, days: HubDays) -> None:
        self.days = days
        self.kind = place.kind
        self.sensor = (place.hub, place.sensor)
        self._swapped = place.swapped and place.kind is Kind.FOOTFALL
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
        self._calibration = place.calibration.of(self._single.name) if self._single else None
        if self._calibration is not None:
            self.plain_low, self.plain_high = math.inf, -math.inf

    def refuses(self, fields: Fields) -> bool:
        """Whether a value is beyond what the sensor can have measured."""
        return any(not self._limits[name][0] <= value <= self._limits[name][1] for name, value in fields.items())

    def encode(
        self, fields: Fields, time_ns: int, *, maybe_repeated: bool = False, is_suspect: bool = False
    ) -> str | Rejection:
        """A line, or why a value is out of range."""
        suspect = ",suspect=true" if is_suspect else ""
        rest = ",maybe_repeated=true" if maybe_repeated else ""
        if self._swapped:
            fields = {_OTHER_WAY.get(name, name): value for name, value in fields.items()}
        if self._calibration is not None:
            [(name, raw)] = fields.items()
            if self.refuses(fields):
                return out_of_range(self.kind, name, raw)
            _, _, plausible_low, plausible_high, _ = self._limits[name]
            if not plausible_low <= raw <= max(plausible_high, self._stored_high):
                suspect = ",suspect=true"
            fields = {name: round(raw * self._calibration.scale + self._calibration.offset, 6)}
            rest += f",{RAW_FIELDS[name]}={raw!r}"
        values, limits, stored_high = [], self._limits, self._stored_high
        for name, value in fields.items():
            low, high, plausible_low, plausible_high, no_values = limits[name]
            if not low <= value <= high:
                return out_of_range(self.kind, name, value)
            value = min(value, stored_high)  # noqa: PLW2901 - what is stored is what is judged
            if not plausible_low <= value <= plausible_high or value in no_values:
                suspect = ",suspect=true"
            text = f"{value}i" if type(value) is int else repr(value)
            values.append(text if self._single else f"{name}={text}")
        return f"{self.prefix}{','.join(values)}{suspect}{rest} {time_ns}"
