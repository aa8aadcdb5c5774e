"""Alerts in words: in notices, on the page, on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from dashboards.alerts import rules
from dashboards.alerts.history import Alert, Key
from schemas import Estate
from schemas.localtime import from_ns
from schemas.texts import _, month_short, ngettext, number_text, percent_text, quantity_text, weekday_short

_SUBJECTS_MAX = 5
_SHARES = (rules.QUARANTINE.name, rules.DOUBT.name)
_GIB = 1024**3


def names_of(estate: Estate) -> Mapping[str, str]:
    """What people call each hub."""
    return {hub.id: hub.name or hub.id for hub in estate.hubs}


def sentence(names: Mapping[str, str], *alerts: Alert) -> str:
    """What is wrong, of alerts of one rule and hub."""
    return alerts[0].rule.says(where(names, [alert.key for alert in alerts]))


def where(names: Mapping[str, str], keys: Sequence[Key]) -> str:
    """Where things of one hub are: `door-1, door-2 at Armley`."""
    hub = names.get(keys[0].hub, keys[0].hub)
    subjects = [key.subject for key in keys if key.subject]
    shown = ", ".join(subjects[:_SUBJECTS_MAX])
    if len(subjects) > _SUBJECTS_MAX:
        more = len(subjects) - _SUBJECTS_MAX
        shown = ngettext("{shown} and {more} more", "{shown} and {more} more", more).format(shown=shown, more=more)
    return _("{subject} at {hub}").format(subject=shown, hub=hub) if shown and hub else shown or hub


def value(alert: Alert) -> str:
    """The figure of an alert as it was raised, where it says something: `12 %`, `0.8 GiB free`."""
    given, rule = alert.value, alert.rule
    if given is None:
        return ""
    if rule.name == rules.BATTERY.name:
        return quantity_text(given, "%")
    if rule.name in _SHARES:
        return f"{'+' if rule.name == rules.DOUBT.name and given > 0 else ''}{percent_text(given)}"
    if rule.name == rules.DISK.name:
        return _("{free} free").format(free=quantity_text(given / _GIB, "GiB", 1))
    if rule.name == rules.BUFFER.name:
        return _("{minutes} minutes").format(minutes=number_text(given / 60))
    return ""


def moment(time_ns: int, zone: tzinfo) -> str:
    """`Tue 3 Nov 14:05` of an instant in UTC nanoseconds."""
    return f"{_day(time_ns, zone)} {from_ns(time_ns).astimezone(zone):%H:%M}"


def since(alert: Alert, zone: tzinfo) -> str:
    """Since when it is so: the day alone where no more is known."""
    return _day(alert.since_ns, zone) if alert.rule.of_days else moment(alert.since_ns, zone)


def _day(time_ns: int, zone: tzinfo) -> str:
    local: datetime = from_ns(time_ns).astimezone(zone)
    return _("{weekday} {day} {month}").format(weekday=weekday_short(local), day=local.day, month=month_short(local))


def zone_of(estate: Estate, key: Key) -> ZoneInfo:
    """The time zone that an alert's times are told in."""
    return estate.zone_of(key.hub)
