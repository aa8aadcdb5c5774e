"""The charts of a hub's page that only it has: people inside, the hours of the week, and curves within a day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise

from dashboards.charts import (
    Band,
    Chart,
    Dots,
    Heatmap,
    Layer,
    Limit,
    Line,
    Marks,
    Pattern,
    Shade,
    Shape,
    Slot,
    Tick,
    Tone,
)
from dashboards.web import charts, wording
from dashboards.web.curves import Curve, HourOfReadings, points, position
from dashboards.web.days import Day
from dashboards.web.hub_range import FIELD_OF, HubRange
from schemas import MEASURES, Kind
from schemas.localtime import NS_A_SECOND, from_ns
from schemas.measures import Tone as BandTone
from schemas.texts import _, quantity_text, weekday_short
from usage.queries.hours_of_week import HoursOfWeek

CURVES_MAX = len(Pattern)
"""Lines of one chart: as many as can be told apart."""
_HOURS_A_TICK = 3
_A_DAY_HOURS = 24
_TONES = {
    Kind.TEMPERATURE: Tone.HEAT,
    Kind.CO2: Tone.AIR,
    Kind.HUMIDITY: Tone.DAMP,
    Kind.PRESSURE: Tone.AIR_MASS,
    Kind.WIFI: Tone.WIFI,
}
_BAND_TONES = {
    BandTone.GOOD: Tone.GOOD,
    BandTone.WARN: Tone.QUIET,
    BandTone.POOR: Tone.QUIET,
    BandTone.ALARM: Tone.ALARM,
    BandTone.COLD: Tone.COLD,
}
_NEAR = 0.8
"""How much of a limit the values must come to for it to be drawn."""
_A_MONDAY = date(2024, 1, 1)


def weekdays() -> list[str]:
    """Mon to Sun."""
    return [weekday_short(_A_MONDAY + timedelta(days=n)) for n in range(7)]


def occupancy(days: Sequence[Day], now: date) -> Chart:
    """The most people inside at once on each day."""
    field = "peak_occupancy"
    values = {i: value for i, day in enumerate(days) if (value := day.figure(field)) is not None}
    line = Line("", Tone.ENTRIES, [(i + 0.5, day.figure(field)) for i, day in enumerate(days)])
    so_far = frozenset(i for i, day in enumerate(days) if day.today)
    name = _(MEASURES[field].label)
    return charts.measured(
        "occupancy",
        (_("People inside"), _("most at once")),
        days,
        now,
        {name: field},
        (line, Dots(name, Tone.ENTRIES, values, so_far)),
        from_zero=True,
    )


def week(of: HoursOfWeek) -> Heatmap:
    """When people come: the mean of each hour of the week, over the hours in which anybody may."""
    open_hours = [at % _A_DAY_HOURS for at, hour in of.items() if not hour.is_closed]
    first, last = (min(open_hours), max(open_hours)) if open_hours else (9, 16)
    names = weekdays()
    places = {
        (row, column): column * _A_DAY_HOURS + hour
        for row, hour in enumerate(range(first, last + 1))
        for column in range(len(names))
    }
    known = {place: found for place, at in places.items() if (found := of.get(at)) is not None}
    values = {place: mean for place, found in known.items() if (mean := found.mean) is not None}
    words = {
        place: f"{names[place[1]]} {clock_hour(first + place[0])}\n{hour_words(of, at)}" for place, at in places.items()
    }
    return Heatmap(
        "week",
        _("When people come"),
        _("people entering an hour, on average"),
        _week_summary(values, names, first),
        [clock_hour(hour) for hour in range(first, last + 1)],
        names,
        values,
        frozenset(place for place, found in known.items() if found.is_closed),
        decimals=1,
        words=words,
    )


def clock_hour(hour: int) -> str:
    """`09:00`."""
    return f"{hour:02}:00"


def hour_words(of: HoursOfWeek, at: int) -> str:
    """What an hour of the week comes to: `12.4 on average of 50 hours, 2 not counted`, `closed`, `no data`."""
    found = of.get(at)
    if found is not None and found.is_closed:
        return _("closed")
    if found is None or found.mean is None:
        return _("no data")
    text = _("{people} on average of {hours} hours").format(people=wording.number(found.mean, 1), hours=found.hours)
    return text + (", " + _("{hours} not counted").format(hours=found.not_counted) if found.not_counted else "")


def _week_summary(values: dict[tuple[int, int], float], names: Sequence[str], first: int) -> str:
    if not values:
        return _("No hour of these days was counted.")
    row, column = max(values, key=lambda place: values[place])
    return _("Busiest on {day} from {hour}, with {people} people on average.").format(
        day=names[column], hour=clock_hour(first + row), people=wording.number(values[row, column], 1)
    )


def curve(of: HubRange, kind: Kind, curves: Sequence[Curve]) -> Chart:
    """A day's readings, sensor by sensor, with the opening hours and the comfortable range."""
    field = FIELD_OF[kind]
    known, day = MEASURES[field], of.day
    every = {sensor.sensor: sensor.every_s for sensor in of.state.sensors}
    shown = list(zip(curves[:CURVES_MAX], Pattern, strict=False))
    suspect = sorted({int(position(r.time_ns, day)) for each in curves for r in each.readings if r.suspect})
    lines = [
        Line(each.name, _TONES[kind], points(each, day, _ns(every.get(each.sensor))), pattern)
        for each, pattern in shown
    ]
    opening = [(position(part.start_ns, day), position(part.stop_ns, day)) for part in day.open]
    unit = known.unit.symbol or _(known.unit.name)
    return Chart(
        f"day-{kind}",
        _("{measure} within the day").format(measure=_(known.label)),
        _("{unit} at the station").format(unit=unit) if kind is Kind.PRESSURE else unit,
        _curve_summary(curves, field),
        [Slot((label, *_readings_words(curves, at, field))) for at, label in enumerate(hours(of))],
        [Tick(i, label, spare=i % 2 == 1) for i, label in enumerate(hours(of)) if i % _HOURS_A_TICK == 0],
        (
            *limits(field, [value for each in lines for _at, value in each.points if value is not None]),
            Shade(_("open"), Tone.QUIET, opening),
            *lines,
            Marks(_("suspect reading, in no figure"), Tone.ALARM, Shape.CROSS, suspect),
        ),
        from_zero=kind is Kind.WIFI,
    )


def hours(of: HubRange) -> list[str]:
    """The clock hours of the day; where the clocks are changed on it, with the zone's name."""
    changed = len({from_ns(hour.start_ns).astimezone(of.calendar.zone).utcoffset() for hour in of.day.hours}) > 1
    starts = (from_ns(hour.start_ns).astimezone(of.calendar.zone) for hour in of.day.hours)
    return [wording.clock(start) + (f" {start:%Z}" if changed else "") for start in starts]


def limits(field: str, values: Sequence[float]) -> Iterator[Layer]:
    """The catalogue's bands of a measure: the good one as a stripe, and where others begin that the values come near.

    A limit far from all values would press the curve flat.
    """
    bands = MEASURES[field].bands
    high = max(values, default=0.0)
    for band, above in pairwise(bands):
        if above.start is None:
            continue
        if band.tone is BandTone.GOOD and band.start is not None:
            yield Band(_range(field, _(band.meaning), band.start, above.start), Tone.GOOD, band.start, above.start)
        elif above.tone is not BandTone.GOOD and high >= above.start * _NEAR:
            text = _("{meaning} from {value}").format(meaning=_(above.meaning), value=_limit(above.start, field))
            yield Limit(text, _BAND_TONES[above.tone], above.start)


def _range(field: str, meaning: str, low: float, high: float) -> str:
    return _("{meaning}, {low} to {high}").format(meaning=meaning, low=wording.number(low), high=_limit(high, field))


def _limit(value: float, field: str) -> str:
    """Limits are whole numbers."""
    return quantity_text(value, MEASURES[field].unit.symbol)


def _ns(every_s: int | None) -> int | None:
    return None if every_s is None else every_s * NS_A_SECOND


def _readings_words(curves: Sequence[Curve], at: int, field: str) -> Iterator[str]:
    for each in curves[:CURVES_MAX]:
        yield f"{each.name}: {hour_range(each.hours[at], field)}"


def hour_range(hour: HourOfReadings, field: str) -> str:
    """The lowest and highest reading of an hour, and how many are suspect; a dash where there is none."""
    values, suspect = hour
    text = wording.measure(min(values), field) if values else wording.NO_FIGURE
    if values and wording.measure(max(values), field) != text:
        low = wording.number(min(values), MEASURES[field].decimals)
        text = _("{low} to {high}").format(low=low, high=wording.measure(max(values), field))
    return text + (" " + _("({count} suspect)").format(count=suspect) if suspect else "")


def _curve_summary(curves: Sequence[Curve], field: str) -> str:
    values = [each.value for curve in curves for each in curve.readings if not each.suspect]
    if not values:
        return _("No reading is stored of this day.")
    text = _("{low} to {high} on this day.").format(
        low=wording.measure(min(values), field), high=wording.measure(max(values), field)
    )
    left_out = len(curves) - CURVES_MAX
    if left_out > 0:
        text += " " + _("{count} more sensors are in the table and the files.").format(count=left_out)
    return text
