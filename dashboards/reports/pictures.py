"""The charts of a report: people by day, people by hour of the day."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from dashboards.charts import Bars, Chart, Line, Slot, Tick, Tone
from dashboards.reports import words
from dashboards.reports.model import Report
from dashboards.web import charts, wording
from dashboards.web.days import DayState, EstateDay
from schemas.texts import _
from usage.together import DayTogether

_HOURS_A_TICK = 2
_SATURDAY = 5


def days(report: Report) -> Chart:
    """People entering by day, as the board shows them."""
    shown = [_day(day) for day in report.days]
    counts = [day.counted for day in report.days if day.counted is not None and (day.hubs_counted or day.hubs_missing)]
    summary = (
        _("{low} to {high} people were counted a day.").format(
            low=wording.number(min(counts)), high=wording.number(max(counts))
        )
        if counts
        else _("No day was counted.")
    )
    return replace(charts.entries(shown, report.last, _("People entering by day")), id="days", summary=summary)


def _day(day: DayTogether) -> EstateDay:
    zero = DayState.ZERO if day.counted == 0 else DayState.COUNTED
    states = dict.fromkeys(DayState, 0) | {zero: day.hubs_counted, DayState.CLOSED: day.hubs_closed}
    missing = DayState.PARTIAL if day.counted else DayState.SILENT
    return EstateDay(day.date, today=False, entries=day.counted, states=states | {missing: day.hubs_missing},
                     provisional=False)  # fmt: skip


def key_of_days() -> str:
    """What the shapes mean."""
    return _("Solid bars: all hubs counted; hatched bars: some hubs missing; dash: closed; cross: no data.")


def key_of_hours() -> str:
    """What the shapes mean."""
    return _("Bars: Monday to Friday; line: Saturday and Sunday.")


def hours(report: Report) -> Chart:
    """People entering by the hour of the day: weekdays, and the weekend beside them."""
    by_hour: dict[bool, dict[int, list[float]]] = {False: defaultdict(list), True: defaultdict(list)}
    for hour in report.hours:
        by_hour[hour.weekday >= _SATURDAY][hour.hour].append(hour.people)
    first = min(hour.hour for hour in report.hours)
    last = max(hour.hour for hour in report.hours)
    weekdays, weekend = (
        {hour - first: sum(people) / len(people) for hour, people in by_hour[late].items()} for late in (False, True)
    )
    names = _("Monday to Friday"), _("Saturday and Sunday")
    slots = [
        Slot(
            (
                f"{hour:02}:00",
                f"{names[0]}: {wording.number(weekdays.get(hour - first), 1)}",
                f"{names[1]}: {wording.number(weekend.get(hour - first), 1)}",
            )
        )
        for hour in range(first, last + 1)
    ]
    best = max(report.hours, key=lambda each: each.people)
    summary = _("Most people come on {weekday} from {start}.").format(
        weekday=words.weekday_name(best.weekday), start=f"{best.hour:02}:00"
    )
    return Chart(
        "hours",
        _("People entering by the hour, on average"),
        _("people an hour"),
        summary,
        slots,
        [Tick(hour - first + 0.5, f"{hour:02}:00") for hour in range(first, last + 1, _HOURS_A_TICK)],
        (
            Bars(names[0], Tone.ENTRIES, weekdays),
            Line(names[1], Tone.HEAT, [(place + 0.5, weekend.get(place)) for place in range(len(slots))]),
        ),
    )
