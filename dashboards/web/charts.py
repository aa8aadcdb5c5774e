"""The board's charts as plotly figures.

A colour is the name of one of the style sheet's custom properties (`--entries`); the page puts its value in, so that
light, dark and print each have their own. Texts on hover are worded here: a chart and its table say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from dashboards.web import wording
from dashboards.web.days import WITHOUT_COUNT, WORDS, Day, DayState, EstateDay
from dashboards.web.snapshot import Hour
from schemas.measures import CO2_FAIR_PPM, CO2_POOR_PPM, COMFORT_MAX_PCT, COMFORT_MIN_PCT, WORKROOM_MIN_C

Figure = dict[str, Any]
AnyDay = Day | EstateDay

_DAY_MS = 86_400_000
_BAR_MS, _RANGE_MS = 0.75 * _DAY_MS, 0.55 * _DAY_MS

_SHAPES = {
    DayState.CLOSED: ("line-ew-open", "--quiet", "closed"),
    DayState.ZERO: ("circle-open", "--entries", "no visitors"),
    DayState.SILENT: ("x-thin-open", "--alarm", "no data"),
    DayState.PARTIAL: ("diamond-open", "--entries", "incomplete, nobody counted"),
}
"""What stands at the foot of a day that has no bar."""


def entries(days: Sequence[AnyDay], now: date) -> Figure:
    """Entries per day. Solid: counted. Hatched: incomplete. Outlined: so far. A mark where there is nobody to draw."""
    bars = [d for d in days if d.entries and d.state not in WITHOUT_COUNT]
    whole = [d for d in bars if d.state is DayState.COUNTED and not d.today]
    partial = [d for d in bars if d.state is DayState.PARTIAL and not d.today]
    so_far = [d for d in bars if d.today]
    traces = [
        _bars("counted", whole, now, {"color": "--entries"}),
        _bars("incomplete", partial, now, _hatched("/")),
        _bars("today, so far", so_far, now, _outlined()),
        *(_marks(state, [d for d in days if d.state is state and d not in bars], now) for state in _SHAPES),
    ]
    return _figure([trace for trace in traces if trace["x"]], days, now)


def hours(of: Sequence[Hour]) -> Figure:
    """Today's hours beside those of a week ago. Each keeps its place: on a day of a clock change there are 23 or 25."""
    places = list(range(len(of)))
    labels = [wording.clock(hour.start) for hour in of]
    today = _trace(places, [f"<b>{labels[i]}</b><br>{_people(hour.entries)}" for i, hour in enumerate(of)]) | {
        "type": "bar",
        "name": "today, so far",
        "y": [hour.entries for hour in of],
        "marker": _outlined(),
    }
    texts = [f"<b>{labels[i]}</b> a week ago<br>{_people(hour.week_ago)}" for i, hour in enumerate(of)]
    week_ago = _trace(places, texts) | {
        "type": "scatter",
        "mode": "lines",
        "name": "a week ago",
        "y": [hour.week_ago for hour in of],
        "line": {"color": "--quiet", "width": 1.5, "shape": "hvh", "dash": "dot"},
    }
    ticks = places[::3]
    axis = _axis() | {
        "range": [-0.5, len(of) - 0.5],
        "tickvals": ticks,
        "ticktext": [labels[place] for place in ticks],
    }
    return {"data": [today, week_ago], "layout": _layout(axis, from_zero=True)}


def _people(count: int | None) -> str:
    return "no count" if count is None else f"{wording.plural(count, 'person', 'people')} in"


def _trace(x: Sequence[str | int], texts: Sequence[str]) -> Figure:
    """What every trace of figures has: where its points are, and what each says under the pointer."""
    return {"x": x, "customdata": texts, "hovertemplate": "%{customdata}<extra></extra>"}


def _by_day(days: Sequence[AnyDay], texts: Sequence[str]) -> Figure:
    return _trace([day.date.isoformat() for day in days], texts)


def _bars(name: str, days: Sequence[AnyDay], now: date, marker: dict[str, Any]) -> Figure:
    return _by_day(days, [_hover(day, now) for day in days]) | {
        "type": "bar",
        "name": name,
        "y": [day.entries for day in days],
        "width": _BAR_MS,
        "marker": marker,
    }


def _hatched(shape: str) -> dict[str, Any]:
    pattern = {"shape": shape, "fgcolor": "--entries", "bgcolor": "--card", "size": 6, "solidity": 0.45}
    return {"color": "--entries", "pattern": pattern, "line": {"color": "--entries", "width": 1}}


def _outlined() -> dict[str, Any]:
    return {"color": "--entries-pale", "line": {"color": "--entries", "width": 1.5}}


def _marks(state: DayState, days: Sequence[AnyDay], now: date) -> Figure:
    symbol, colour, name = _SHAPES[state]
    return _by_day(days, [_hover(day, now) for day in days]) | {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "y": [0] * len(days),
        "cliponaxis": False,
        "marker": {"symbol": symbol, "color": colour, "size": 9, "line": {"width": 2, "color": colour}},
    }


def _hover(day: AnyDay, now: date) -> str:
    first = WORDS[day.state] if day.entries is None or day.state in WITHOUT_COUNT else _people(day.entries)
    rest = day.hubs_text.split(", ") if isinstance(day, EstateDay) else _caveats(day)
    return "<br>".join([_heading(day, now), first, *rest])


def _heading(day: AnyDay, now: date) -> str:
    return f"<b>{wording.day(day.date, now)}</b>" + (" so far" if day.today else "")


def _caveats(day: Day) -> list[str]:
    caveats = []
    if day.state is DayState.PARTIAL and not day.today:
        caveats.append(f"incomplete: {day.covered}")
    if day.door_silent:
        caveats.append("door counter silent now")
    if day.provisional and day.figures:
        caveats.append("provisional")
    return caveats


def wifi(days: Sequence[Day], now: date) -> Figure:
    """The most Wi-Fi clients connected at once, and the mean over opening hours."""
    traces = [
        _dots("most at once", days, "wifi_peak_clients", now, "--wifi", lines=True),
        _dots("mean while open", days, "wifi_mean_clients", now, "--wifi", hollow=True),
    ]
    return _figure(traces, days, now)


def temperature(days: Sequence[Day], now: date) -> Figure:
    """Each day's range and mean, beside the lowest temperature for a workroom."""
    traces = [
        _range("lowest to highest", days, ("temperature_min_c", "temperature_max_c"), now, "--heat"),
        _dots("mean while open", days, "temperature_mean_c", now, "--heat"),
        _limit(days, WORKROOM_MIN_C, f"{WORKROOM_MIN_C} °C, the least for a workroom", "--cold"),
    ]
    return _figure(traces, days, now, from_zero=False)


def humidity(days: Sequence[Day], now: date) -> Figure:
    """Each day's mean, beside the comfort band."""
    low, high = COMFORT_MIN_PCT, COMFORT_MAX_PCT
    traces = [
        _band(days, low, high, f"comfort, {low} to {high} %"),
        _dots("mean while open", days, "relative_humidity_mean_pct", now, "--damp", lines=True),
    ]
    return _figure(traces, days, now, from_zero=False)


def co2(days: Sequence[Day], now: date) -> Figure:
    """Each day's mean and maximum, beside the two guide values."""
    traces = [
        _range("mean to highest", days, ("co2_mean_ppm", "co2_max_ppm"), now, "--air"),
        _dots("mean while open", days, "co2_mean_ppm", now, "--air"),
        _limit(days, CO2_FAIR_PPM, f"{CO2_FAIR_PPM} ppm, well ventilated below", "--quiet"),
        _limit(days, CO2_POOR_PPM, f"{wording.number(CO2_POOR_PPM)} ppm, poor above", "--alarm"),
    ]
    return _figure(traces, days, now, from_zero=False)


def pressure(days: Sequence[Day], now: date) -> Figure:
    """Each day's mean."""
    return _figure(
        [_dots("mean", days, "pressure_mean_hpa", now, "--air-mass", lines=True)], days, now, from_zero=False
    )


def _dots(
    name: str, days: Sequence[Day], figure: str, now: date, colour: str, *, lines: bool = False, hollow: bool = False
) -> Figure:
    texts = [f"{_heading(day, now)}<br>{name}: {wording.measure(day.figure(figure), figure)}" for day in days]
    return _by_day(days, texts) | {
        "type": "scatter",
        "mode": "lines+markers" if lines else "markers",
        "name": name,
        "y": [day.figure(figure) for day in days],
        "connectgaps": False,
        "cliponaxis": False,
        "line": {"color": colour, "width": 2},
        "marker": {
            "symbol": ["circle-open" if hollow or day.today else "circle" for day in days],
            "color": colour,
            "size": 7,
            "line": {"width": 1.5, "color": colour},
        },
    }


def _range(name: str, days: Sequence[Day], ends: tuple[str, str], now: date, colour: str) -> Figure:
    """Floating bars: a gap stays a gap, where a filled band would be drawn across it."""
    pairs = [[day.figure(end) for end in ends] for day in days]
    spans = (" to ".join(wording.measure(day.figure(end), end) for end in ends) for day in days)
    texts = [f"{_heading(day, now)}<br>{name}: {span}" for day, span in zip(days, spans, strict=True)]
    return _by_day(days, texts) | {
        "type": "bar",
        "name": name,
        "base": [None if high is None else low for low, high in pairs],
        "y": [None if low is None or high is None else high - low for low, high in pairs],
        "marker": {"color": f"{colour}-pale", "line": {"color": colour, "width": 1}},
        "width": _RANGE_MS,
    }


def _limit(days: Sequence[Day], value: float, name: str, colour: str) -> Figure:
    """A dashed line across the chart, named in the legend: words on the line would lie over the bars."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(_edges(days)),
        "y": [value, value],
        "hoverinfo": "skip",
        "line": {"color": colour, "width": 1.5, "dash": "dash"},
    }


def _band(days: Sequence[Day], low: float, high: float, name: str) -> Figure:
    left, right = _edges(days)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [left, right, right, left],
        "y": [low, low, high, high],
        "fill": "toself",
        "fillcolor": "--good-pale",
        "hoverinfo": "skip",
        "line": {"width": 0},
    }


def _figure(traces: list[Figure], days: Sequence[AnyDay], now: date, *, from_zero: bool = True) -> Figure:
    mondays = [d.date for d in days if d.date.weekday() == 0]
    axis = _axis() | {
        "type": "date",
        "range": list(_edges(days)),
        "tickvals": [day.isoformat() for day in mondays],
        "ticktext": [wording.day(day, now) for day in mondays],
    }
    return {"data": traces, "layout": _layout(axis, from_zero=from_zero)}


def _axis() -> Figure:
    return {"ticks": "outside", "tickcolor": "--rule", "showgrid": False, "linecolor": "--rule", "fixedrange": True}


def _layout(x_axis: Figure, *, from_zero: bool) -> Figure:
    return {
        "barmode": "overlay",
        "bargap": 0.25,
        "hovermode": "closest",
        "dragmode": False,
        "margin": {"l": 40, "r": 8, "t": 8, "b": 30},
        "paper_bgcolor": "--card",
        "plot_bgcolor": "--card",
        "font": {"color": "--ink", "size": 12},
        "hoverlabel": {"bgcolor": "--ink", "bordercolor": "--ink", "font": {"color": "--card"}, "align": "left"},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "itemclick": False}
        | {"itemdoubleclick": False},
        "showlegend": True,
        "xaxis": x_axis,
        "yaxis": {
            "automargin": True,
            "rangemode": "tozero" if from_zero else "normal",
            "gridcolor": "--rule",
            "zeroline": from_zero,
            "zerolinecolor": "--rule",
            "separatethousands": True,
            "nticks": 6,
            "fixedrange": True,
        },
        "separators": ".\u202f",
    }


def _edges(days: Sequence[AnyDay]) -> tuple[str, str]:
    """The outer edges of the first and the last day's bars, which stand around their midnights."""
    first, last = (datetime.combine(days[at].date, time()) for at in (0, -1))
    half = timedelta(hours=12)
    return (first - half).isoformat(), (last + half).isoformat()
