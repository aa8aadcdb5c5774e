"""The estate files of a campaign: the one in force, others that are as good, and edits that can't be."""

from collections.abc import Sequence

from tests.chaos.sent import HUBS, LAST_HUB, LIVE_HUB, NUMBERED_HUB, UNKNOWN_HUB, UNTIMED_HUB

_HOSTILE_HUB = "mallory"
_NARROW = ("hubs/+/footfall/+", "hubs/+/co2/+")
_OVERLAPPING = ("hubs/+/footfall/+", "hubs/#")
OTHER_SOURCES = (_NARROW, _OVERLAPPING)


def estate_text(*more_hubs: str, sources: Sequence[str] = ("hubs/#",)) -> str:
    """An estate file; `juniper` is not in it unless it is asked for."""
    door = "{id: door, kinds: [footfall], every: 10m, max_step: 1000}"
    counted = "\n".join(f"  - {{id: {hub}, name: {hub}, sensors: [{door}]}}" for hub in HUBS)
    others = (UNTIMED_HUB, NUMBERED_HUB, LIVE_HUB, LAST_HUB, _HOSTILE_HUB, *more_hubs)
    plain = "\n".join(f"  - {{id: {hub}, name: {hub}}}" for hub in others)
    topics = "\n".join(f'  - {{topic: "{topic}", format: native}}' for topic in sources)
    return f"name: Chaos\ntimezone: UTC\nsources:\n{topics}\nhubs:\n{counted}\n{plain}\n"


def with_unknown_hub() -> str:
    """The estate that names the hub which is not in the other."""
    return estate_text(UNKNOWN_HUB)


BROKEN = (
    "hubs: [{id: alder",
    "name: Chaos\nhubs: [{id: No Id}]\n",
    estate_text()[: len(estate_text()) // 2],
    "\x00\xff" * 100,
    "",
)
"""Edits that can't be put in force."""
