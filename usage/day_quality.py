"""How complete the days of each hub are, by measure: people, Wi-Fi and air."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from schemas.measures import PeopleState
from usage.queries import DayFigures
from usage.rollup import Figures


class Measured(StrEnum):
    """What completeness is told of."""

    PEOPLE = "people"
    WIFI = "wifi"
    AIR = "air"


_SHARES: Final = {
    Measured.PEOPLE: "footfall_completeness",
    Measured.WIFI: "wifi_completeness",
    Measured.AIR: "environment_completeness",
}
WHOLE: Final = 0.95
"""From this share on a day is whole: the bound of `counted`."""


@dataclass(frozen=True, slots=True)
class HubDays:
    """The rolled-up days of a hub; a day that is not there has no roll-up."""

    hub: str
    days: Mapping[date, Figures]

    def state(self, day: date, measured: Measured) -> PeopleState | None:
        """What a day is worth; None where it has no roll-up, or the hub measures nothing of that kind."""
        figures = self.days.get(day)
        if figures is None:
            return None
        state = figures["people_state"]
        if measured is Measured.PEOPLE:
            return None if state is None else PeopleState(int(state))
        share = self.share(day, measured)
        if state == PeopleState.CLOSED:
            return PeopleState.CLOSED
        if share is None:
            return None
        return PeopleState.COUNTED if share >= WHOLE else PeopleState.PARTIAL if share else PeopleState.NONE

    def share(self, day: date, measured: Measured) -> float | None:
        """The share of opening time that is covered, 0 to 1; None where that is not known."""
        figures = self.days.get(day)
        return None if figures is None else figures[_SHARES[measured]]

    def counts(self, measured: Measured) -> Counter[PeopleState | None]:
        """How many of its days are in each state."""
        return Counter(self.state(day, measured) for day in self.days)


def by_hub(days: Iterable[DayFigures]) -> dict[str, HubDays]:
    """Days by hub."""
    found: dict[str, dict[date, Figures]] = {}
    for day in days:
        found.setdefault(day.hub, {})[day.date] = day.figures
    return {hub: HubDays(hub, of_hub) for hub, of_hub in found.items()}
