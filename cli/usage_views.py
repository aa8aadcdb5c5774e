"""How `hubpulse usage` shows figures, explanations and changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from typing import Any

from cli.attention_views import doubt_as_json
from schemas.localtime import from_ns, rfc3339
from schemas.measures import USAGE_MEASURES, named
from usage.estimates import Estimate, in_words
from usage.journal import Change
from usage.notes import Note
from usage.queries import Why
from usage.queries.why import CounterDay, SensorDay
from usage.queries.words import sentence

VALUES_SHOWN = 3
GAPS_SHOWN = 5


def why_as_text(found: Why) -> Iterator[str]:
    """Lines that explain a day."""
    figures = found.figures
    yield f"{found.hub}, {found.day.date:%A} {found.day.date}: {_opening(found)}"
    yield f"  entries {_people(figures['entries'])}, exits {_people(figures['exits'])}"
    status = "final" if figures["final"] else "not final yet"
    state = USAGE_MEASURES["people_state"].named(figures["people_state"]) or "not open yet"
    covered = figures["footfall_completeness"]
    share = "" if covered is None else f", doors cover {covered:.1%} of the day"
    yield f"  people {state}{share}; revision {figures['revision']}, {status}"
    if missed := _missed(found.missed):
        yield f"  {missed}"
    yield from (f"  note: {note_as_text(note)}" for note in found.notes)
    yield from (f"  in doubt: {doubt.sentence(found.day.date)}" for doubt in found.doubts)
    yield f"  readings received of those expected, of all sensors: {_shown(figures['completeness'])}"
    for change in found.changes:
        yield f"  changed: {_change(change)}"
    yield "sensors"
    yield from (f"  {_sensor(sensor, found)}" for sensor in found.sensors)
    if not found.sensors:
        yield "  none is in the estate file and none sent a reading"
    yield "counters"
    if found.raw_is_gone:
        yield "  their readings have expired: these are the corrections stored with the figures"
    for counter in found.counters:
        yield f"  {_counter(counter)}"
        yield from (f"    {_clock(c.time_ns, found)} {sentence(c)}" for c in counter.corrections)
    if not found.counters:
        yield "  none counted"


def _missed(missed: Estimate) -> str:
    """The people of a day whom nobody counted, in words."""
    if missed.people is None:
        return "not all were counted, and there is too little history to estimate the others"
    if not missed.high:
        return ""
    bounds = f"{missed.low:,} to {missed.high:,} in nine of ten cases"
    return f"not counted: about {missed.people:,} people, {bounds}, by {in_words(missed.method)}"


def _opening(found: Why) -> str:
    if not found.day.open:
        return "closed (closure or bank holiday)" if found.is_closed else "closed"
    return "open " + ", ".join(
        f"{_clock(a, found, 'minutes')}-{_clock(b, found, 'minutes')}" for a, b in found.day.open
    )


def _people(count: object) -> str:
    return "unknown (no sensor reported a value, which is not zero)" if count is None else str(count)


def _sensor(sensor: SensorDay, found: Why) -> str:
    name = f"{sensor.sensor} {sensor.kind or ''}".rstrip() + (f" ({sensor.zone})" if sensor.zone else "")
    expected = f"{sensor.received} readings"
    if sensor.every_s is not None:
        expected = f"{sensor.received} of {sensor.expected} readings, one every {sensor.every_s} s"
    if sensor.first is None or sensor.last is None:
        return f"{name}: silent, {expected}"
    left_out = f", {_left_out(sensor)}" if sensor.left_out else ""
    left_out += f", {_overwritten(sensor, found)}" if sensor.overwritten else ""
    silences = [f"{_clock(gap.start_ns, found)} to {_clock(gap.stop_ns, found)}" for gap in sensor.gaps[:GAPS_SHOWN]]
    if len(sensor.gaps) > GAPS_SHOWN:
        silences.append(f"{len(sensor.gaps) - GAPS_SHOWN} more times")
    silent = f", silent {', '.join(silences)}" if silences else ""
    causes = "".join(f", {count} {cause}" for cause, count in sensor.missing.items())
    return f"{name}: {expected}{causes}, {sensor.first:%H:%M:%S} to {sensor.last:%H:%M:%S}{left_out}{silent}"


def _left_out(sensor: SensorDay) -> str:
    """How many readings no figure takes, and what they said."""
    number = len(sensor.left_out)
    said = sorted({value for fields in sensor.left_out for value in fields.values()}, reverse=True)
    values = ", ".join(f"{value:,}" for value in said[:VALUES_SHOWN]) + (", ..." if len(said) > VALUES_SHOWN else "")
    why = "; ".join(sensor.doubts[:VALUES_SHOWN]) + ("; ..." if len(sensor.doubts) > VALUES_SHOWN else "")
    return f"{number} reading{'s' if number > 1 else ''} left out ({values}): {why}"


def _overwritten(sensor: SensorDay, found: Why) -> str:
    """How many values a later message gave, and which."""
    number = len(sensor.overwritten)
    values = [
        f"{_clock(c.time_ns, found)} {c.field} {_shown(c.before)} -> {_shown(c.after)}" for c in sensor.overwritten
    ]
    shown = ", ".join(values[:VALUES_SHOWN]) + (", ..." if number > VALUES_SHOWN else "")
    return f"{number} value{'s' if number > 1 else ''} overwritten by a later message ({shown})"


def _counter(counter: CounterDay) -> str:
    if counter.counted is None:
        return f"{counter.sensor} {counter.counter}"
    return f"{counter.sensor} {counter.counter}: {counter.counted} from {counter.readings} readings"


def _clock(time_ns: int, found: Why, timespec: str = "seconds") -> str:
    if time_ns == found.day.span.stop_ns:
        return "24:00" if timespec == "minutes" else "24:00:00"
    local = from_ns(time_ns).astimezone(found.zone)
    # What is beyond the day is named with its date.
    return local.time().isoformat(timespec) if local.date() == found.day.date else local.isoformat(" ", timespec)


def why_as_json(found: Why) -> dict[str, Any]:
    """The same for programs; times are local with their offset."""

    def local(time_ns: int) -> str:
        return from_ns(time_ns).astimezone(found.zone).isoformat()

    return {
        "hub": found.hub,
        "date": found.day.date.isoformat(),
        "open": [{"from": local(start), "to": local(stop)} for start, stop in found.day.open],
        "closed": not found.day.open,
        "figures": named(found.figures),
        "missed": asdict(found.missed),
        "notes": [note_as_json(note) for note in found.notes],
        "doubts": [doubt_as_json(doubt) for doubt in found.doubts],
        "sensors": [
            {
                "sensor": s.sensor,
                "kind": s.kind,
                "zone": s.zone,
                "received": s.received,
                "expected": s.expected,
                "every_s": s.every_s,
                "left_out": list(s.left_out),
                "left_out_because": list(s.doubts),
                "overwritten": [
                    {"field": c.field, "time": local(c.time_ns), "before": c.before, "after": c.after}
                    for c in s.overwritten
                ],
                "first": s.first.isoformat() if s.first else None,
                "last": s.last.isoformat() if s.last else None,
                "frames": s.frames and {**s.frames._asdict(), "lost_share": s.frames.lost_share},
                "missing": s.missing,
                "gaps": [{"from": local(start), "to": local(stop)} for start, stop in s.gaps],
            }
            for s in found.sensors
        ],
        "counters": [
            {
                "sensor": counter.sensor,
                "counter": counter.counter,
                "counted": counter.counted,
                "readings": counter.readings,
                "corrections": [
                    {
                        **c._asdict(),
                        "limit": c.limit._asdict() if c.limit else None,
                        "time": local(c.time_ns),
                        "what": sentence(c),
                    }
                    for c in counter.corrections
                ],
            }
            for counter in found.counters
        ],
        "changes": [change_as_json(found.day.date, change) for change in found.changes],
    }


def note_as_text(note: Note) -> str:
    """What somebody wrote, and who: `boiler repaired (mia)`."""
    return f"{note.text} ({note.author})" if note.author else note.text


def note_as_json(note: Note) -> dict[str, Any]:
    """A note for programs."""
    return {
        "hub": note.hub,
        "date": note.date.isoformat(),
        "text": note.text,
        "author": note.author or None,
        "made": rfc3339(note.made_ns),
    }


def change_as_text(day: date, change: Change) -> str:
    """One change as a line."""
    return f"{change.hub} {day}: {_change(change)}"


def _change(change: Change) -> str:
    when = f"{from_ns(change.changed_ns):%Y-%m-%d %H:%M} UTC"
    words = USAGE_MEASURES[change.figure]
    before, after = (
        str(words.named(v)) if words.words and v is not None else _shown(v) for v in (change.before, change.after)
    )
    return f"{change.figure} {before} -> {after} (revision {change.revision}, {when})"


def change_as_json(day: date, change: Change) -> dict[str, Any]:
    """One change for programs."""
    return {
        "hub": change.hub,
        "date": day.isoformat(),
        "figure": change.figure,
        "before": _number(change.before),
        "after": _number(change.after),
        "revision": change.revision,
        "changed": rfc3339(change.changed_ns),
    }


def _shown(value: float | None) -> str:
    return "nothing" if value is None else str(_number(value))


def _number(value: float | None) -> int | float | None:
    """A count without a decimal point: the store keeps what changed as floats."""
    return int(value) if value is not None and float(value).is_integer() else value
