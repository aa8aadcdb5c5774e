"""A case in words, the same on pages, in reports, notices and on the command line."""

from __future__ import annotations

from datetime import date

from schemas import texts
from schemas.texts import N_, _, number_text, quantity_text
from usage.health.cases import Case, CaseKind

NAMES = {
    CaseKind.FROST: N_("frost"),
    CaseKind.MOULD: N_("mould"),
    CaseKind.CO2: N_("poor air"),
    CaseKind.COLD: N_("cold"),
    CaseKind.OVERHEATING: N_("overheating"),
    CaseKind.HEAT: N_("hot"),
    CaseKind.DAMP: N_("damp"),
}
"""What each kind of case is called, to be looked up in the catalogue."""
_HOW_BAD = {
    CaseKind.FROST: N_("below {limit} for {time} while closed, lowest of the whole day {value}"),
    CaseKind.MOULD: N_("mould index {value}, alert level {limit}"),
    CaseKind.CO2: N_("CO₂ over {limit} for {time} while open, highest of the whole day {value}"),
    CaseKind.COLD: N_("{value} on average while open, {time} below {limit}"),
    CaseKind.OVERHEATING: N_("worst day {value} (limit {limit}), {time} too hot this summer"),
    CaseKind.HEAT: N_("over {limit} for {time} while open, highest of the whole day {value}"),
    CaseKind.DAMP: N_("air damp enough for mould for {value} of the day (limit {limit})"),
}
_DECIMALS = {CaseKind.CO2: 0}


def name_of(kind: CaseKind) -> str:
    """What a kind of case is called."""
    return _(NAMES[kind])


def how_bad(case: Case) -> str:
    """`14.2 °C on average while open, 7 h 40 min below the limit`: as it was on the case's latest day."""
    text = _how_bad(case, case.value, case.minutes)
    if case.people is None:
        return text
    return _("{text}, about {people} people in the building meanwhile").format(
        text=text, people=number_text(case.people)
    )


def how_bad_at_worst(case: Case) -> str:
    """The same of its worst day, or of its latest one where no day is known as that."""
    return how_bad(case) if case.worst_on is None else _how_bad(case, case.worst_value, case.worst_minutes)


def worst(case: Case) -> str:
    """`8 h, 13.1 °C`: its worst day in short, where that is not its latest; else empty."""
    if case.worst_on in (None, case.latest):
        return ""
    time = "" if case.worst_minutes is None else _time(case.worst_minutes)
    return ", ".join(filter(None, (time, _measured(case, case.worst_value))))


def _how_bad(case: Case, value: float | None, minutes: float | None) -> str:
    return _(_HOW_BAD[case.kind]).format(
        value=_measured(case, value),
        limit=quantity_text(case.limit, case.unit, int(case.limit % 1 > 0)),
        time=_time(minutes),
    )


def silence(case: Case) -> str:
    """`no data since 12 November 2026`, where nobody knows how it is now; else empty."""
    return "" if case.has_data else _("no data since {day}").format(day=_date(case.last_data))


def what_to_do(case: Case) -> str:
    """The advice with, for damp and mould, the clock of Awaab's law."""
    if case.investigate_by is None or not case.is_open:
        return _(case.advice)
    clock = _("Awaab's law, where it applies: investigate by {day}, in an emergency within 24 hours.")
    return f"{_(case.advice)} {clock.format(day=_date(case.investigate_by))}"


def sentence(case: Case) -> str:
    """`cold since 4 November 2026: 12.0 °C on average while open (5 November 2026)`; hub and zone stand before it."""
    what = _("{name} since {day}: {how_bad} ({latest})").format(
        name=name_of(case.kind), day=_date(case.since), how_bad=how_bad(case), latest=_date(case.latest)
    )
    return f"{what}; {silence(case)}" if silence(case) else what


def _date(day: date) -> str:
    return _("{day} {month} {year}").format(day=day.day, month=texts.month_name(day.month), year=day.year)


def _measured(case: Case, value: float | None) -> str:
    if value is None:
        return _("not known")
    return quantity_text(value, case.unit, _DECIMALS.get(case.kind, 1))


def _time(minutes: float | None) -> str:
    hours, rest = divmod(round(minutes or 0), 60)
    parts = [_("{hours}\u00a0h").format(hours=hours)] * bool(hours)
    parts += [_("{minutes}\u00a0min").format(minutes=rest)] * bool(rest or not hours)
    return "\u00a0".join(parts)
