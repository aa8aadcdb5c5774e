r"""The only reader of figures: whoever shows or prints a day, an hour, a period, a sensor or a change asks here.

    store -> HubFigures (settled: the stored roll-up; else from the readings) -> daily, hourly, periods --\
          -> roll-ups as they stand, all hubs in one read -> stored_daily, stored_hourly -----------------+-> board,
          -> the numbers of LoRaWAN frames -> frames, why ------------------------------------------------+
          -> the latest reading of each series -> sensors, hubs -----------------------------------------+   command
          -> journal -> changes, why --------------------------------------------------------------------/   line, API

Rules that stand here and nowhere else: when a sensor is silent and was last seen (`sensors`), and whether a day has
data (`usage.rollup.has_data`).
"""

from usage.queries.date_ranges import DateRange
from usage.queries.figures import DayFigures, DoorFigures, HourFigures, UnknownHubError, ZoneFigures
from usage.queries.hubs import HubState, Opening
from usage.queries.ingests import IngestState, Waiting
from usage.queries.periods import Period, PeriodFigures
from usage.queries.queries import OtherMidnightsError, Queries
from usage.queries.sensors import SensorState
from usage.queries.why import Why

__all__ = [
    "DateRange",
    "DayFigures",
    "DoorFigures",
    "HourFigures",
    "HubState",
    "IngestState",
    "Opening",
    "OtherMidnightsError",
    "Period",
    "PeriodFigures",
    "Queries",
    "SensorState",
    "UnknownHubError",
    "Waiting",
    "Why",
    "ZoneFigures",
]
