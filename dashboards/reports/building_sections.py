"""The section of building health: how the air of each hub was, by the figures and bands of the measure catalogue."""

from __future__ import annotations

from collections.abc import Iterator

from dashboards.reports import words
from dashboards.reports.document import Column, Part, Row, Section, Shown, Table, Words
from dashboards.reports.model import Report
from schemas.measures import CO2_POOR_PPM, MEASURES
from schemas.texts import _, quantity_text
from schemas.units import Unit

_FIGURES = (
    *("temperature_mean_c", "temperature_min_c", "temperature_max_c", "relative_humidity_mean_pct"),
    *("co2_mean_ppm", "co2_max_ppm", f"co2_minutes_over_{CO2_POOR_PPM}", "damp_minutes"),
    *("damp_minutes_closed", "frost_minutes_closed", "environment_completeness"),
)


def of(report: Report) -> Iterator[Section]:
    """The section, where any air was measured or there was a case."""
    if report.cases or any(hub.figures.get(name) is not None for hub in report.hubs for name in _FIGURES):
        yield Section("health", _("Building health"), tuple(_parts(report)))


def _parts(report: Report) -> Iterator[Part]:
    if report.cases:
        yield _cases(report)
    measures = [MEASURES[name] for name in _FIGURES]
    columns = (
        Column("hub", _("Hub"), Shown.TEXT),
        *(
            Column(measure.name, _(measure.label), Shown.NUMBER, measure.decimals or _decimals(measure.unit),
                   measure.unit.symbol)
            for measure in measures
        ),
    )  # fmt: skip
    yield Table(
        "air",
        _("The air of each hub"),
        columns,
        tuple(Row((hub.name, *(hub.figures.get(name) for name in _FIGURES)), key=hub.hub) for hub in report.hubs),
        _(
            "Means and minutes while open; lowest and highest of the whole day, and what says so of closed hours. The "
            "last column is the share of the opening time that sensors cover."
        ),
    )
    limits = {
        (band.meaning, band.start, measure.unit.symbol, band.source)
        for measure in measures
        for band in measure.bands
        if band.start is not None and band.source and band.meaning
    }
    bands = [
        _("{meaning} from {start} ({source})").format(
            meaning=_(meaning), start=quantity_text(start, unit, int(start % 1 > 0)), source=_(source)
        )
        for meaning, start, unit, source in sorted(limits)
    ]
    yield Words(_("Limits: {limits}.").format(limits="; ".join(bands)))


def _cases(report: Report) -> Table:
    columns = (
        *(Column("hub", _("Hub"), Shown.TEXT), Column("zone", _("Zone"), Shown.TEXT)),
        *(Column("what", _("What"), Shown.TEXT), Column("since", _("Since"), Shown.DAY)),
        *(Column("over", _("Over since"), Shown.DAY), Column("worst", _("Worst day of the period"), Shown.PROSE)),
        Column("advice", _("What to do"), Shown.PROSE),
    )
    rows = [
        Row(
            (
                report.name(case.hub),
                case.zone,
                case.what,
                case.since,
                case.over or _("still open"),
                case.worst or None,
                case.advice,
            ),
            key=case.hub,
        )
        for case in report.cases
    ]
    caption = _("Cases as of {day}").format(day=words.day(report.until))
    return Table("cases", caption, columns, tuple(rows), named_by=4)


def _decimals(unit: Unit) -> int:
    """Shares from 0 to 1 say nothing without their decimals."""
    return 2 if unit.name == "0 to 1" else 0
