"""What may be asked of each table, within which bounds."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import HTTPException
from pydantic import AwareDatetime, Field

from dashboards.api.answers import Asked
from schemas import Kind
from schemas.localtime import Span, to_ns
from usage.queries import Period
from usage.queries.date_ranges import YEARS

DAYS_MAX, HOURLY_DAYS_MAX, PERIOD_DAYS_MAX = 366, 62, 3 * 366
READINGS_MAX = timedelta(days=31)
_DAYS_DEFAULT = 30
_ID = r"^[a-z0-9][a-z0-9_-]{0,63}$"
Id = Annotated[str, Field(pattern=_ID)]

HubOption = Annotated[Id | None, Field(description="Only this hub.")]


class OfHub(Asked):
    """Of one hub, or of all."""

    hub: HubOption = None


class OfAlerts(OfHub):
    """Open ones, those that are over, or all."""

    open: Annotated[bool | None, Field(description="Whether only those that are open, or only the others.")] = None


class Days(OfHub):
    """Local days, both ends included."""

    first: Annotated[date | None, Field(alias="from", description="First local day.")] = None
    last: Annotated[date | None, Field(alias="to", description="Last local day; else today.")] = None

    def range(self, today: date, days_max: int = DAYS_MAX) -> tuple[date, date]:
        """The days asked for, else the last 30 and today. Raises HTTPException where that is out of bounds."""
        last = self.last or today
        first = self.first or last - timedelta(days=min(_DAYS_DEFAULT, (last - date.min).days))
        if not (0 <= (last - first).days < days_max and first.year in YEARS and last.year in YEARS):
            raise HTTPException(
                400,
                f"from must not be after to, at most {days_max} days are given at once, of {YEARS[0]} to {YEARS[-1]}",
            )
        return first, last


class Periods(Days):
    """Weeks, months... of days that have to be said: a month that they cut short has the figures of those."""

    first: Annotated[date, Field(alias="from", description="First local day.")]
    last: Annotated[date, Field(alias="to", description="Last local day.")]
    per: Annotated[Period, Field(description="What days are added up to.")] = Period.MONTH


class Readings(Asked):
    """Readings of a hub, at least `start` and before `stop`."""

    hub: Annotated[Id, Field(description="The hub.")]
    kind: Annotated[Kind, Field(description="The kind of reading.")]
    sensor: Annotated[Id | None, Field(description="Only this sensor.")] = None
    start: Annotated[AwareDatetime | None, Field(alias="from", description="RFC 3339; else a day before `to`.")] = None
    stop: Annotated[AwareDatetime | None, Field(alias="to", description="RFC 3339; else now.")] = None

    def span(self, now: datetime) -> Span:
        """The time asked for. Raises HTTPException where that is out of bounds."""
        stop = self.stop or now
        if stop.year not in YEARS or (self.start and self.start.year not in YEARS):
            raise HTTPException(400, f"from and to must be of {YEARS[0]} to {YEARS[-1]}")
        start = self.start or stop - timedelta(days=1)
        if not timedelta() <= stop - start <= READINGS_MAX:
            raise HTTPException(
                400, f"from must not be after to, and at most {READINGS_MAX.days} days are given at once"
            )
        return Span(to_ns(start), to_ns(stop))
