r"""What a day at a hub was: calendar, counters, roll-up, completeness.

    store -> source (raw readings of some days) -> rollup (figures of each day and hour) -> rows -> store
                                                                                         \-> figures (any days, now)

`figures` and `hourly_figures` answer for any days and are always up to date; `jobs.Jobs` keeps roll-ups in the store.
"""

from usage.calendar import HubCalendar
from usage.figures import (
    DayFigures,
    HourFigures,
    UnknownHubError,
    figures,
    hourly_figures,
    hubs_asked,
    known_hubs,
)
from usage.journal import Change, changes_between
from usage.rollup_writer import RollupWriter
from usage.why import Why, why

__all__ = [
    "Change",
    "DayFigures",
    "HourFigures",
    "HubCalendar",
    "RollupWriter",
    "UnknownHubError",
    "Why",
    "changes_between",
    "figures",
    "hourly_figures",
    "hubs_asked",
    "known_hubs",
    "why",
]
