"""The figures of a hub's charts as tables: the files under each chart, and what its page shows without a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from dashboards.charts import Column, Table
from dashboards.charts.table import Cell
from dashboards.web import hub_charts, wording
from dashboards.web.curves import Curve
from dashboards.web.days import WITHOUT_COUNT, WORDS, Day
from dashboards.web.hub_range import FIELD_OF, HubRange
from schemas import MEASURES, Kind
from schemas.localtime import from_ns
from schemas.measures import CO2_FAIR_PPM, CO2_POOR_PPM, COUNTED_MIN, ZONE_MEASURES
from schemas.texts import _
from schemas.units import SHARE

_WEEK_HOURS = 7 * 24
_SHARE_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of words as the page shows it; the first column names the rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


# ------------------------------------------------------------------------------------------------------------ the page


def hours_grid(of: HubRange) -> Grid:
    """Today's hours beside those of a week ago and the usual ones."""
    return Grid(
        (_("Hour"), _("Today"), _("A week ago"), _("Usual while open")),
        [
            (
                wording.clock(hour.start),
                wording.number(hour.entries),
                wording.number(hour.week_ago),
                wording.number(hour.usual, 1),
            )
            for hour in of.hours
        ],
    )


def week_grid(of: HubRange) -> Grid:
    """Each hour of the day by weekday: those in which anybody may come."""
    chart = hub_charts.week(of.week)
    hours = [int(label[:2]) for label in chart.rows]
    return Grid(
        (_("Hour"), *chart.columns),
        [
            (hub_charts.clock_hour(hour), *(hub_charts.hour_words(of.week, day * 24 + hour) for day in range(7)))
            for hour in hours
        ],
    )


def curve_grid(of: HubRange, kind: Kind, curves: Sequence[Curve]) -> Grid:
    """The lowest and highest reading of each hour, sensor by sensor."""
    return Grid(
        (_("Hour"), *(curve.name for curve in curves)),
        [
            (label, *(hub_charts.hour_range(curve.hours[at], FIELD_OF[kind]) for curve in curves))
            for at, label in enumerate(hub_charts.hours(of))
        ],
    )


def doors_grid(of: HubRange) -> Grid:
    """Who came and went by each door over the range, and on how many of its days it was not counted in full."""
    by_door: dict[str, list[Mapping[str, float | None]]] = {}
    for door in of.doors:
        by_door.setdefault(door.door, []).append(door.figures)
    open_days = sum(day.opens and day.begun for day in of.days)
    rows = []
    for name, days in by_door.items():
        counted = sum((each["footfall_completeness"] or 0) >= COUNTED_MIN for each in days)
        missing = max(0, open_days - counted)
        sums = (_sum([each[figure] for each in days], missing) for figure in ("entries", "exits"))
        rows.append((name, *sums, wording.number(counted), wording.number(missing)))
    return Grid((_("Door"), _("People in"), _("People out"), _("Days counted"), _("Days missing or incomplete")), rows)


def _sum(values: Sequence[float | None], missing: int) -> str:
    known = [value for value in values if value is not None]
    text = wording.number(sum(known)) if known else wording.NO_FIGURE
    return text + (" " + _("(incomplete)") if known and missing else "")


# ----------------------------------------------------------------------------------------------------------- the files


def _of_days(of: HubRange, chart: str, fields: Sequence[str]) -> Table:
    """Figures of the days by their names in the catalogue."""
    return Table(
        _(MEASURES[chart].label),
        _unit(chart),
        _range(of),
        _("Hubpulse, daily figures of {hub}").format(hub=of.state.name),
        [Column(_("Day")), *(_column(name) for name in fields), Column(_("Notes"))],
        [(day.date, *(day.figure(name) for name in fields), "; ".join(day.notes)) for day in of.days],
    )


def _entries(of: HubRange) -> Table:
    return Table(
        _(MEASURES["entries"].label),
        _(MEASURES["entries"].unit.name),
        _range(of),
        _(
            "Hubpulse, daily figures of {hub}; low and high hold the people counted and missed in nine of ten cases"
        ).format(hub=of.state.name),
        [
            Column(_("Day")),
            Column(_("State")),
            Column(_("People counted")),
            Column(_("Estimated missing")),
            Column(_("Low")),
            Column(_("High")),
            Column(_("People leaving")),
            Column(_("Covered by doors"), _SHARE_DECIMALS),
            Column(_("Notes")),
        ],
        [
            (
                day.date,
                state_words(day),
                day.entries if day.begun else None,
                day.missed,
                *(day.bounds or (None, None)),
                day.figure("exits"),
                day.figure("footfall_completeness"),
                "; ".join(day.notes),
            )
            for day in of.days
        ],
    )


def state_words(day: Day) -> str:
    """What is known of a day's people: `counted`, `incomplete`, `closed`, `no data`."""
    words = _(WORDS[day.state])
    return _("{state}, so far").format(state=words) if day.today and day.state not in WITHOUT_COUNT else words


def _hours(of: HubRange) -> Table:
    return Table(
        _("Today by the hour"),
        _(MEASURES["entries"].unit.name),
        of.today.isoformat(),
        _("Hubpulse, hourly figures and profile of {hub}").format(hub=of.state.name),
        [Column(_("Hour")), Column(_("Today")), Column(_("A week ago")), Column(_("Usual while open"), 1)],
        [(hour.start.isoformat(), hour.entries, hour.week_ago, hour.usual) for hour in of.hours],
    )


def _week(of: HubRange) -> Table:
    names = hub_charts.weekdays()
    rows: list[Sequence[Cell]] = []
    for at in range(_WEEK_HOURS):
        hour = of.week.get(at)
        words = hub_charts.hour_words(of.week, at)
        state = words if hour is None or hour.mean is None else _("counted")
        figures = (None, 0, 0) if hour is None else (hour.mean, hour.hours, hour.not_counted)
        rows.append((names[at // 24], hub_charts.clock_hour(at % 24), state, *figures))
    return Table(
        _("When people come"),
        _("people entering an hour, on average"),
        _range(of),
        _("Hubpulse, hourly figures of {hub}").format(hub=of.state.name),
        [
            Column(_("Weekday")),
            Column(_("Hour")),
            Column(_("State")),
            Column(_("People an hour"), 1),
            Column(_("Hours counted")),
            Column(_("Hours missing")),
        ],
        rows,
    )


def _doors(of: HubRange) -> Table:
    fields = ("entries", "exits", "footfall_completeness")
    return Table(
        _("Doors"),
        _(MEASURES["entries"].unit.name),
        _range(of),
        _("Hubpulse, daily figures of the doors of {hub}").format(hub=of.state.name),
        [Column(_("Day")), Column(_("Door")), *(_column(name) for name in fields)],
        [(door.date, door.door, *(door.figures[name] for name in fields)) for door in of.doors],
    )


def _zones(of: HubRange) -> Table:
    return Table(
        _("Zones"),
        _("see the columns"),
        _range(of),
        _("Hubpulse, daily figures of the zones of {hub}").format(hub=of.state.name),
        [Column(_("Day")), Column(_("Zone")), *(_column(name) for name in ZONE_MEASURES)],
        [
            (zone.date, zone.zone, *(zone.figures[name] for name in ZONE_MEASURES))
            for zone in of.zones(of.first, of.last)
        ],
    )


def _readings(of: HubRange, kind: Kind) -> Table:
    field = FIELD_OF[kind]
    return Table(
        _(MEASURES[field].label),
        _unit(field),
        of.day.date.isoformat(),
        _("Hubpulse, readings of {hub} as they were received; those marked suspect are in no figure").format(
            hub=of.state.name
        ),
        [Column(_("Time")), Column(_("Sensor")), Column(_("Zone")), _column(field), Column(_("Suspect"))],
        [
            (
                from_ns(each.time_ns).astimezone(of.calendar.zone).isoformat(timespec="seconds"),
                curve.sensor,
                curve.zone or None,
                each.value,
                _("suspect") if each.suspect else None,
            )
            for curve in of.curves(kind)
            for each in curve.readings
        ],
    )


def _column(name: str) -> Column:
    known = MEASURES[name]
    if known.unit is SHARE:
        return Column(_(known.label), _SHARE_DECIMALS)
    label = _(known.label)
    return Column(f"{label} ({known.unit.symbol})" if known.unit.symbol else label, known.decimals)


def _unit(name: str) -> str:
    return _(MEASURES[name].unit.name)


def _range(of: HubRange) -> str:
    return f"{of.first} to {of.last}"


FILES: Mapping[str, Callable[[HubRange], Table]] = {
    "entries": _entries,
    "hours": _hours,
    "week": _week,
    "occupancy": partial(_of_days, chart="peak_occupancy", fields=("peak_occupancy", "occupancy_drift")),
    "wifi": partial(_of_days, chart="wifi_peak_clients", fields=("wifi_peak_clients", "wifi_mean_clients")),
    "temperature": partial(
        _of_days,
        chart="temperature_mean_c",
        fields=("temperature_mean_c", "temperature_min_c", "temperature_max_c", "temperature_coldest_zone_c"),
    ),
    "co2": partial(
        _of_days,
        chart="co2_mean_ppm",
        fields=(
            "co2_mean_ppm",
            "co2_max_ppm",
            f"co2_minutes_over_{CO2_FAIR_PPM}",
            f"co2_minutes_over_{CO2_POOR_PPM}",
        ),
    ),
    "humidity": partial(_of_days, chart="relative_humidity_mean_pct", fields=("relative_humidity_mean_pct",)),
    "pressure": partial(_of_days, chart="pressure_mean_hpa", fields=("pressure_mean_hpa",)),
    "doors": _doors,
    "zones": _zones,
    **{f"day-{kind}": partial(_readings, kind=kind) for kind in FIELD_OF},
}
"""What each chart of the page, and each of its tables, gives as a file."""
