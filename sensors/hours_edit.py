"""Changes a hub's opening times and closures in the text of an estate file, and nothing else of it.

Of what stands on lines, each day and each closure is changed, put in or taken out by itself, with what is beside it;
what stands in brackets is written anew within them. No sign of what was asked for gets into the file: it is read, and
what it means is written. The result is read again: it must be the estate before with these times, or it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import yaml

from schemas.errors import HubpulseError, shown
from schemas.estate import Estate
from schemas.opening import (
    CLOSED,
    WEEKDAYS,
    Closure,
    DayTimes,
    Opening,
    parse_closure,
    parse_days,
    parse_times,
)
from sensors.estate_file import parse_estate
from sensors.estate_text import Splice, after_line, end_of, hub_nodes, line_end_of, spliced, value_of, with_keys
from sensors.model_file import ModelFileError

_Pairs = Sequence[tuple[yaml.ScalarNode, yaml.ScalarNode]]


def with_hours(
    text: str, hub: str, opening: Mapping[str, str], closures: Sequence[str], *, name: str = "estate.yaml"
) -> str:
    """The text of an estate file with other opening times (`mon-fri: 09:00-17:00`) and closures of a hub.

    Without `opening`, a hub that has no opening times stays so. Raises HubpulseError, ModelFileError.
    """
    before = parse_estate(text, name=name)
    node = dict(hub_nodes(text)).get(hub)
    if node is None:
        raise HubpulseError(f"hub {shown(hub)} is not in {name}: add it under `hubs` first")
    wanted_opening, wanted_closures = _wanted(opening, closures)
    times = {days: parse_times(opening[days]) for days in opening}
    changed = spliced(text, _splices(text, node, times, wanted_closures))
    expected = _ordered(_expected(before, hub, wanted_opening, wanted_closures), hub)
    try:
        is_right = _ordered(parse_estate(changed, name=name), hub) == expected
    except ModelFileError:
        is_right = False
    if not is_right:
        raise HubpulseError(f"{name} is written in a way that can't be changed here: change {hub} in it yourself")
    return changed


def hours_of(text: str, hub: str) -> tuple[dict[str, str], list[str]]:
    """A hub's opening times and closures as they stand in an estate file that is good."""
    node = dict(hub_nodes(text)).get(hub)
    opening, closures = value_of(node, "opening"), value_of(node, "closures")
    return (
        {days.value: times.value for days, times in opening.value} if isinstance(opening, yaml.MappingNode) else {},
        [item.value for item in closures.value] if isinstance(closures, yaml.SequenceNode) else [],
    )


def written_closure(closure: Closure) -> str:
    """A closure as the estate file has it."""
    return str(closure.first) if closure.first == closure.last else f"{closure.first}..{closure.last}"


def _wanted(opening: Mapping[str, str], closures: Sequence[str]) -> tuple[Opening | None, list[Closure]]:
    try:
        by_days = [(parse_days(days), parse_times(times)) for days, times in opening.items()]
        found = [parse_closure(each) for each in closures]
    except ValueError as error:
        raise HubpulseError(str(error)) from error
    week: dict[int, DayTimes] = {}
    for days, times in by_days:
        if twice := week.keys() & set(days):
            raise HubpulseError(f"{WEEKDAYS[min(twice)]} has opening times twice: keep one of them")
        week |= dict.fromkeys(days, times)
    return Opening(week=tuple(week.get(day, ()) for day in range(len(WEEKDAYS)))) if opening else None, found


def _expected(before: Estate, hub: str, opening: Opening | None, closures: Sequence[Closure]) -> Estate:
    hubs = [
        known.model_copy(update={"opening": opening or known.opening, "closures": tuple(closures)})
        if known.id == hub
        else known
        for known in before.hubs
    ]
    return before.model_copy(update={"hubs": tuple(hubs)})


def _ordered(estate: Estate, hub: str) -> Estate:
    """The estate with a hub's closures in order: where a new one is put in says nothing."""

    def in_order(closures: Sequence[Closure]) -> tuple[Closure, ...]:
        return tuple(sorted(closures, key=lambda each: (each.first, each.last)))

    hubs = [
        known.model_copy(update={"closures": in_order(known.closures)}) if known.id == hub else known
        for known in estate.hubs
    ]
    return estate.model_copy(update={"hubs": tuple(hubs)})


def _splices(
    text: str, hub: yaml.MappingNode, opening: Mapping[str, DayTimes], closures: Sequence[Closure]
) -> Iterator[Splice]:
    old_opening, old_closures = value_of(hub, "opening"), value_of(hub, "closures")
    if isinstance(old_opening, yaml.MappingNode) and opening:
        yield from _opening_splices(text, old_opening, opening)
    if isinstance(old_closures, yaml.SequenceNode):
        yield from _closure_splices(text, hub, old_closures, closures)
    fresh = {
        "opening": _flow_opening(opening) if opening and old_opening is None else "",
        "closures": _flow_closures(closures) if closures and old_closures is None else "",
    }
    if any(fresh.values()):
        yield with_keys(text, hub, {key: value for key, value in fresh.items() if value})


def _opening_splices(text: str, old: yaml.MappingNode, opening: Mapping[str, DayTimes]) -> Iterator[Splice]:
    pairs: _Pairs = old.value
    there = {days.value: times for days, times in pairs}
    if old.flow_style:
        if {days: parse_times(times.value) for days, times in there.items()} != dict(opening):
            yield Splice(old.start_mark.index, old.end_mark.index, _flow_opening(opening))
        return
    for days, times in pairs:
        wanted = opening.get(days.value)
        if wanted is None:
            yield _without_lines(text, days.start_mark.index, times.end_mark.index)
        elif parse_times(times.value) != wanted:
            yield Splice(times.start_mark.index, times.end_mark.index, f'"{_times(wanted)}"')
    indent, line_end = " " * old.start_mark.column, line_end_of(text)
    added = [f'{indent}{days}: "{_times(times)}"{line_end}' for days, times in opening.items() if days not in there]
    if added:
        yield after_line(text, end_of(old), "".join(added))


def _closure_splices(
    text: str, hub: yaml.MappingNode, old: yaml.SequenceNode, closures: Sequence[Closure]
) -> Iterator[Splice]:
    items: list[yaml.ScalarNode] = old.value
    there = [parse_closure(item.value) for item in items]
    if sorted(map(written_closure, there)) == sorted(map(written_closure, closures)):
        return
    if old.flow_style:
        yield Splice(old.start_mark.index, old.end_mark.index, _flow_closures(closures))
        return
    if not closures:
        key = next(name for name, value in hub.value if value is old)
        yield Splice(key.start_mark.index, end_of(old), "closures: []")
        return
    for item, closure in zip(items, there, strict=True):
        if closure not in closures:
            yield _without_lines(text, item.start_mark.index, item.end_mark.index)
    indent, line_end = " " * old.start_mark.column, line_end_of(text)
    added = [f'{indent}- "{written_closure(each)}"{line_end}' for each in closures if each not in there]
    if added:
        yield after_line(text, end_of(old), "".join(added))


def _without_lines(text: str, start: int, stop: int) -> Splice:
    """Takes out the lines that something stands on."""
    begin, end = text.rfind("\n", 0, start) + 1, text.find("\n", stop)
    return Splice(begin, len(text) if end < 0 else end + 1, "")


def _flow_opening(opening: Mapping[str, DayTimes]) -> str:
    return "{" + ", ".join(f'{days}: "{_times(times)}"' for days, times in opening.items()) + "}"


def _flow_closures(closures: Sequence[Closure]) -> str:
    return "[" + ", ".join(f'"{written_closure(each)}"' for each in closures) + "]"


def _times(times: DayTimes) -> str:
    return ", ".join(f"{_clock(start)}-{_clock(end)}" for start, end in times) or CLOSED


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
