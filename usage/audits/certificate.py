"""An audit's certificate: what was counted by hand, what the counter counted, and what follows; as text and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from schemas.localtime import from_ns, rfc3339
from schemas.texts import _, ngettext, percent_text
from usage.audits.equivalence import Verdict
from usage.audits.records import DIRECTIONS, Audit

_MEANS = {
    Verdict.PASS: "pass: the counter is within {margin} of the count by hand",
    Verdict.FAIL: "fail: the counter is more than {margin} off",
    Verdict.NOT_ENOUGH: "not enough: too few people to tell, which is no verdict",
}


def _utc(time_ns: int) -> str:
    return f"{from_ns(time_ns):%Y-%m-%d %H:%M} UTC"


def in_a_line(audit: Audit, now_ns: int) -> str:
    """An audit in a list, by its id; times are UTC."""
    return f"{audit.id}: {in_words(audit, now_ns)}"


def in_words(
    audit: Audit,
    now_ns: int,
    *,
    moment: Callable[[int], str] = _utc,
    day: Callable[[date], str] = str,
) -> str:
    """What is known of an audit; `moment` and `day` write times (UTC nanoseconds) and days as its readers do."""
    if audit.result is None:
        is_open = audit.is_open(now_ns)
        state = _("open until {time}") if is_open else _("not finished, its link is good no more since {time}")
        return state.format(time=moment(audit.expires_ns))
    found, verdict = audit.result.get("entries"), _(audit.result["verdict"])
    if not found:
        return verdict
    people = ngettext("{people} person", "{people} people", found["people"]).format(people=found["people"])
    parts = [verdict, people, _loss(found)]
    if found["factor"]:
        until = day(date.fromisoformat(audit.result["valid_until"]))
        parts.append(_("factor {factor} until {day}").format(factor=f"{found['factor'][0]:.3f}", day=until))
    return ", ".join(parts)


def as_text(audit: Audit) -> Iterator[str]:
    """Lines to print, or to put into a report."""
    yield f"Audit {audit.id}: {audit.sensor} of {audit.hub}" + (f" ({audit.device})" if audit.device else "")
    if audit.result is None:
        yield f"  not finished; its link is good until {_utc(audit.expires_ns)}"
        return
    result = audit.result
    verdict = Verdict(result["verdict"])
    yield f"  {_MEANS[verdict].format(margin=f'{audit.margin:.1%}')}"
    for start, stop in result["counted"]:
        yield f"  counted by hand {start[:19]}Z to {stop[:19]}Z"
    for name in DIRECTIONS:
        if found := result.get(name):
            numbers = f"{found['people']} by hand, {found['counted']} by the counter"
            yield f"  {name}: {numbers}: {found['verdict']}; {_loss(found)}"
            yield f"    {found['missed']} missed, {found['extra']} too many, sample by sample"
    yield f"  {len(result['samples'])} samples compared; {result['not_compared']} people came in outside of them"
    if result["clock_offset_s"]:
        likely, low, high = result["clock_offset_s"]
        yield f"  the clocks are {likely} s apart, between {low} and {high}"
    if (found := result.get("entries")) and found["factor"] and verdict is not Verdict.NOT_ENOUGH:
        factor, low, high = found["factor"]
        yield (
            f"  factor {factor:.4f}, {low:.4f} to {high:.4f} in nine of ten cases: until {result['valid_until']},"
            " or until the device at the door changes"
        )
    yield f"  method: two one-sided tests, {audit.people} people fixed beforehand (docs/method.md)"


def as_document(audit: Audit) -> Mapping[str, Any]:
    """The same for programs; nothing of its code."""
    return {
        "id": audit.id,
        "hub": audit.hub,
        "sensor": audit.sensor,
        "device": audit.device,
        "made": rfc3339(audit.made_ns),
        "expires": rfc3339(audit.expires_ns),
        "margin": audit.margin,
        "people": audit.people,
        "result": audit.result,
    }


def _loss(found: Mapping[str, Any]) -> str:
    shares = {name: percent_text(found[name], 1) for name in ("loss", "low", "high")}
    return _("it lost {loss}, between {low} and {high}").format(**shares)
