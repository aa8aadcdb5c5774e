"""Opening times, weekdays and closures as the estate file writes them."""

import itertools
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.opening import (
    MINUTES_A_DAY,
    WEEKDAYS,
    Closure,
    ClosureInFile,
    Opening,
    OpeningInFile,
    parse_closure,
    parse_days,
    parse_times,
)

OPENING: TypeAdapter[Opening] = TypeAdapter(OpeningInFile)
CLOSURE: TypeAdapter[Closure] = TypeAdapter(ClosureInFile)

days = st.integers(0, 6)


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@given(first=days, last=days)
def test_a_range_of_days_runs_forward_and_wraps_at_the_weekend(first: int, last: int) -> None:
    found = parse_days(f"{WEEKDAYS[first]}-{WEEKDAYS[last]}")

    assert found[0] == first
    assert found[-1] == last
    assert [(after - before) % 7 for before, after in itertools.pairwise(found)] == [1] * (len(found) - 1)
    assert len(found) == len(set(found))


@given(day=days)
def test_a_day_alone_is_that_day(day: int) -> None:
    assert parse_days(WEEKDAYS[day]) == parse_days(f"{WEEKDAYS[day]}-{WEEKDAYS[day]}") == (day,)


def test_the_days_around_sunday() -> None:
    assert parse_days("sat-mon") == (5, 6, 0)
    assert parse_days("mon-sun") == (0, 1, 2, 3, 4, 5, 6)
    assert parse_days("thu-wed") == (3, 4, 5, 6, 0, 1, 2)


@pytest.mark.parametrize(
    "text, hint",
    [
        ("Mon-Fri", "mon-fri"),
        ("MONDAY", "mon"),
        ("monday to friday", "mon-fri"),
        ("mo\u2013fr", "mon-fri"),
        ("weekdays", "mon-fri"),
        ("weekend", "sat-sun"),
        ("thurs", "thu"),
        (" sat ", "sat"),
    ],
)
def test_a_cure_for_days_is_itself_right(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=f"not a day or a range of days: write {hint}$"):
        parse_days(text)
    assert parse_days(hint)


@pytest.mark.parametrize("text", ["", "-", "mon-", "-mon", "mon-fri-sun", "t-f", "everyday", "mon\n", "m\u00f6n", "0"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a day or a range of days: write "):
        parse_days(text)


@st.composite
def apart(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Opening times of a day that neither overlap nor are empty, in order."""
    marks = sorted(draw(st.lists(st.integers(0, MINUTES_A_DAY), min_size=2, max_size=12, unique=True)))
    return list(zip(marks[::2], marks[1::2], strict=False))


@given(data=st.data(), spans=apart(), blank=st.sampled_from(["", " "]))
def test_times_come_back_in_order_however_they_are_written(
    data: st.DataObject, spans: list[tuple[int, int]], blank: str
) -> None:
    written = [f"{clock(start)}{blank}-{blank}{clock(end)}" for start, end in data.draw(st.permutations(spans))]

    assert parse_times(f",{blank}".join(written)) == tuple(spans)


@given(minutes=st.tuples(st.integers(0, MINUTES_A_DAY - 1), st.integers(0, MINUTES_A_DAY)))
def test_a_time_that_ends_before_it_starts_gets_a_hint_with_times_that_are_right(minutes: tuple[int, int]) -> None:
    start, end = minutes
    text = f"{clock(start)}-{clock(end)}"
    if start < end:
        assert parse_times(text) == ((start, end),)
        return
    with pytest.raises(ValueError, match=r"ends (before|where) it starts") as caught:
        parse_times(text)
    hints = [part for part in str(caught.value).split(": write ")[1].split('"') if ":" in part]
    assert [parse_times(hint) for hint in hints]


@given(first=apart(), second=apart())
def test_times_that_share_a_minute_are_refused(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> None:
    text = ", ".join(f"{clock(start)}-{clock(end)}" for start, end in first + second)
    shared = any(a < d and c < b for a, b in first for c, d in second)

    if shared:
        with pytest.raises(ValueError, match="overlap: write one time that covers both"):
            parse_times(text)
    else:
        assert parse_times(text) == tuple(sorted(first + second))


def test_the_day_may_end_at_24_and_an_hour_needs_no_zero() -> None:
    assert parse_times("00:00-24:00") == ((0, 1440),)
    assert parse_times("8:05-9:07") == ((485, 547),)
    assert parse_times("closed") == ()


@pytest.mark.parametrize(
    "text, hint",
    [
        ("9am-5pm", "09:00-17:00"),
        ("9am - 5.30pm", "09:00-17:30"),
        ("12am-12pm", "00:00-12:00"),
        ("09.00\u201317.00", "09:00-17:00"),
        ("0900-1700", "09:00-17:00"),
        ("9-17", "09:00-17:00"),
        ("9:00 to 17:00", "09:00-17:00"),
        ("9h-17h30", "09:00-17:30"),
        ("09:00-17:00\n", "09:00-17:00"),
        ("\u201c09:00-17:00\u201d", "09:00-17:00"),
    ],
)
def test_a_cure_for_times_is_what_was_meant(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=f'is not an opening time: write "{hint}"$'):
        parse_times(text)
    assert parse_times(hint)


@pytest.mark.parametrize("text", ["off", "no", "NONE", "Closed"])
def test_words_for_closed_are_cured(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an opening time: write closed$"):
        parse_times(text)


@pytest.mark.parametrize(
    "text", ["09:00", "9-5", "24:00-25:00", "09:60-10:00", "25:00-26:00", "\u0660\u0669:00-17:00", "x"]
)
def test_what_is_no_time_gets_an_example(text: str) -> None:
    with pytest.raises(ValueError, match='is not an opening time: write for example "09:00-17:00", or closed'):
        parse_times(text)


@given(text=st.text(max_size=40))
def test_any_text_is_taken_or_refused_in_one_line(text: str) -> None:
    parsers: tuple[Callable[[str], object], ...] = (parse_days, parse_times, parse_closure)
    for refusal in filter(None, (refusal_of(parse, text) for parse in parsers)):
        assert len(refusal) < 300
        assert refusal.isprintable()


def refusal_of(parse: Callable[[str], object], text: str) -> str | None:
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return None


@given(hours=st.dictionaries(days, apart(), min_size=1))
def test_a_week_holds_each_day_s_times_and_the_others_are_closed(hours: dict[int, list[tuple[int, int]]]) -> None:
    written = {
        WEEKDAYS[day]: ", ".join(f"{clock(start)}-{clock(end)}" for start, end in spans) or "closed"
        for day, spans in hours.items()
    }

    assert OPENING.validate_python(written).week == tuple(tuple(hours.get(day, ())) for day in range(7))


def test_an_opening_made_in_code_is_taken_as_it_is() -> None:
    opening = Opening(week=(((540, 1020),),) * 7)

    assert OPENING.validate_python(opening) is opening
    assert OPENING.dump_python(opening) == {"week": (((540, 1020),),) * 7}


def test_a_week_has_seven_days() -> None:
    with pytest.raises(ValidationError, match="at least 7 items"):
        Opening(week=((),) * 6)


def test_a_day_in_two_ranges_is_refused_even_with_the_same_times() -> None:
    with pytest.raises(ValidationError, match="wed has opening times twice: keep one of them"):
        OPENING.validate_python({"mon-wed": "09:00-17:00", "wed-fri": "09:00-17:00"})


@given(first=st.dates(date(1000, 1, 1)), length_days=st.integers(0, 5000))
def test_a_closure_has_its_first_and_last_day(first: date, length_days: int) -> None:
    last = first + timedelta(days=min(length_days, (date.max - first).days))

    assert CLOSURE.validate_python(f"{first}..{last}") == Closure(first=first, last=last)
    assert CLOSURE.validate_python(str(first)) == Closure(first=first, last=first)
    if first < last:
        with pytest.raises(ValidationError, match=f'ends before it starts: write "{first}..{last}"'):
            CLOSURE.validate_python(f"{last}..{first}")


@pytest.mark.parametrize("text", ["2026-02-29", "2026-13-01", "0000-01-01", "2026-04-31..2026-05-01"])
def test_a_closure_is_of_the_calendar(text: str) -> None:
    with pytest.raises(ValidationError, match="is not in the calendar: correct the year, the month or the day"):
        CLOSURE.validate_python(text)


@pytest.mark.parametrize(
    "value", ["20261225", "2026-W52-5", "26-12-25", "25/12/2026", "", 20261225, None, ["2026-12-25"]]
)
def test_other_ways_to_write_a_day_are_refused(value: object) -> None:
    with pytest.raises(ValidationError, match='is not a closure: write "2026-12-25"'):
        CLOSURE.validate_python(value)
