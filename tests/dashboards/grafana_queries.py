"""Asks a dashboard's queries as Grafana does: time range, shifts and variables filled in."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

MAX_POINTS = 1000
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_RELATIVE = re.compile(r"now(?:-(\d+)([smhdwM]))?(?:/(d))?")

Panel = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """A query with the range and variables filled in, and where it stands."""

    place: str
    ref_id: str
    text: str
    start: datetime
    stop: datetime


def moment(text: str, now: datetime) -> datetime:
    """Grafana's date math, as far as our dashboards use it: `now-30d/d` is a local midnight."""
    found = _RELATIVE.fullmatch(text)
    assert found is not None, text
    count, unit, rounded = found.groups()
    at = now
    if unit == "M":
        at = _months_before(now, int(count))
    elif unit in ("d", "w"):
        at = now - timedelta(days=int(count) * (7 if unit == "w" else 1))  # wall clock: Grafana goes by the calendar
    elif unit:
        at = datetime.fromtimestamp(now.timestamp() - int(count) * _UNITS_S[unit], now.tzinfo)
    return at.replace(hour=0, minute=0, second=0, microsecond=0) if rounded else at


def _months_before(at: datetime, months: int) -> datetime:
    years, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    for day in range(at.day, at.day - 4, -1):
        try:
            return at.replace(year=years, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError(at)


def panel_range(dashboard: Panel, panel: Panel, now: datetime) -> tuple[datetime, datetime]:
    """The range that a panel shows: the dashboard's, or its own, shifted where it says so."""
    start, stop = moment(dashboard["time"]["from"], now), moment(dashboard["time"]["to"], now)
    if own := panel.get("timeFrom"):
        start, stop = moment(own if own.startswith("now") else f"now-{own}", now), now
    if shift := panel.get("timeShift"):
        start, stop = moment(f"now-{shift}", start), moment(f"now-{shift}", stop)
    return start, stop


def interval_s(panel: Panel, start: datetime, stop: datetime) -> int:
    """`$__interval`: the range over the points that fit, and no less than the panel's own least step."""
    least = panel.get("interval")
    least_s = int(least[:-1]) * _UNITS_S[least[-1]] if least else 1
    return max(least_s, math.ceil((stop.timestamp() - start.timestamp()) / MAX_POINTS))


def filled(query: str, start: datetime, stop: datetime, *, hub: str, step_s: int) -> str:
    """A query as it reaches the data source. `hub` is the regular expression of the chosen hubs."""
    span = f"time >= {int(start.timestamp() * 1000)}ms and time <= {int(stop.timestamp() * 1000)}ms"
    text = query.replace("$timeFilter", span).replace("${hub:regex}", hub).replace("$__interval", f"{step_s}s")
    assert not re.search(r"\$[a-zA-Z_{]", text), text
    return text


def questions(dashboard: Panel, now: datetime, *, hub: str) -> Iterator[Asked]:
    """Every query of a dashboard: its panels', its annotations' and its variables'."""
    for panel in dashboard["panels"]:
        start, stop = panel_range(dashboard, panel, now)
        for target in panel.get("targets", []):
            text = filled(target["query"], start, stop, hub=hub, step_s=interval_s(panel, start, stop))
            yield Asked(panel["title"], target["refId"], text, start, stop)
    start, stop = panel_range(dashboard, {}, now)
    for annotation in dashboard["annotations"].get("list", []):
        text = filled(annotation["target"]["query"], start, stop, hub=hub, step_s=60)
        yield Asked(f"annotation {annotation['name']}", "Anno", text, start, stop)
    for variable in dashboard.get("templating", {}).get("list", []):
        yield Asked(f"variable {variable['name']}", "V", variable["query"], start, stop)
