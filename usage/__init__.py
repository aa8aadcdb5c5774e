r"""What a day at a hub was: calendar, counters, roll-up, completeness.

    store -> source (raw readings of some days) -> rollup (figures of each day and hour) -> RollupWriter -> store
                                                                                         \-> Queries -> people

    estimates     people whom nobody counted          attention     counters that ask for somebody
    comparing     periods like for like               audits        counters checked by hand
    publishing    figures as they were published

`Queries` is the only reader of figures; `usage.jobs.Jobs` keeps the roll-ups in the store.
"""

from usage.calendar import HubCalendar
from usage.queries import OtherMidnightsError, Queries, UnknownHubError
from usage.rollup_writer import RollupWriter

__all__ = ["HubCalendar", "OtherMidnightsError", "Queries", "RollupWriter", "UnknownHubError"]
