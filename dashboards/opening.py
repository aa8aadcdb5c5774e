"""Whether a hub is open, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboards import wording
from schemas.localtime import from_ns, to_ns
from usage.calendar import HubCalendar


@dataclass(frozen=True, slots=True)
class OpenNow:
    """Whether a hub is open at a moment, and in words until or from when."""

    open: bool
    text: str


def open_now(calendar: HubCalendar, now: datetime) -> OpenNow:
    """`open until 17:00`, `opens 09:00`, `closed since 13:00`, `closed today`; `now` is the hub's local time."""
    today, now_ns = calendar.day(now.date()), to_ns(now)

    def clock(time_ns: int) -> str:
        at_midnight = time_ns == today.span.stop_ns
        return "24:00" if at_midnight else wording.clock(from_ns(time_ns).astimezone(calendar.zone))

    if today.open == (today.span,):
        return OpenNow(open=True, text="open all day")
    for start_ns, stop_ns in today.open:
        if now_ns < start_ns:
            return OpenNow(open=False, text=f"opens {clock(start_ns)}")
        if now_ns < stop_ns:
            return OpenNow(open=True, text=f"open until {clock(stop_ns)}")
    if today.open:
        return OpenNow(open=False, text=f"closed since {clock(today.open[-1].stop_ns)}")
    return OpenNow(open=False, text="closed today" + (" (holiday)" if calendar.is_closed(now.date()) else ""))
