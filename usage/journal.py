"""What was done to figures and counters, stored for whoever asks later.

A change's time is the day's midnight plus its revision, a correction's that of its reading: writing one again
overwrites itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from schemas.localtime import Span
from schemas.measurements import OVERWRITTEN
from stores import SeriesChunk, Store
from stores.lines import encode
from usage.calendar import HubCalendar
from usage.counters import Cause, Correction, Limit, LimitRule
from usage.people import Tally
from usage.rollup import Figures
from usage.rows import changes, later_figures

CHANGES, CORRECTIONS = "usage_changes", "counter_corrections"
_CORRECTION_FIELDS = ("before", "after", "counted", "limit", "limit_rule")
_RULES = tuple(LimitRule)


class Change(NamedTuple):
    """A figure of a day that had ended came out differently; None is a value that nobody knows."""

    hub: str
    midnight_ns: int
    figure: str
    before: float | None
    after: float | None
    revision: int
    changed_ns: int


class CounterCorrection(NamedTuple):
    """A correction and the counter that it was made to. A withdrawn one turned out to be none."""

    sensor: str
    counter: str
    correction: Correction
    withdrawn: bool = False


class ReadingCorrection(NamedTuple):
    """A value of a reading that a later message gave another one, as it was and as it counts."""

    field: str
    time_ns: int
    before: float
    after: float


def read_overwritten(store: Store, span: Span, hub: str) -> dict[tuple[str, str], list[ReadingCorrection]]:
    """The corrected readings of a hub within the span, in order of time, by sensor and kind."""
    found: dict[tuple[str, str], list[ReadingCorrection]] = {}
    for run in store.read(OVERWRITTEN, start_ns=span.start_ns, stop_ns=span.stop_ns, where={"hub": hub}):
        rows = (_row(run, i) for i in range(len(run.times_ns)))
        found.setdefault((run.tags["sensor"], run.tags["kind"]), []).extend(
            ReadingCorrection(run.tags["field"], time_ns, float(row["before"] or 0), float(row["after"] or 0))
            for time_ns, row in zip(run.times_ns, rows, strict=True)
        )
    return {of: sorted(made, key=attrgetter("time_ns", "field")) for of, made in found.items()}


def overwritten_times(store: Store, span: Span) -> Iterator[tuple[str, int]]:
    """The hub and the time of each corrected value within the span."""
    for run in store.read(OVERWRITTEN, start_ns=span.start_ns, stop_ns=span.stop_ns, fields=["after"]):
        yield from ((run.tags["hub"], time_ns) for time_ns in run.times_ns)


def changed_figures(store: Store, hub: str, midnight_ns: int, old: Figures | None, new: Figures) -> list[str]:
    """The figures that came out differently in a day that had ended when `old` was stored."""
    if old is None or not old["revision"]:
        return []
    found = changes(old, new)
    if any(old[name] is None for name in found):
        later = later_figures(store, hub, midnight_ns)
        found = [name for name in found if old[name] is not None or name not in later]
    return found


def changes_of(
    store: Store, hub: str, midnight_ns: int, old: Figures | None, new: Figures, now_ns: int
) -> list[Change]:
    """What changed in a day that had ended when `old` was stored, with what it was and is."""
    revision = int(new["revision"] or 0)
    return [
        Change(hub, midnight_ns, name, None if old is None else old[name], new[name], revision, now_ns)
        for name in changed_figures(store, hub, midnight_ns, old, new)
    ]


def change_lines(found: Iterable[Change]) -> Iterator[str]:
    """The changes as lines for the store."""
    for change in found:
        fields: dict[str, float] = {"revision": change.revision, "changed_ns": change.changed_ns}
        values = {"before": change.before, "after": change.after}
        fields |= {name: float(value) for name, value in values.items() if value is not None}
        yield encode(
            CHANGES, {"hub": change.hub, "figure": change.figure}, fields, change.midnight_ns + change.revision
        )


def read_changes(store: Store, span: Span, hub: str | None = None) -> list[Change]:
    """The changes of the days that start in the span, in the order in which they were made."""
    found = []
    for run in store.read(CHANGES, start_ns=span.start_ns, stop_ns=span.stop_ns, where={"hub": hub} if hub else None):
        for i, time_ns in enumerate(run.times_ns):
            row = _row(run, i)
            revision = int(row["revision"] or 0)
            found.append(
                Change(
                    run.tags["hub"],
                    time_ns - revision,
                    run.tags["figure"],
                    row["before"],
                    row["after"],
                    revision,
                    int(row["changed_ns"] or 0),
                )
            )
    return sorted(found, key=lambda change: (change.changed_ns, change.hub, change.midnight_ns, change.figure))


def corrections_of(tallies: Iterable[Tally], day: Span) -> dict[tuple[str, ...], CounterCorrection]:
    """The corrections made at the day's own readings, each under its key."""
    made = (
        CounterCorrection(tally.sensor, tally.field, correction)
        for tally in tallies
        for correction in tally.corrections
        if day.start_ns <= correction.time_ns < day.stop_ns
    )
    return {_key(each): each for each in made}


def read_corrections(store: Store, span: Span, hub: str) -> dict[tuple[str, ...], CounterCorrection]:
    """A hub's stored corrections within the span, withdrawn ones included."""
    runs = store.read(CORRECTIONS, start_ns=span.start_ns, stop_ns=span.stop_ns, where={"hub": hub})
    stored = (_correction(run, i) for run in runs for i in range(len(run.times_ns)))
    return {_key(each): each for each in stored}


def correction_lines(
    hub: str,
    made: Mapping[tuple[str, ...], CounterCorrection],
    stored: Mapping[tuple[str, ...], CounterCorrection],
) -> Iterator[str]:
    """The lines that store those made and withdraw those that no longer hold."""
    for key, each in made.items():
        if stored.get(key) != each:
            yield _correction_line(hub, each)
    for key, each in stored.items():
        if key not in made and not each.withdrawn:
            yield _correction_line(hub, each._replace(withdrawn=True))


def _correction_line(hub: str, each: CounterCorrection) -> str:
    tags = {"hub": hub, "sensor": each.sensor, "counter": each.counter, "cause": str(each.correction.cause)}
    _, time_ns, before, after, counted, limit = each.correction
    fields = {"before": before, "after": after, "counted": counted, "withdrawn": each.withdrawn}
    fields |= {"limit": limit.people if limit else 0, "limit_rule": _RULES.index(limit.rule) if limit else 0}
    return encode(CORRECTIONS, tags, fields, time_ns)


def _correction(run: SeriesChunk, i: int) -> CounterCorrection:
    row = _row(run, i)
    before, after, counted, people, rule = (int(row.get(name) or 0) for name in _CORRECTION_FIELDS)
    limit = Limit(people, _RULES[rule]) if people else None
    correction = Correction(Cause(run.tags["cause"]), run.times_ns[i], before, after, counted, limit)
    return CounterCorrection(run.tags["sensor"], run.tags["counter"], correction, bool(row["withdrawn"]))


def _row(run: SeriesChunk, i: int) -> dict[str, int | float | bool | None]:
    return {name: values[i] for name, values in run.columns.items()}


def _key(each: CounterCorrection) -> tuple[str, ...]:
    return each.sensor, each.counter, str(each.correction.cause), str(each.correction.time_ns)


def log_changes(changes: Sequence[Change], calendar: HubCalendar) -> None:
    """Log what changed of a day's figures."""
    if changes:
        from structlog import get_logger  # noqa: PLC0415 - a tenth of a second, and most commands find no changes

        first = changes[0]
        day = calendar.date_of(first.midnight_ns).isoformat()
        what = ", ".join(f"{change.figure} {_shown(change.before)} -> {_shown(change.after)}" for change in changes)
        get_logger().info("day_changed", hub=first.hub, date=day, revision=first.revision, changes=what)


def _shown(value: float | None) -> str:
    return "nothing" if value is None else f"{value}"
