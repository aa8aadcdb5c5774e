"""What the pipeline receives of a hub: by sensor and kind the readings that arrive and are good, in order of time.

With each reading of a door counter goes what the model knows that it reports: how many people it noticed since its
last reading that arrived. No total is ever differenced for it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

from schemas import KINDS, Kind, Sensor
from schemas.localtime import NS_A_SECOND, Span
from simulators.devices import Fields, every_ns
from simulators.people import Counted, sum_counted
from simulators.transmissions import Transmission

_SILENCE_MAX_NS = int(timedelta(days=31).total_seconds()) * NS_A_SECOND
_NOBODY = Counted(0, 0)


class ReceivedReading(NamedTuple):
    """One good reading, and what it reports as counted since `since_ns`: people both ways, or bytes both ways.

    `since_ns` is None where nothing came before. `is_known` is False where no total can tell how many came: another
    device took the counter's place, or it began again in a silence.
    """

    time_ns: int
    fields: Fields
    suspect: bool
    since_ns: int | None
    counted: Counted
    is_known: bool = True
    own: Counted = _NOBODY
    """What it counts of its own interval, where no total can tell how many came."""


@dataclass(slots=True)
class ReceivedSeries:
    """The good readings of one sensor and kind, as far back as anybody needs them."""

    sensor: Sensor
    kind: Kind
    readings: list[ReceivedReading] = field(default_factory=list)
    _unreported: Counted = _NOBODY
    _restarted: bool = False
    _fallen: dict[str, int] = field(default_factory=dict)

    @property
    def hold_ns(self) -> int:
        """How long a reading holds: until the next, at most for two intervals."""
        return 2 * every_ns(self.sensor)

    def take(self, transmissions: Iterable[Transmission]) -> None:
        """Take in a day's transmissions of this sensor and kind, copies and lost ones included."""
        seen_ns = -1
        for transmission in sorted(transmissions, key=lambda d: d.observation.time_ns):
            if transmission.observation.time_ns != seen_ns:
                seen_ns = transmission.observation.time_ns
                self._take(transmission)

    def _take(self, transmission: Transmission) -> None:
        observation = transmission.observation
        counted = observation.counted or _NOBODY
        if self.sensor.counter_bits is not None and not observation.fresh:
            counted = sum_counted((self._unreported, counted))
        self._restarted |= observation.fresh
        if transmission.lost or transmission.reason is not None:
            self._unreported = counted
            return
        self._unreported = _NOBODY
        last = self.readings[-1] if self.readings else None
        if self.kind is Kind.WIFI and last is not None:
            counted = _bytes_between(last.fields, observation.fields)
        is_too_long = last is not None and observation.time_ns - last.time_ns > _SILENCE_MAX_NS
        if is_too_long:
            counted = _NOBODY
        fields = observation.fields
        for name in ("entries_total", "exits_total"):
            if last is not None and fields.get(name, 0) < last.fields.get(name, 0):
                self._fallen.setdefault(name, observation.time_ns)
            elif fields.get(name, 0) > 0:
                self._fallen.pop(name, None)
        limits = _limits(self.kind, every_ns(self.sensor))
        suspect = any(not low <= fields.get(name, low) <= high for name, (low, high) in limits.items())
        since_ns = last.time_ns if last else None
        is_known = not self._restarted or (
            Counted(int(fields["entries_total"]), int(fields["exits_total"])) == counted
            and observation.time_ns - (since_ns or 0) <= self.hold_ns
        )
        self._restarted = False
        own = _NOBODY
        if last is not None and self.sensor.counter_bits is not None and (is_too_long or not is_known) and not suspect:
            own = Counted(int(fields.get("entries", 0)), int(fields.get("exits", 0)))
        self.readings.append(ReceivedReading(observation.time_ns, fields, suspect, since_ns, counted, is_known, own))

    def forget(self, before_ns: int) -> None:
        """Keep the readings from an instant on, and the last one."""
        del self.readings[: min(self._before(before_ns), len(self.readings) - 1)]

    def fallen_since(self, total_name: str) -> int | None:
        """Since when a total stands lower than before and did not go on from there; None where all is settled."""
        return self._fallen.get(total_name)

    @property
    def is_settled(self) -> bool:
        """Whether it is known what the last reading reports."""
        return not self._fallen

    def within(self, span: Span) -> Sequence[ReceivedReading]:
        """The readings in a span."""
        return self.readings[self._before(span.start_ns) : self._before(span.stop_ns)]

    def around(self, span: Span, pad_ns: int) -> Sequence[ReceivedReading]:
        """The readings in a span and so long before and after it."""
        return self.within(Span(span.start_ns - pad_ns, span.stop_ns + pad_ns))

    def steps(self, span: Span) -> Sequence[ReceivedReading]:
        """The readings whose time since the one before meets a span."""
        return self.readings[self._before(span.start_ns + 1) : self._before(span.stop_ns) + 1]

    def measured(self, span: Span, field: str) -> list[tuple[int, float]]:
        """Time and value of the trusted readings that can hold for a part of the span."""
        holding = self.within(Span(span.start_ns - self.hold_ns, span.stop_ns))
        return [(r.time_ns, r.fields[field]) for r in holding if not r.suspect and field in r.fields]

    def _before(self, time_ns: int) -> int:
        """How many readings are before an instant."""
        return bisect_left(self.readings, time_ns, key=attrgetter("time_ns"))


_BYTES = "rx_bytes_total"


def _bytes_between(before: Fields, now: Fields) -> Counted:
    """Bytes are never tampered with: their totals simply grow. Many a device does not tell them."""
    if _BYTES not in now or _BYTES not in before:
        return _NOBODY
    rx, tx = (int(now[name]) - int(before[name]) for name in ("rx_bytes_total", "tx_bytes_total"))
    return Counted(rx, tx)


@lru_cache
def _limits(kind: Kind, interval_ns: int) -> dict[str, tuple[float, float]]:
    """Between which values a field is trusted, for the fields of which anything is known."""
    intervals = interval_ns / (600 * NS_A_SECOND)
    limits = {
        known.name: (known.plausible_low, known.plausible_high * (intervals if known.per_interval else 1))
        for known in KINDS[kind].fields
    }
    return {name: limit for name, limit in limits.items() if limit != (-math.inf, math.inf)}
