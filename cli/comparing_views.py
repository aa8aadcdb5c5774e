"""How `hubpulse usage` shows comparisons, targets and visits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from usage.comparing import Compared, LikeForLike, Why
from usage.comparing.like_for_like import Side
from usage.targets import Course, TargetState
from usage.visits import VISITS, Visits


def compared_as_text(found: Compared) -> Iterator[str]:
    """Lines that say what was compared, what was left out, and what came of it."""
    terms = "and school terms" if found.by_terms else "(the estate file does not name the school terms of both)"
    yield (
        f"{found.period.name} against {found.against.name}, on days that both have, by weekday, bank holidays {terms}"
    )
    if found.together is not None and len(found.hubs) > 1:
        yield from _comparison(f"all {len(found.hubs)} hubs", found.together)
    for each in found.hubs:
        yield from _comparison(each.hubs[0], each)
        yield from (f"  {line}" for line in left_out_in_words(each))
    for hub, why in found.hubs_left_out.items():
        yield f"{hub}: left out, {why}"
    if found.together is None:
        yield "nothing to compare: no hub has a day that was counted on both sides"


def _comparison(name: str, found: LikeForLike) -> Iterator[str]:
    days = f"{found.days} days" + (f", {found.days_missing} not counted" if found.days_missing else "")
    usual = "" if found.usual is None else f" (19 of 20 are up to {found.usual:.0%})"
    yield (
        f"{name}: {found.now.entries:,} against {found.before.entries:,} ({_change(found.change)}) on {days}; "
        f"{found.verdict}{usual}"
    )
    rates = [
        f"{label} {now:.2f} against {before:.2f}"
        for label, now, before in (
            ("per open hour", found.now.per_open_hour, found.before.per_open_hour),
            ("per square metre", found.per_m2(found.now), found.per_m2(found.before)),
        )
        if now is not None and before is not None
    ]
    if rates:
        yield f"  {'; '.join(rates)}"


def left_out_in_words(found: LikeForLike) -> Iterator[str]:
    """The open days that were not compared, by reason, days in a row together."""
    for why in Why:
        days = [each.day for each in found.left_out if each.why is why]
        if days:
            yield f"left out, {why}: {', '.join(_runs(days))}"


def _runs(days: Iterable[date]) -> Iterator[str]:
    runs: list[list[date]] = []
    for day in sorted(days):
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return (f"{run[0]}..{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def _change(change: float | None) -> str:
    return "nobody before" if change is None else f"{change:+.1%}"


def compared_as_json(found: Compared) -> dict[str, Any]:
    """A comparison for programs."""
    return {
        "period": found.period.name,
        "against": found.against.name,
        "by_terms": found.by_terms,
        "together": None if found.together is None else _as_json(found.together),
        "hubs": [_as_json(each) for each in found.hubs],
        "hubs_left_out": [{"hub": hub, "why": str(why)} for hub, why in found.hubs_left_out.items()],
    }


def _as_json(found: LikeForLike) -> dict[str, Any]:
    def rates(side: Side) -> dict[str, Any]:
        return {"per_open_hour": side.per_open_hour, "per_m2": found.per_m2(side)}

    return {
        "hubs": list(found.hubs),
        "days_compared": found.days,
        "days_missing": found.days_missing,
        "entries": found.now.entries,
        "entries_before": found.before.entries,
        "change": found.change,
        "usual_change": found.usual,
        "verdict": found.verdict,
        "rates": rates(found.now),
        "rates_before": rates(found.before),
        "days_left_out": [{"date": each.day.isoformat(), "why": each.why} for each in found.left_out],
    }


def target_as_text(state: TargetState) -> str:
    """A hub's month against its target, in a line."""
    counted = f"{state.counted:,} counted until {state.until}"
    if state.days_missing:
        counted += f", {state.days_missing} day{'s' if state.days_missing > 1 else ''} missing or incomplete"
    if state.expected is None:
        told = f"{state.hub} {state.month}: {state.course}: {counted}, target {state.target:,}"
        return told if state.course is Course.REACHED else f"{told}; too little history to tell of the rest"
    whole = f"{state.expected:,} ({state.low:,} to {state.high:,} in nine of ten cases)"
    lead = "in all" if state.course in (Course.REACHED, Course.MISSED) else "expected"
    return f"{state.hub} {state.month}: {state.course}: {counted}; {lead} {whole}, target {state.target:,}"


def visits_as_text(found: Visits, period: str) -> Iterator[str]:
    """The waterfall."""
    so_far = "" if found.until is None else f" so far, until now on {found.until}"
    yield f"{found.hub} {period}{so_far}{_missing(found)}"
    if found.people is None:
        yield "     unknown  visits: nobody was counted, which is not zero"
        return
    for line in found.lines:
        yield f"  {line.people:>+10,}  {line.what}{_missing(found) if line.people > 0 else ''}"
    bounds = (
        ""
        if found.low is None or found.low == found.high
        else f" ({found.low:,} to {found.high:,} in nine of ten cases)"
    )
    yield f"  {found.people:>10,}  visits{so_far}{bounds}{_missing(found)}"


def _missing(found: Visits) -> str:
    if not found.days_missing:
        return ""
    known = "not estimated" if found.low is None else "estimated"
    return f", {found.days_missing} days missing or incomplete ({known})"


def visits_as_json(found: Visits, period: str) -> dict[str, Any]:
    """The waterfall for programs."""
    counted, *others = found.lines
    return {
        "hub": found.hub,
        "period": period,
        "until": None if found.until is None else found.until.isoformat(),
        "entries": None if found.people is None else counted.people,
        "days_missing": found.days_missing,
        "steps": [asdict(line) for line in others],
        **dict(zip(VISITS, found.told(), strict=True)),
    }
