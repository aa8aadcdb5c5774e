"""How `hubpulse usage witnesses` and `attention` show what they found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from usage.attention.doubts import Doubt
from usage.attention.silences import Silence, percent

if TYPE_CHECKING:
    from usage.attention.witnesses import Ratio


def doubt_as_json(doubt: Doubt) -> dict[str, Any]:
    """A doubt for programs."""
    found = asdict(doubt) | {name: getattr(doubt, name) for name in ("is_sure", "wants_attention")}
    days = {name: None if (day := found[name]) is None else day.isoformat() for name in ("since", "found", "until")}
    return found | days | {"change": round(doubt.change, 3), "sentence": doubt.sentence(doubt.found)}


def ratio_as_json(ratio: Ratio) -> dict[str, Any]:
    """What a witness can tell, for programs."""
    spread = None if ratio.spread is None else round(ratio.spread, 3)
    return asdict(ratio) | {"spread": spread, "gives_verdict": ratio.gives_verdict}


def ratio_as_text(ratio: Ratio) -> str:
    """`armley door-1 by wifi: varies by 24 % a day, finds a loss of 25 %; 30 % in about 9 open days`."""
    name = " ".join(part for part in (ratio.hub, ratio.door) if part)
    if ratio.spread is None:
        return f"{name} by {ratio.witness}: too few comparable days yet"
    varies = f"{name} by {ratio.witness}: varies by {ratio.spread:.0%} a day".replace("%", " %")
    loss = "no loss is found within 14 open days" if ratio.loss is None else f"finds a loss of {percent(ratio.loss)}"
    days = "never 30 %" if ratio.days is None else f"30 % in about {ratio.days} open days"
    return f"{varies}, {'' if ratio.gives_verdict else 'too much for a verdict: '}{loss}; {days}"


def silence_as_json(silence: Silence) -> dict[str, Any]:
    """What a silent counter costs, for programs; shares are of the month's people."""
    since = None if silence.since is None else silence.since.isoformat()
    days = {"since": since, "month": f"{silence.month:%Y-%m}", "then": silence.then.isoformat()}
    shares = {
        name: None if (share := getattr(silence, name)) is None else round(share, 4)
        for name in ("within_now", "within_then")
    }
    return asdict(silence) | days | shares


def silences_as_text(silences: list[Silence], names: Mapping[str, str], today: date) -> Iterator[str]:
    """`Armley door-1 silent since Tuesday 11:10; from Friday on November can only be stated within 6 % (now 2 %)`."""
    for silence in silences:
        now = "" if silence.within_now is None else f" (now {percent(silence.within_now)})"
        yield f"{names.get(silence.hub) or silence.hub} {silence.sentence(today)}{now}"
