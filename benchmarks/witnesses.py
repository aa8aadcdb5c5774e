"""How often the witnesses doubt a counter that is right, and how soon they find one that counts 30 % too few.

python -m benchmarks.witnesses [FOLDER_OF_LEEDS]

Two years of a simulated estate: weekdays, seasons of the estate and of each hub, bank holidays, school holidays that
each hub feels otherwise, days that are busy everywhere, chance, and noise of which a fifth goes on to the next day. A
loss takes single people away, at the entries alone or at both sides of the door. A case is told by the spread of its
hub's ratio of entries to Wi-Fi, as the method itself estimates it; "Wi-Fi alone" is the same hub without exits and
without others. The Leeds set (8 cameras, 2009-2016) has no Wi-Fi and no exits: there each camera has the others alone.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.estimates import FOLDER, leeds
from schemas.measurements import DOOR_FIELDS, USAGE_FIELDS
from schemas.measures import PeopleState
from usage.attention.cusum import FOUND_DAYS, LOSS, REFERENCE_LAG_DAYS, REFERENCE_MIN, SD_MAX
from usage.attention.doubts import Doubt, Witness
from usage.attention.witnesses import WATCHED_DAYS, Ratio, Watched, hear_witnesses
from usage.queries.figures import DayFigures, DoorFigures

FIRST = date(2024, 1, 1)
DAYS = [FIRST + timedelta(days=i) for i in range(WATCHED_DAYS)]
RUNS, HUBS, LOSSES = 40, 22, 6
PERSISTENCE = 0.2
BANDS = ((0.0, 0.2), (0.2, 0.25), (0.25, SD_MAX), (SD_MAX, 9.0))
_SUNDAY = 6

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Loss:
    """People whom a hub's counter misses from a day on."""

    hub: int
    start: int
    at_exits: bool


@dataclass(frozen=True, slots=True)
class SimulatedDays:
    """People by hub and day as counted, and devices in the Wi-Fi; NaN on closed days."""

    entries: Numbers
    exits: Numbers
    devices: Numbers

    def days(self) -> Iterator[DayFigures]:
        """As the roll-ups would have them."""
        for hub in range(len(self.entries)):
            for place, day in enumerate(DAYS):
                yield _day(
                    f"hub-{hub:02}", day, *(float(t[hub, place]) for t in (self.entries, self.exits, self.devices))
                )

    def without_others(self, hub: int) -> SimulatedDays:
        """One hub's entries and Wi-Fi alone."""
        row = slice(hub, hub + 1)
        return SimulatedDays(self.entries[row], np.full_like(self.exits[row], np.nan), self.devices[row])

    def doors(self) -> Iterator[DoorFigures]:
        """Every hub has one door."""
        for hub in range(len(self.entries)):
            figures = dict.fromkeys(DOOR_FIELDS) | {"footfall_completeness": 1.0}
            yield DoorFigures(f"hub-{hub:02}", "door-1", DAYS[0], figures)


def simulated(seed: int, losses: tuple[Loss, ...] = (), hubs: int = HUBS) -> SimulatedDays:
    """Two years of an estate; the same seed gives the same people, whoever misses them."""
    random = np.random.default_rng(seed)
    number = len(DAYS)
    weekdays = np.array([day.weekday() for day in DAYS])
    year = 2 * np.pi * np.arange(number) / 365
    is_closed = (weekdays == _SUNDAY) | np.isin(np.arange(number) % 365, (0, 88, 91, 124, 145, 236, 358, 359))
    is_school_holiday = np.isin(np.arange(number) % 365 // 7, (6, 13, 14, 21, 30, 31, 32, 33, 34, 43, 51))
    mean = random.uniform(4, 6, (hubs, 1)) + random.normal(0, 0.2, (hubs, 7))[:, weekdays]
    mean = mean + 0.15 * np.cos(year - 0.8) + random.normal(0, 0.1, number)
    mean += random.uniform(0, 0.05, (hubs, 1)) * np.cos(year + random.uniform(0, 2 * np.pi, (hubs, 1)))
    mean += random.normal(0, 0.08, (hubs, 1)) * is_school_holiday
    mean += _noise(random, random.uniform(0.05, 0.2, (hubs, 1)), number)
    people = random.poisson(np.exp(mean))
    share = np.exp(
        random.normal(-0.5, 0.2, (hubs, 1))
        + random.normal(0, 0.05, (hubs, 7))[:, weekdays]
        + random.uniform(0, 0.05, (hubs, 1)) * np.cos(year + random.uniform(0, 2 * np.pi, (hubs, 1)))
        + _noise(random, random.uniform(0.05, 0.35, (hubs, 1)), number)
    )
    devices = random.poisson(people * share).astype(float)
    entries, exits = (random.binomial(people, 0.97).astype(float) for _ in range(2))
    for loss in losses:
        row, late = loss.hub, slice(loss.start, None)
        entries[row, late] = random.binomial(entries[row, late].astype(int), 1 - LOSS)
        if loss.at_exits:
            exits[row, late] = random.binomial(exits[row, late].astype(int), 1 - LOSS)
    for table in (entries, exits, devices):
        table[:, is_closed] = np.nan
    return SimulatedDays(entries, exits, devices)


def _noise(random: np.random.Generator, sd: Numbers, number: int) -> Numbers:
    """By hub and day: normal, with a part that goes on from day to day."""
    fresh = random.normal(size=(len(sd), number)) * np.sqrt(1 - PERSISTENCE**2)
    noise = np.empty_like(fresh)
    noise[:, 0] = fresh[:, 0]
    for day in range(1, number):
        noise[:, day] = PERSISTENCE * noise[:, day - 1] + fresh[:, day]
    return np.asarray(noise * sd)


def _day(hub: str, day: date, entries: float, exits: float, devices: float) -> DayFigures:
    is_open = not np.isnan(entries)
    given_by_name = {"entries": entries, "exits": exits, "wifi_devices": devices}
    known = {name: int(value) for name, value in given_by_name.items() if not np.isnan(value)}
    state = PeopleState.COUNTED if is_open else PeopleState.CLOSED
    given = {
        "people_state": state,
        "open_minutes": 480.0 * is_open,
        "wifi_completeness": 1.0,
        "footfall_completeness": 1.0,
    }
    return DayFigures(hub, day, {**dict.fromkeys(USAGE_FIELDS), **given, **known})


def hear(people: SimulatedDays) -> Watched:
    """What the witnesses say of simulated days."""
    return hear_witnesses(DAYS[0], DAYS[-1], people.days(), people.doors())


def watched_years(hubs: int, days: int = len(DAYS)) -> float:
    """How many years of hubs are looked at once there is something to compare with."""
    return hubs * (days - REFERENCE_MIN - REFERENCE_LAG_DAYS) / 365


def losses_of(seed: int, hubs: int = HUBS, number: int = LOSSES) -> tuple[Loss, ...]:
    """Losses at some hubs, at some time of the second year."""
    random = np.random.default_rng([seed, 1])
    chosen = random.choice(hubs, number, replace=False)
    return tuple(Loss(int(hub), int(random.integers(370, 690)), bool(random.integers(2))) for hub in chosen)


def found_after(people: SimulatedDays, loss: Loss, doubts: tuple[Doubt, ...], hub: int | None = None) -> int | None:
    """After how many open days a loss was found, by doubts about a hub, else about its own; None where it was not."""
    start, name = DAYS[loss.start], f"hub-{loss.hub if hub is None else hub:02}"
    found = [d.found for d in doubts if d.hub == name and d.change < 0 and d.found >= start]
    if not found:
        return None
    return int(np.isfinite(people.entries[loss.hub, loss.start : (min(found) - FIRST).days + 1]).sum())


def spread_of_wifi(ratios: tuple[Ratio, ...], hub: int) -> float:
    """The spread of a hub's ratio of entries to Wi-Fi."""
    return next(r.spread or 9.0 for r in ratios if r.hub == f"hub-{hub:02}" and r.witness is Witness.WIFI)


@dataclass(frozen=True, slots=True)
class Case:
    """A loss: the spread of entries to Wi-Fi, and after how many open days it was found, None where it was not."""

    spread: float
    days: int | None
    days_by_wifi: int | None
    is_named: bool
    """Whether at least two witnesses agreed, so that the door is named."""


def cases(seed: int) -> Iterator[Case]:
    """The losses of an estate."""
    losses = losses_of(seed)
    people = simulated(seed, losses)
    doubts, clean = hear(people).doubts, hear(simulated(seed)).ratios
    sure = tuple(doubt for doubt in doubts if doubt.is_sure)
    for loss in losses:
        alone = hear(people.without_others(loss.hub)).doubts
        yield Case(
            spread_of_wifi(clean, loss.hub),
            found_after(people, loss, doubts),
            found_after(people, loss, alone, hub=0),
            found_after(people, loss, sure) is not None,
        )


def share_soon(days: Sequence[int | None]) -> float:
    """The share of losses that were found within the days promised."""
    return sum(each is not None and each <= FOUND_DAYS for each in days) / max(1, len(days))


def _print_found(runs: int) -> None:
    tried = [case for seed in range(runs) for case in cases(seed)]
    heads = ("losses", "in 14 open days", "median days", "door named", "Wi-Fi alone")
    print(f"\n{'spread of entries to Wi-Fi':28}" + "".join(f"{head:>17}" for head in heads))
    for low, high in (*BANDS, (0.0, SD_MAX)):
        of_band = [case for case in tried if low < case.spread <= high]
        days = [case.days for case in of_band]
        named = sum(case.is_named for case in of_band) / max(1, len(of_band))
        band = f"up to {high:.2f}" if not low else f"over {low:.2f}" if high > 1 else f"{low:.2f} to {high:.2f}"
        median = np.median([FOUND_DAYS * 10 if each is None else each for each in days])
        alone = share_soon([case.days_by_wifi for case in of_band])
        print(f"{band:28}{len(days):>17}{share_soon(days):>17.1%}{median:>17.0f}{named:>17.1%}{alone:>17.1%}")


def _print_clean(runs: int) -> None:
    heard = [hear(simulated(seed)) for seed in range(runs)]
    doubts = [doubt for each in heard for doubt in each.doubts]
    years = watched_years(HUBS * runs)
    print(f"clean: {years:.0f} years of hubs, {len(doubts) / years:.2f} doubts a hub and year, of which")
    sure = sum(doubt.is_sure for doubt in doubts)
    too_many = sum(doubt.change > 0 for doubt in doubts)
    print(f"  {sure / years:.3f} name the door, {too_many / years:.3f} say that there are too many")
    alone = Counter(doubt.witnesses[0] for doubt in doubts if not doubt.is_sure)
    print("  by one witness alone: " + ", ".join(f"{each} {n / years:.2f}" for each, n in sorted(alone.items())))


def _print_leeds(folder: Path) -> None:
    counters = leeds(folder)
    daily = counters.people.sum(axis=2)
    days = [counters.first + timedelta(days=i) for i in range(daily.shape[1])]
    figures = (
        _day(f"camera-{row}", day, float(count), float("nan"), float("nan"))
        for row, counts in enumerate(daily)
        for day, count in zip(days, counts, strict=True)
    )
    heard = hear_witnesses(days[0], days[-1], figures, ())
    years = np.isfinite(daily).sum() / 365
    print(f"\nLeeds: {years:.1f} years of cameras, {len(heard.doubts) / years:.2f} doubts a camera and year")
    for doubt in heard.doubts:
        print(f"  {doubt.since} to {doubt.until or '...'}: {doubt.hub} {doubt.change:+.0%}")


def main() -> None:
    """Print the tables."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    _print_clean(RUNS)
    _print_found(RUNS)
    if folder.is_dir():
        _print_leeds(folder)
    else:
        print(f"without the Leeds set: {folder} is not there")


if __name__ == "__main__":
    main()
