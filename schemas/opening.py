"""When a hub is open: opening times for each weekday, closures, and when schools are in session."""

from __future__ import annotations

import itertools
import re
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, WithJsonSchema

from schemas.errors import shown
from schemas.repeats import refuse, repeats

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60
CLOSED = "closed"

_DAY = f"(?:{'|'.join(WEEKDAYS)})"
_DAYS_PATTERN = f"{_DAY}(?:-{_DAY})?"
_DAYS = re.compile(_DAYS_PATTERN)

_TIME_PATTERN = "(?:[01]?[0-9]|2[0-3]):[0-5][0-9]"
_SPAN_PATTERN = f"{_TIME_PATTERN} *- *(?:{_TIME_PATTERN}|24:00)"
_TIMES_PATTERN = f"{CLOSED}| *{_SPAN_PATTERN}(?: *, *{_SPAN_PATTERN})* *"
_SPAN = re.compile(_SPAN_PATTERN)

_DATE_PATTERN = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOSURE_PATTERN = rf"({_DATE_PATTERN})(?: *\.\. *({_DATE_PATTERN}))?"
_CLOSURE = re.compile(_CLOSURE_PATTERN)

DayTimes = tuple[tuple[int, int], ...]
"""Opening times of a day: (start, end) in minutes of the local day, in order, apart from each other."""


def parse_days(text: str) -> tuple[int, ...]:
    """Weekdays (Monday is 0) of `mon`, `mon-fri` or a range that wraps, `sat-mon`."""
    if _DAYS.fullmatch(text) is None:
        raise ValueError(f"{shown(text)} is not a day or a range of days: {_days_hint(text)}")
    first, _, last = text.partition("-")
    start = WEEKDAYS.index(first)
    span = (WEEKDAYS.index(last or first) - start) % len(WEEKDAYS)
    return tuple((start + step) % len(WEEKDAYS) for step in range(span + 1))


def _days_hint(text: str) -> str:
    plain = text.strip().lower()
    words = {"weekdays": "mon-fri", "weekend": "sat-sun", "weekends": "sat-sun", "daily": "mon-sun", "all": "mon-sun"}
    if plain in words:
        return f"write {words[plain]}"
    if "," in plain or "/" in plain:
        return "give each day or range of days a line of its own"
    parts = re.split(r"\s*(?:-|\u2013|\bto\b)\s*", plain)
    guess = "-".join(_day_like(part) for part in parts if part)
    return f"write {guess}" if _DAYS.fullmatch(guess) else "write for example mon, mon-fri or sat-mon"


def _day_like(text: str) -> str:
    return next((day for day in WEEKDAYS if len(text) > 1 and day.startswith(text[:3])), "")


def parse_times(text: str) -> DayTimes:
    """Opening times from `09:00-17:00`, several joined by commas, or `closed`. A time may end at 24:00."""
    if text == CLOSED:
        return ()
    parts = [part.strip(" ") for part in text.split(",")]
    if "" in parts:
        raise ValueError(f"{shown(text)} lacks an opening time: write {CLOSED}, or take out the comma")
    spans = sorted(map(_parse_span, parts))
    for earlier, later in itertools.pairwise(spans):
        if later[0] < earlier[1]:
            raise ValueError(f"{_clock(*earlier)} and {_clock(*later)} overlap: write one time that covers both")
    return tuple(spans)


def _parse_span(text: str) -> tuple[int, int]:
    if _SPAN.fullmatch(text) is None:
        raise ValueError(f"{shown(text)} is not an opening time: {_span_hint(text)}")
    start, end = (_minutes(*time.split(":")) for time in text.split("-"))
    if start == end:
        raise ValueError(f'{shown(text)} ends where it starts: write closed, or "00:00-24:00" for the whole day')
    if end == 0:
        raise ValueError(f'{shown(text)} ends before it starts: write "{_clock(start, MINUTES_A_DAY)}"')
    if start > end:
        raise ValueError(
            f'{shown(text)} ends before it starts: write "{_clock(start, MINUTES_A_DAY)}" here '
            f'and "{_clock(0, end)}" for the next day'
        )
    return start, end


def _minutes(hour: str, minute: str) -> int:
    return int(hour) * 60 + int(minute)


def _clock(start: int, end: int) -> str:
    return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (start, end))


_LOOSE_TIME = r"([0-9]{1,2})(?:[:.h]?([0-5][0-9])|h)?\s*(am|pm)?"
_LOOSE_SPAN = re.compile(rf"\W*{_LOOSE_TIME}\s*(?:-|\u2013|\u2014|to|till|until)\s*{_LOOSE_TIME}\W*", re.IGNORECASE)


def _span_hint(text: str) -> str:
    """What somebody who wrote `9am - 5.30pm` must have meant, or an example where that is a riddle."""
    if text.lower() in {CLOSED, "no", "none", "off", "shut"}:
        return f"write {CLOSED}"
    loose = _LOOSE_SPAN.fullmatch(text[:64])
    if loose is not None:
        times = (_loose_minutes(*loose.groups()[:3]), _loose_minutes(*loose.groups()[3:]))
        if times[0] < times[1] <= MINUTES_A_DAY:
            return f'write "{_clock(*times)}"'
    return f'write for example "09:00-17:00", or {CLOSED}'


def _loose_minutes(hour: str, minute: str | None, half: str | None) -> int:
    hours = int(hour) if half is None else int(hour) % 12 + (12 if half.lower() == "pm" else 0)
    return hours * 60 + int(minute or 0)


class Opening(BaseModel):
    """Opening times per weekday, Monday first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    week: tuple[DayTimes, ...] = Field(min_length=len(WEEKDAYS), max_length=len(WEEKDAYS))


def _checked_days(text: str) -> str:
    parse_days(text)
    return text


def _checked_times(value: object) -> DayTimes:
    if not isinstance(value, str):
        raise ValueError(f'{shown(value)} is not one text: write for example "09:00-12:00, 13:00-17:00"')  # noqa: TRY004 - pydantic reports ValueError
    return parse_times(value)


_TIMES_BY_DAYS = TypeAdapter(
    dict[Annotated[str, AfterValidator(_checked_days)], Annotated[DayTimes, BeforeValidator(_checked_times)]]
)


def _opening(value: object) -> Opening:
    """Opening times from times by days (`mon-fri`), as the estate file has them; a day left out is closed."""
    if isinstance(value, Opening):
        return value
    if not isinstance(value, dict) or not value:
        raise ValueError(f'{shown(value)} is not times by days: write for example {{mon-fri: "09:00-17:00"}}')
    times = _TIMES_BY_DAYS.validate_python(value)
    week: list[DayTimes] = [()] * len(WEEKDAYS)
    by_day = [(day, days) for days in times for day in parse_days(days)]
    names = ((WEEKDAYS[day], (days,)) for day, days in by_day)
    refuse(repeats(names, "{name} has opening times twice: keep one of them"))
    for day, days in by_day:
        week[day] = times[days]
    return Opening(week=tuple(week))


_TIMES_JSON = {"type": "string", "pattern": f"^(?:{_TIMES_PATTERN})$", "examples": ["09:00-17:00", CLOSED]}
_OPENING_JSON = {
    "type": "object",
    "patternProperties": {f"^{_DAYS_PATTERN}$": _TIMES_JSON},
    "additionalProperties": False,
    "minProperties": 1,
    "examples": [{"mon-fri": "09:00-17:00", "sat": "10:00-13:00"}],
}

OpeningInFile = Annotated[
    Opening, BeforeValidator(_opening, json_schema_input_type=Annotated[dict[str, Any], WithJsonSchema(_OPENING_JSON)])
]
"""An Opening, or the estate file's mapping of days to times."""


class Closure(BaseModel):
    """Days, first to last inclusive, on which a hub is closed, or schools are in session."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: date
    last: date


def parse_closure(value: object) -> Closure:
    """A closure from `2026-12-25` or `2026-12-25..2027-01-01`; one made in code stays."""
    return _days_of(value, "a closure")


def _parse_term(value: object) -> Closure:
    return _days_of(value, "a school term")


def _days_of(value: object, what: str) -> Closure:
    if isinstance(value, Closure):
        return value
    text = value if isinstance(value, str) else ""
    match = _CLOSURE.fullmatch(text)
    if match is None:
        raise ValueError(f"{shown(value)} is not {what}: {_closure_hint(text)}")
    first, last = (_day(day) for day in (match[1], match[2] or match[1]))
    if last < first:
        raise ValueError(f'{shown(value)} ends before it starts: write "{last}..{first}"')
    return Closure(first=first, last=last)


def _closure_hint(text: str) -> str:
    days = re.findall(_DATE_PATTERN, text[:64])
    return f'write "{"..".join(days)}"' if len(days) in {1, 2} else 'write "2026-12-25" or "2026-12-25..2027-01-01"'


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{shown(text)} is not in the calendar: correct the year, the month or the day") from error


ClosureInFile = Annotated[
    Closure,
    BeforeValidator(
        parse_closure,
        json_schema_input_type=Annotated[
            str, Field(pattern=f"^{_CLOSURE_PATTERN}$", examples=["2026-12-25", "2026-12-25..2027-01-01"])
        ],
    ),
]
"""A Closure, or the estate file's text of its first and last day."""

TermInFile = Annotated[
    Closure,
    BeforeValidator(
        _parse_term,
        json_schema_input_type=Annotated[
            str, Field(pattern=f"^{_CLOSURE_PATTERN}$", examples=["2026-09-01..2026-10-23"])
        ],
    ),
]
"""A school term, in the same way."""
