"""What a silent counter costs: how well the month can still be stated; `usage.attention.silence_costs` reckons it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from math import ceil, inf

from schemas.texts import _, day_and_month, month_name, quantity_text, weekday

_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Silence:
    """A door counter that is silent, or covers its door in part, and what that does to its hub's month.

    `within_now` is half of the 90 % interval of the month as it is, `within_then` as it would be were nothing to come
    from the counter before `then`; both as shares of all people of the month, None where there is too little history to
    tell. `people` is half of that later interval in people.
    """

    hub: str
    door: str
    is_silent: bool
    since: datetime | None
    """Its last reading, in local time; None where it never sent one."""
    month: date
    then: date
    within_now: float | None
    within_then: float | None
    people: int | None

    @property
    def cost(self) -> float:
        """What it is ranked by: the people who may or may not have come. Nothing is worse than not to know at all."""
        return inf if self.people is None else self.people

    def sentence(self, today: date) -> str:
        """`door-1 silent since Tuesday 11:10; from Friday on November can only be stated within 6 %`."""
        what = _("{door} sends only in part")
        if self.is_silent:
            what = _("{door} silent") if self.since is None else _("{door} silent since {time}")
        time = "" if self.since is None else _since(self.since, today)
        return f"{what.format(door=self.door, time=time)}; {self.consequence()}"

    def consequence(self) -> str:
        """`from Friday on November can only be stated within 6 %`; `by its end` where that is before `then`."""
        month = month_name(self.month.month)
        if self.within_then is None:
            return _("too little history to tell how far off {month} will be").format(month=month)
        words = _("from {weekday} on {month} can only be stated within {share}")
        if self.then.month != self.month.month:
            words = _("by its end {month} can only be stated within {share}")
        return words.format(weekday=weekday(self.then), month=month, share=percent(self.within_then))


def ranked(silences: Iterable[Silence]) -> list[Silence]:
    """The one that costs most first."""
    return sorted(silences, key=lambda silence: (-silence.cost, silence.hub, silence.door))


def percent(share: float) -> str:
    """A half-width as `6 %`, rounded up: it is never said to be narrower than it is."""
    return quantity_text(ceil(share * 100 - 1e-9), "%")


def _since(moment: datetime, today: date) -> str:
    if (today - moment.date()).days < _A_WEEK:
        return _("{weekday} {time}").format(weekday=weekday(moment), time=f"{moment:%H:%M}")
    return day_and_month(moment, today)
