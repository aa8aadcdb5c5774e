"""Trouble, each kind with a name, a seed and a share, and a note in the truth of all that it did.

`plan` makes the faults of a run from what a person asks for, such as `gaps` or `duplicates:0.2`. They are applied in
the order of `FAULTS`: first what happens inside a device, then what happens on the way. `CONNECTION_FAULTS` happen to
the connection rather than to readings; `simulators.runner` plays them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from schemas import HubpulseError
from simulators.faults.base import Fault, Injection
from simulators.faults.counters import CounterResetMidnight, CounterResetReboot, Rollover, SwappedDevice
from simulators.faults.transport import DeadSensor, Duplicates, Flood, Gaps, Late, Outage, OutOfOrder, RadioLoss
from simulators.faults.values import ClockSkew, Drift, Malformed, Spikes, Stuck, WrongUnit, WrongZone

FAULTS: tuple[type[Fault], ...] = (
    # First, since it moves a counter's zero for good: later resets start from there.
    Rollover,
    # Before the resets: the other device begins again at zero too.
    SwappedDevice,
    CounterResetMidnight,
    CounterResetReboot,
    Stuck,
    Drift,
    Spikes,
    WrongUnit,
    Malformed,
    Gaps,
    RadioLoss,
    DeadSensor,
    ClockSkew,
    WrongZone,
    OutOfOrder,
    Late,
    Outage,
    Duplicates,
    Flood,
)

CONNECTION_FAULTS: Mapping[str, tuple[float, str]] = MappingProxyType(
    {
        "redelivery": (0.0005, "the connection is cut and the last messages are sent again (share of messages)"),
        "disconnect": (0.0005, "the connection is cut without a DISCONNECT and made again (share of messages)"),
    }
)
"""Default share and summary of what happens to the connection."""


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """The faults of a run: those of readings in the order of their application, those of the connection by share."""

    readings: tuple[Fault, ...] = ()
    connection: Mapping[str, float] = field(default_factory=dict)


def describe() -> dict[str, str]:
    """Every fault's name and what it does, with its default share."""
    known = {fault.name: (fault.share, fault.summary) for fault in FAULTS} | dict(CONNECTION_FAULTS)
    return {name: f"{summary}, {share:g} by default" for name, (share, summary) in known.items()}


def plan(wanted: Iterable[str], *, seed: int) -> FaultPlan:
    """The faults of a run from `name` or `name:share`. Raises HubpulseError for an unknown name or a bad share."""
    shares = dict(_parse(text) for text in wanted)
    return FaultPlan(
        tuple(fault(seed=seed, share=shares[fault.name]) for fault in FAULTS if fault.name in shares),
        {name: shares[name] or default for name, (default, _) in CONNECTION_FAULTS.items() if name in shares},
    )


def _parse(text: str) -> tuple[str, float | None]:
    name, colon, share_text = text.partition(":")
    if name not in describe():
        raise HubpulseError(f"no fault is called {name!r}: choose from {', '.join(describe())}")
    if not colon:
        return name, None
    try:
        share = float(share_text)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise HubpulseError(f"the share of {text!r} is not between 0 and 1: write for example {name}:0.1")
    return name, share


__all__ = ["CONNECTION_FAULTS", "FAULTS", "Fault", "FaultPlan", "Injection", "describe", "plan"]
