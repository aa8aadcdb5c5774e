"""Time zones by their IANA names, and what somebody meant who wrote something else."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator

from schemas.errors import shown
from schemas.problems import nearest

_CONTINENT_CHARS = 4
"""As many as tell them apart; comparing with every zone takes ten times as long as with those of one continent."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = _nearest_zone(name) or "an IANA name such as Europe/London"
        raise ValueError(f"{shown(name)} is not a time zone: write {near}") from error
    return name


@lru_cache(maxsize=1024)
def _nearest_zone(name: str) -> str | None:
    """The zone of a city ("london"), or of a name with a slip in it; never one like Etc/GMT+1, whose sign misleads."""
    zones = _zones_to_write()
    city = name[:64].strip().lower().replace(" ", "_")
    of_city = next((zone for zone in zones if zone.lower().endswith(f"/{city}")), None)
    beside = [zone for zone in zones if zone[:_CONTINENT_CHARS].lower() == city[:_CONTINENT_CHARS]]
    return of_city or nearest(name, beside) or nearest(name, zones)


@cache
def _zones_to_write() -> list[str]:
    # Listing them reads hundreds of files, and a slip may stand in every hub.
    return sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))


TimeZone = Annotated[str, AfterValidator(_zone)]
