"""Numbers, units, dates and times as people read them: `1 204`, `21.4 °C`, `Tue 3 Nov`, `14:05`."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from schemas import MEASURES
from schemas.localtime import from_ns
from schemas.texts import (
    N_,
    _,
    month_name,
    month_short,
    ngettext,
    number_text,
    percent_text,
    quantity_text,
    weekday_short,
)
from schemas.units import SHARE
from usage.queries import Opening

NO_FIGURE = "–"  # noqa: RUF001 - an en dash is what a table shows where there is nothing
NEVER = N_("never")


def number(value: float | None, decimals: int = 0) -> str:
    """`1204` as `1 204`, `-0.04` with one decimal as `0.0`; a dash where there is no value."""
    return NO_FIGURE if value is None else number_text(value, decimals)


def measure(value: float | None, name: str) -> str:
    """A value with its unit, a share in per cent, a state in words; `name` is a field of the measure catalogue."""
    known = MEASURES[name]
    if value is None:
        return NO_FIGURE
    if known.words:
        return _(known.words[int(value)])
    return percent(value) if known.unit is SHARE else quantity_text(value, known.unit.symbol, known.decimals)


def percent(share: float | None) -> str:
    """0.954 as `95 %`. Rounded down, so that only a whole is called 100 %."""
    return NO_FIGURE if share is None else percent_text(int(share * 100 + 1e-9) / 100)


def signed_percent(share: float) -> str:
    """0.042 as `+4 %`, -0.3 as `−30 %`, 0.001 as `±0 %`."""  # noqa: RUF002 - a minus sign
    rounded = round(share * 100)
    return f"{'+' if rounded > 0 else '' if rounded else '±'}{percent_text(share)}"


_THAN = (N_("{share} more than"), N_("{share} less than"), N_("about as many as"))
_ALONE = (N_("{share} more"), N_("{share} less"), N_("about as many"))


def change(now: float, before: float, words: tuple[str, str, str] = _THAN) -> str:
    """How `now` compares with `before`: `4 % more than`, `12 % less than`, `as many as`; empty where nothing was."""
    if before <= 0:
        return ""
    more, less, same = words
    share = round((now - before) / before * 100)
    return _(more if share > 0 else less if share else same).format(share=quantity_text(abs(share), "%"))


def change_alone(now: float, before: float) -> str:
    """The same without what it is compared with: `4 % more`, `12 % less`, `about as many`."""
    return change(now, before, _ALONE)


def plural(count: int, one: str, many: str) -> str:
    """`1 hub`, `22 hubs`; both forms are texts of the catalogue."""
    return f"{number(count)} {ngettext(one, many, count)}"


def day(value: date, today: date) -> str:
    """`Tue 3 Nov`; with the year where that is not this year's."""
    names = {"weekday": weekday_short(value), "day": value.day, "month": month_short(value), "year": value.year}
    text = _("{weekday} {day} {month}") if value.year == today.year else _("{weekday} {day} {month} {year}")
    return text.format(**names)


def month(day: date) -> str:
    """The month of a day: `October 2026`."""
    return _("{month} {year}").format(month=month_name(day.month), year=day.year)


def clock(moment: datetime) -> str:
    """The local time of day: `14:05`."""
    return f"{moment:%H:%M}"


def ago(moment: datetime, now: datetime) -> str:
    """When something was last seen: `just now`, `12 min ago`, `14:05`, `yesterday 14:05`, `Tue 3 Nov 14:05`.

    Both are local times of the same zone.
    """
    # In UTC: Python subtracts two times of one zone by their wall clocks, which is an hour off over a clock change.
    age_s = (now.astimezone(UTC) - moment.astimezone(UTC)).total_seconds()
    if age_s < 60:  # noqa: PLR2004 - a minute
        return _("just now")
    if age_s < 3600:  # noqa: PLR2004 - an hour
        return _("{minutes}\u00a0min ago").format(minutes=int(age_s // 60))
    if moment.date() == now.date():
        return clock(moment)
    if moment.date() == now.date() - timedelta(days=1):
        return _("yesterday {time}").format(time=clock(moment))
    return f"{day(moment.date(), now.date())} {clock(moment)}"


def moment(time_ns: int, now: datetime) -> str:
    """When something was or will be, in UTC nanoseconds, as people at `now` write it: `Tue 3 Nov 14:05`."""
    local = from_ns(time_ns).astimezone(now.tzinfo)
    return f"{day(local.date(), now.date())} {clock(local)}"


def seen(time_ns: int | None, now: datetime) -> str:
    """When a sensor was last seen, in UTC nanoseconds, as people at `now` say it; `never` where it was not."""
    return _(NEVER) if time_ns is None else ago(from_ns(time_ns).astimezone(now.tzinfo), now)


def placed(sensor: str, zone: str | None) -> str:
    """A sensor and where it is: `air-1 (cafe)`."""
    return f"{sensor} ({zone})" if zone else sensor


def opening(now: Opening) -> str:
    """`open until 17:00`, `opens 09:00`, `closed since 13:00`, `closed today`."""
    if now.all_day:
        return _("open all day")
    if now.is_open:
        return _("open until {time}").format(time=_closing(now))
    if now.until is not None:
        return _("opens {time}").format(time=clock(now.until))
    if now.since is not None:
        return _("closed since {time}").format(time=clock(now.since))
    return _("closed today (holiday)") if now.by_closure else _("closed today")


def _closing(now: Opening) -> str:
    until, since = now.until, now.since
    if until is None or since is None:
        return _("midnight")
    return "24:00" if until.date() > since.date() and until.time() == time() else clock(until)
