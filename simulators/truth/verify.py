"""Compares what a store shows with the truth, row by row and field by field."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from schemas import Estate, HubpulseError
from simulators.truth.record import FORMAT

TOLERANCE = 0.002
"""Means are shown with three decimals, and floating point sums differ by their order. Counts must be equal."""

Figure = int | float | bool | None
Figures = Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Truth:
    """The part of a truth file that a store is held against."""

    header: Mapping[str, Any]
    estate: Estate
    days: Mapping[tuple[str, date], Figures]
    zones: Mapping[tuple[str, date, str], Figures] = field(default_factory=dict)
    injected: Mapping[str, int] = field(default_factory=dict)
    """How often each fault struck a series' day or the connection."""
    summary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def spans(self) -> list[tuple[date, date]]:
        """The runs of days that it covers, first and last day of each."""
        days = sorted({day for _, day in self.days})
        starts = [d for d in days if d - timedelta(days=1) not in set(days)]
        ends = [d for d in days if d + timedelta(days=1) not in set(days)]
        return list(zip(starts, ends, strict=True))


class Difference(NamedTuple):
    """A figure that is not what it must be. `field` is None where the whole row is missing."""

    hub: str
    date: date
    field: str | None
    expected: Figure
    actual: Figure
    zone: str | None = None
    """Of a figure of a zone."""

    def __str__(self) -> str:
        where = self.hub if self.zone is None else f"{self.hub} {self.zone}"
        if self.field is None:
            return f"{where} {self.date}: no figures at all"
        return f"{where} {self.date} {self.field}: expected {_shown(self.expected)}, found {_shown(self.actual)}"


def _shown(value: Figure) -> str:
    return "nothing" if value is None else str(value)


def read_truth(path: Path) -> Truth:
    """Read a truth file. Raises HubpulseError that names the line which is none of a truth."""
    lines: list[dict[str, Any]] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                lines.append(_line(path, number, text))
    except OSError as error:
        raise HubpulseError(f"can't read {path}: {error.strerror}; simulate with --truth {path} first") from error
    header = lines[0] if lines and lines[0].get("type") == "header" else {}
    if header.get("format") != FORMAT:
        raise HubpulseError(f"{path} is no truth of this version: simulate again with --truth {path}")
    days = {
        (line["hub"], date.fromisoformat(line["date"])): _figures(line)
        for line in lines
        if line["type"] == "usage_daily"
    }
    zones = {
        (line["hub"], date.fromisoformat(line["date"]), line["zone"]): _figures(line)
        for line in lines
        if line["type"] == "usage_daily_zone"
    }
    if not days:
        raise HubpulseError(f"{path} covers no day: the simulation that wrote it was stopped too early")
    injected = Counter(line["fault"] for line in lines if line["type"] in ("fault", "connection"))
    summary = next((line for line in lines if line["type"] == "summary"), {})
    if not summary and header["spans"][-1][1] is not None:
        raise HubpulseError(f"{path} has no end: its simulation was stopped; simulate again with --truth {path}")
    return Truth(header, Estate.model_validate(header["estate"]), days, zones, injected, summary)


def _figures(line: Mapping[str, Any]) -> Figures:
    return {name: value for name, value in line.items() if name not in ("type", "hub", "zone", "date")}


def _line(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError as error:
        raise HubpulseError(f"{path}:{number} is not JSON ({error}): simulate again with --truth {path}") from error
    if not isinstance(line, dict) or "type" not in line:
        raise HubpulseError(f"{path}:{number} is no line of a truth: simulate again with --truth {path}")
    return line


def differences(truth: Truth, shown: Iterable[tuple[str, date, Figures]]) -> list[Difference]:
    """Every figure of the truth that the shown rows (hub, local day, figures) lack or have otherwise."""
    rows = {(hub, day): figures for hub, day, figures in shown}
    found: list[Difference] = []
    for (hub, day), expected in sorted(truth.days.items()):
        actual = rows.get((hub, day))
        if actual is None:
            found.append(Difference(hub, day, None, None, None))
            continue
        found += _differing(hub, day, expected, actual)
    return found


def zone_differences(truth: Truth, shown: Iterable[tuple[str, date, str, Figures]]) -> list[Difference]:
    """The same of zones (hub, local day, zone, figures); one that the truth does not know is a difference, too."""
    rows = {(hub, day, zone): figures for hub, day, zone, figures in shown}
    found: list[Difference] = []
    for hub, day, zone in sorted(truth.zones.keys() | rows.keys()):
        expected, actual = truth.zones.get((hub, day, zone)), rows.get((hub, day, zone))
        if expected is None:
            found.append(Difference(hub, day, "rows", 0, 1, zone))
        elif actual is None:
            found.append(Difference(hub, day, None, None, None, zone))
        else:
            found += _differing(hub, day, expected, actual, zone)
    return found


def _differing(
    hub: str, day: date, expected: Figures, actual: Figures, zone: str | None = None
) -> Iterator[Difference]:
    for name, value in expected.items():
        if not _agree(value, actual.get(name)):
            yield Difference(hub, day, name, value, actual.get(name), zone)


def _agree(expected: Figure, actual: Figure) -> bool:
    if expected is None or actual is None:
        return expected is actual
    if isinstance(expected, float) or isinstance(actual, float):
        return abs(expected - actual) <= TOLERANCE
    return expected == actual
