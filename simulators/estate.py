"""The simulated estate as messages: a past to load in batches, and a present to follow reading by reading.

    SimulatedHub.day -> transmissions -> batches (history) or single readings in order of time (live) -> messages

Both describe the same estate: with the same seed, `live` from the instant at which `history` stopped neither repeats
nor leaves out a reading, and a history generated again, from any start, holds the same readings for the same time.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

from schemas import Estate
from simulators.hub import HubDay, SimulatedHub
from simulators.messages import TimedMessage
from simulators.transmissions import messages_of, transmissions_of

READINGS_A_MESSAGE = 1000
"""At about 90 bytes a reading a message of history stays below 100 KB."""

LEEDS = Path(str(files("simulators") / "estates" / "leeds.yaml"))
"""The model estate's file: 22 digital health hubs of one city."""


class SimulatedEstate:
    """Every hub of an estate, behaving."""

    def __init__(self, estate: Estate, *, seed: int, crowds: dict[date, float] | None = None) -> None:
        """`crowds` multiplies the visitors of single days, all hubs alike."""
        self.estate = estate
        self.hubs = [SimulatedHub(estate, hub, seed=seed, crowds=crowds) for hub in estate.hubs]

    def days(self, first: date, last: date | None) -> Iterator[HubDay]:
        """Every hub's local days from first to last; without a last, for ever."""
        for step in range(((last or date.max) - first).days + (last is not None)):
            for hub in self.hubs:
                yield hub.day(first + timedelta(days=step))


def history(estate: Estate, *, start_ns: int, stop_ns: int, seed: int) -> Iterator[TimedMessage]:
    """The readings with start <= time < stop: one message for each sensor, kind and local day, cut at 1000 readings."""
    simulated = SimulatedEstate(estate, seed=seed)
    first = min((hub.local_day(start_ns) for hub in simulated.hubs), default=date.max)
    last = max((hub.local_day(stop_ns - 1) for hub in simulated.hubs), default=date.min)
    for hub_day in simulated.days(first, last):
        for transmissions in transmissions_of(hub_day):
            kept = [t for t in transmissions if start_ns <= t.sent_ns < stop_ns]
            yield from messages_of(kept, readings_max=READINGS_A_MESSAGE)


def live(estate: Estate, *, start_ns: int, seed: int) -> Iterator[TimedMessage]:
    """Every reading from start on, for ever, one message each, in order of time; the publisher keeps the pace."""
    hubs = SimulatedEstate(estate, seed=seed).hubs
    return heapq.merge(*(_hub_live(hub, start_ns) for hub in hubs))


def _hub_live(hub: SimulatedHub, start_ns: int) -> Iterator[TimedMessage]:
    day = hub.local_day(start_ns)
    while True:
        sent = [t for series in transmissions_of(hub.day(day)) for t in series if t.sent_ns >= start_ns]
        yield from sorted(messages_of(sent, readings_max=1))
        day += timedelta(days=1)
