"""The sections of people: totals, each hub, comparisons, busiest days and hours, targets, visits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from dashboards.reports import pictures, words
from dashboards.reports.document import HIDDEN, Cell, Column, Part, Picture, Row, Section, Shown, Table, Words
from dashboards.reports.model import People, Report
from schemas.texts import _
from usage.comparing import Compared, LikeForLike, Verdict
from usage.estimates.estimate import in_words

_BUSIEST = 10
_RECKONED = ("entries_estimated", "entries_low", "entries_high", "days_counted", "days_missing")


def of(report: Report) -> Iterator[Section]:
    """The sections that a report has something for."""
    yield Section("totals", _("Totals"), tuple(_totals(report)))
    if not report.hub:
        yield Section("hubs", _("Each hub"), (_hubs(report),))
    if report.comparisons:
        yield Section("comparisons", _("Comparisons, like for like"), tuple(_comparisons(report)))
    yield Section("days", _("Days"), tuple(_days(report)))
    if report.hours:
        yield Section("hours", _("Busiest hours"), tuple(_hours(report)))
    if report.targets:
        yield Section("targets", _("Targets"), (_targets(report),))
    if report.visits:
        yield Section("visits", _("From people entering to visits"), tuple(_visits(report)))


# -------------------------------------------------------------------------------------------------------------- totals


def _people_columns() -> tuple[Column, ...]:
    return (
        Column("entries", _("Counted")),
        *(Column(name, words.figure(name)) for name in _RECKONED),
        Column("days_closed", _("Days closed")),
    )


def _cells(people: People) -> tuple[Cell, ...]:
    estimate: tuple[Cell, ...] = (people.estimated, people.low, people.high)
    if people.hides_estimate:
        estimate = (HIDDEN,) * len(estimate)
    return (
        HIDDEN if people.hidden else people.counted,
        *estimate,
        people.days_counted,
        people.days_missing,
        people.days_closed,
    )


def _totals(report: Report) -> Iterator[Part]:
    whose = report.name(report.hub) if report.hub else _("All hubs")
    yield Table(
        "totals",
        _("People entering, {days}").format(days=words.days(report.first, report.until)),
        (Column("of", _("Of"), Shown.TEXT), *_people_columns()),
        (Row((whose, *_cells(report.total)), report.total.days_missing, is_total=True),),
        _(
            "Counted is what the door counters counted. Estimated is added for the time that nobody counted; counted "
            "and estimated together lie between least and most in nine of ten cases. Days are days of hubs."
        ),
    )
    if report.total.estimated is not None and report.total.method != "none" and not report.total.hidden:
        yield Words(_("Estimated by {method}.").format(method=in_words(report.total.method)))


_HUB_FIGURES = ("peak_occupancy", "wifi_peak_clients")


def _hubs(report: Report) -> Table:
    more = () if report.small_below is not None else _HUB_FIGURES
    columns = (
        Column("hub", _("Hub"), Shown.TEXT),
        *_people_columns(),
        Column("open_hours", _("Hours open"), decimals=1),
        *(Column(name, words.figure(name)) for name in more),
    )
    rows = [
        Row(
            (hub.name, *_cells(hub.people), hub.open_hours, *(hub.figures[name] for name in more)),
            hub.people.days_missing,
            key=hub.hub,
        )
        for hub in report.hubs
    ]
    return Table(
        "hubs",
        _("People entering each hub"),
        columns,
        tuple(rows),
        _("A dash stands where nothing is known, which is not zero."),
    )


# --------------------------------------------------------------------------------------------------------- comparisons


def _comparisons(report: Report) -> Iterator[Part]:
    yield Words(
        _(
            "Only days that both periods have are compared: each open day with a day of the same weekday, both wholly "
            "counted. Nothing in these sums is estimated. A change is unusual where it is more than 19 of 20 such "
            "changes in the past."
        )
    )
    for number, each in enumerate(report.comparisons):
        if each.hubs:
            yield _comparison(report, each, ("before", "year")[number])
        if each.hubs_left_out:
            yield Words(
                _("Not compared with {against}: {hubs}.").format(
                    against=words.range_of(each.against), hubs="; ".join(_left_out(report, each))
                )
            )


def _left_out(report: Report, found: Compared) -> Iterator[str]:
    """The hubs that are not compared, by reason."""
    by_reason: dict[str, list[str]] = {}
    for hub, why in found.hubs_left_out.items():
        period, day = why.period and words.range_of(why.period), why.day and words.day(why.day)
        by_reason.setdefault(_(why.text).format(period=period, day=day), []).append(report.name(hub))
    for reason, names in by_reason.items():
        hubs = _("all hubs") if len(names) == len(report.hubs) > 1 else words.joined(names)
        yield f"{hubs} ({reason})"


def _comparison(report: Report, found: Compared, name: str) -> Table:
    period, against = words.range_of(found.period), words.range_of(found.against)
    columns = (
        Column("hub", _("Hub"), Shown.TEXT),
        Column("entries", period),
        Column("entries_before", against),
        Column("change", _("Change"), Shown.CHANGE, 1),
        Column("usual_change", _("Usual up to"), Shown.SHARE, 1),
        Column("verdict", _("Which is"), Shown.TEXT),
        Column("days_compared", _("Days compared")),
        Column("days_not_counted", _("Days not counted")),
        Column("per_open_hour", _("Per open hour"), decimals=1),
        Column("per_open_hour_before", _("Per open hour before"), decimals=1),
    )
    rows = [_compared_row(report.name(each.hubs[0]), each, key=each.hubs[0]) for each in found.hubs]
    if found.together is not None and not report.hub:
        rows.append(_compared_row(_("Together"), found.together, is_total=True))
    return Table(
        f"against-{name}", _("{period} against {against}").format(period=period, against=against), columns, tuple(rows)
    )


def _compared_row(name: str, each: LikeForLike, *, is_total: bool = False, key: str = "") -> Row:
    verdicts = {Verdict.USUAL: _("usual"), Verdict.UNUSUAL: _("unusual"), Verdict.UNKNOWN: _("too little history")}
    cells: tuple[Cell, ...] = (
        *(name, each.now.entries, each.before.entries, each.change, each.usual),
        *(verdicts[each.verdict], each.days, each.days_missing),
        *(each.now.per_open_hour, each.before.per_open_hour),
    )
    return Row(cells, each.days_missing, is_total, key)


# ------------------------------------------------------------------------------------------------------ days and hours


def _days(report: Report) -> Iterator[Part]:
    if report.days and report.small_below is None:
        yield Picture(pictures.days(report), pictures.key_of_days())
        busiest = sorted((day for day in report.days if day.counted), key=lambda day: (-(day.counted or 0), day.date))[
            :_BUSIEST
        ]
        if busiest:
            rows = tuple(_day_row(report, day.date) for day in busiest)
            yield Table("busiest-days", _("Busiest days"), _day_columns(), rows)
    yield Table(
        "days",
        _("Day by day"),
        _day_columns(),
        tuple(_day_row(report, day.date) for day in report.days),
        _("A day with hubs that were not counted is a sum of the others alone."),
    )


def _day_columns() -> tuple[Column, ...]:
    return (
        Column("date", _("Day"), Shown.DATE),
        Column("entries", _("Counted")),
        Column("hubs_counted", _("Hubs counted")),
        Column("hubs_missing", _("Missing or incomplete")),
        Column("hubs_closed", _("Closed")),
    )


def _day_row(report: Report, wanted: date) -> Row:
    day = next(each for each in report.days if each.date == wanted)
    people: Cell = HIDDEN if wanted in report.hidden_days else day.counted
    return Row((day.date, people, day.hubs_counted, day.hubs_missing, day.hubs_closed), day.hubs_missing)


def _hours(report: Report) -> Iterator[Part]:
    yield Picture(pictures.hours(report), pictures.key_of_hours())
    busiest = sorted(report.hours, key=lambda hour: (-hour.people, hour.weekday, hour.hour))[:_BUSIEST]
    yield Table(
        "busiest-hours",
        _("Busiest hours of the week"),
        (
            Column("hour", _("Hour"), Shown.TEXT),
            Column("entries_mean", _("People entering, on average"), decimals=1),
            Column("hours_counted", _("Hours counted")),
        ),
        tuple(
            Row(
                (
                    f"{words.weekday_name(hour.weekday)} {hour.hour:02}:00–{hour.hour + 1:02}:00",  # noqa: RUF001 - a span of time
                    hour.people,
                    hour.hours,
                )
            )
            for hour in busiest
        ),
        _("The mean of each hub's hours that were open and wholly counted, hubs added up."),
    )


# -------------------------------------------------------------------------------------------------- targets and visits


def _targets(report: Report) -> Table:
    rows = [
        Row(
            (
                *(report.name(state.hub), state.month, state.target, state.counted),
                *(state.expected, state.low, state.high, _(state.course), state.days_missing),
            ),
            state.days_missing,
            key=state.hub,
        )
        for state in report.targets
    ]
    columns = (
        Column("hub", _("Hub"), Shown.TEXT),
        Column("month", _("Month"), Shown.TEXT),
        Column("target", _("Target")),
        Column("entries", _("Counted")),
        Column("expected", _("Whole month, estimated")),
        Column("low", _("At least")),
        Column("high", _("At most")),
        Column("course", _("Which is"), Shown.TEXT),
        Column("days_missing", _("Days missing or incomplete")),
    )
    return Table("targets", _("People entering against what was promised"), columns, tuple(rows), named_by=2)


def _visits(report: Report) -> Iterator[Part]:
    yield Words(
        _("The estate file's rules, line by line: what is taken off the people entering so that visits are left.")
    )
    columns = (
        Column("hub", _("Hub"), Shown.TEXT),
        Column("step", _("Step"), Shown.TEXT),
        Column("people", _("People")),
        Column("low", _("At least")),
        Column("high", _("At most")),
        Column("days_missing", _("Days missing or incomplete")),
    )
    rows = []
    for each in report.visits:
        name, missing = report.name(each.hub), each.days_missing
        steps: list[tuple[Cell, ...]] = [(name, line.what, line.people, None, None, missing) for line in each.lines]
        rows += [Row(step, missing, key=each.hub) for step in steps]
        rows.append(Row((name, _("visits"), *each.told(), missing), missing, is_total=True, key=each.hub))
    yield Table("visits", _("Visits"), columns, tuple(rows), named_by=2)
