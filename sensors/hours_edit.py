"""Changes a hub's opening times and closures in the text of an estate file, and nothing else of it.

Each day and each closure is changed, put in or taken out by itself, with what is beside it, in the quotes that the file
has there. No sign of what was asked for gets into the file: it is read, and what it means is written. The result is
read again: it must be the estate before with these times, or it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

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
        "opening": _bracketed("{}", _days(opening)) if opening and old_opening is None else "",
        "closures": _bracketed("[]", _dates(closures)) if closures and old_closures is None else "",
    }
    if any(fresh.values()):
        yield with_keys(text, hub, {key: value for key, value in fresh.items() if value})


def _opening_splices(text: str, old: yaml.MappingNode, opening: Mapping[str, DayTimes]) -> Iterator[Splice]:
    pairs: _Pairs = old.value
    for days, times in pairs:
        wanted = opening.get(days.value)
        if wanted is not None and parse_times(times.value) != wanted:
            yield Splice(times.start_mark.index, times.end_mark.index, _quoted(_times(wanted), _Like(times, old)))
    there = {days.value for days, _times in pairs}
    items = [_Item(days.start_mark.index, times.end_mark.index, days.value in opening) for days, times in pairs]
    added = {days: times for days, times in opening.items() if days not in there}
    yield from _listed(text, old, items, _days(added, _Like(pairs[-1][1], old) if pairs else None))


def _closure_splices(
    text: str, hub: yaml.MappingNode, old: yaml.SequenceNode, closures: Sequence[Closure]
) -> Iterator[Splice]:
    nodes: list[yaml.ScalarNode] = old.value
    there = [parse_closure(node.value) for node in nodes]
    items = [
        _Item(node.start_mark.index, node.end_mark.index, closure in closures)
        for node, closure in zip(nodes, there, strict=True)
    ]
    added = [each for each in closures if each not in there]
    yield from _listed(text, old, items, _dates(added, _Like(nodes[-1], old) if nodes else None))
    if not closures and nodes and not old.flow_style:
        key = next(name for name, value in hub.value if value is old)
        after_colon = text.index(":", key.end_mark.index) + 1
        yield Splice(after_colon, after_colon, " []")


class _Like(NamedTuple):
    """A value that stands in the file, and what it is part of."""

    value: yaml.ScalarNode
    whole: yaml.CollectionNode


class _Item(NamedTuple):
    """An item of a list, or a pair of a mapping: where it stands, and whether it stays."""

    start: int
    stop: int
    stays: bool


def _listed(text: str, old: yaml.CollectionNode, items: Sequence[_Item], added: Sequence[str]) -> Iterator[Splice]:
    """Takes items out that do not stay, and puts others in after the last."""
    if not old.flow_style:
        yield from (_without_lines(text, item) for item in items if not item.stays)
        indent, line_end = " " * old.start_mark.column, line_end_of(text)
        dash = "- " if isinstance(old, yaml.SequenceNode) else ""
        if added:
            yield after_line(text, end_of(old), "".join(f"{indent}{dash}{each}{line_end}" for each in added))
        return
    kept = [number for number, item in enumerate(items) if item.stays]
    if not kept:
        if items or added:
            brackets = "{}" if isinstance(old, yaml.MappingNode) else "[]"
            yield Splice(old.start_mark.index, old.end_mark.index, _bracketed(brackets, added))
        return
    for number, item in enumerate(items):
        if item.stays:
            continue
        if _has_own_line(text, item):
            yield _without_lines(text, item)
        elif number < kept[0]:
            yield Splice(item.start, items[number + 1].start, "")
        else:
            yield Splice(items[number - 1].stop, item.stop, "")
    if added:
        at = items[kept[-1]].stop
        yield Splice(at, at, "".join(f", {each}" for each in added))


def _has_own_line(text: str, item: _Item) -> bool:
    """Whether nothing but its comma and a comment stands beside an item within brackets."""
    before = text[text.rfind("\n", 0, item.start) + 1 : item.start]
    return not before.strip() and re.match(r"[ \t]*,?[ \t]*(#.*)?\r?\n", text[item.stop :]) is not None


def _without_lines(text: str, item: _Item) -> Splice:
    """Takes out the lines that something stands on."""
    begin, end = text.rfind("\n", 0, item.start) + 1, text.find("\n", item.stop)
    return Splice(begin, len(text) if end < 0 else end + 1, "")


def _bracketed(brackets: str, items: Sequence[str]) -> str:
    return f"{brackets[0]}{', '.join(items)}{brackets[1]}"


def _days(opening: Mapping[str, DayTimes], like: _Like | None = None) -> list[str]:
    return [f"{days}: {_quoted(_times(times), like)}" for days, times in opening.items()]


def _dates(closures: Sequence[Closure], like: _Like | None = None) -> list[str]:
    return [_quoted(written_closure(each), like) for each in closures]


def _quoted(value: str, like: _Like | None = None) -> str:
    """A value in the quotes of one beside it, or without as that; a comma within brackets needs them."""
    quote = '"' if like is None else like.value.style or ""
    if like is not None and like.whole.flow_style and "," in value:
        quote = quote or '"'
    return f"{quote}{value}{quote}"


def _times(times: DayTimes) -> str:
    return ", ".join(f"{_clock(start)}-{_clock(end)}" for start, end in times) or CLOSED


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
