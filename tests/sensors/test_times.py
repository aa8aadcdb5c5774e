"""Device times: text with an offset, and numbers whose magnitude tells their unit."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.localtime import rfc3339, to_ns
from sensors.times import number_ns, text_ns, text_or_number_ns, times_ns

YEAR_2000_NS = 946_684_800 * 10**9
YEAR_2100_NS = 4_102_444_800 * 10**9
instants_ns = st.integers(YEAR_2000_NS, YEAR_2100_NS)


@given(instants_ns)
def test_text_reads_back_to_the_nanosecond(time_ns: int) -> None:
    assert text_ns(rfc3339(time_ns)) == time_ns


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 - the zone is the next argument
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_any_offset_is_read_as_the_library_reads_it(local: datetime, offset_minutes: int) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))

    assert text_ns(moment.isoformat()) == to_ns(moment)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2026-05-12T11:55:00Z", "2026-05-12T11:55:00+00:00"),
        ("2026-05-12t11:55:00z", "2026-05-12T11:55:00+00:00"),
        ("2026-05-12 11:55:00-00:00", "2026-05-12T11:55:00+00:00"),
        ("2026-05-12T23:55:00-02:30", "2026-05-13T02:25:00+00:00"),
        ("2024-02-29T00:00:00+14:00", "2024-02-28T10:00:00+00:00"),
    ],
)
def test_spellings_of_an_instant(text: str, expected: str) -> None:
    assert text_ns(text) == to_ns(datetime.fromisoformat(expected))


@pytest.mark.parametrize(
    "decimals, extra_ns",
    [("1", 100_000_000), ("000000001", 1), ("123456789", 123_456_789), ("500", 500_000_000)],
)
def test_decimals_are_kept_to_the_nanosecond(decimals: str, extra_ns: int) -> None:
    whole_ns = text_ns("2026-05-12T11:55:00Z")

    assert text_ns(f"2026-05-12T11:55:00.{decimals}Z") == whole_ns + extra_ns
    assert text_ns(f"2026-05-12T12:55:00.{decimals}+01:00") == whole_ns + extra_ns


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026-05-12", "2026-05-12T11:55:00", "11:55:00Z", "2026-05-12T11:55Z", "20260512T115500Z"),
        *(
            "2026-05-12T11:55:00.Z",
            "2026-05-12T11:55:00.1234567890Z",
            "2026-05-12T11:55:00+01",
            "2026-W20-2T00:00:00Z",
        ),
        *("2026-00-12T11:55:00Z", "2026-02-29T11:55:00Z", "0000-01-01T00:00:00Z", "2026-05-12T24:00:00Z"),
        *("2026-05-12T11:60:00Z", "2026-05-12T11:55:60Z", "2026-05-12T11:55:00+24:00", "2026-05-12T11:55:00+01:60"),
        *(" 2026-05-12T11:55:00Z", "2026-05-12T11:55:00Z\n", "٢٠٢٦-05-12T11:55:00Z", "-2026-05-12T11:55:00Z"),
    ],
)
def test_what_names_no_instant_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a (time|day)"):
        text_ns(text)


@given(st.integers(YEAR_2000_NS // 10**9, YEAR_2100_NS // 10**9), st.integers(0, 999_999_999))
def test_the_magnitude_of_a_whole_number_tells_its_unit(seconds: int, fraction_ns: int) -> None:
    time_ns = seconds * 10**9 + fraction_ns

    assert number_ns(seconds) == seconds * 10**9
    assert number_ns(time_ns // 10**6) == time_ns // 10**6 * 10**6
    assert number_ns(time_ns // 10**3) == time_ns // 10**3 * 10**3
    assert number_ns(time_ns) == time_ns


@given(st.integers(YEAR_2000_NS // 1000, YEAR_2100_NS // 1000), st.sampled_from([1, 10**3, 10**6]))
def test_a_number_with_a_fraction_is_right_to_the_microsecond(time_us: int, units_a_second: int) -> None:
    number = time_us * units_a_second / 10**6

    assert abs(number_ns(number) - time_us * 1000) <= 1000
    assert number_ns(number) % 1000 == 0


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_a_number_without_end_is_no_time(number: float) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        number_ns(number)


@given(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers()))
def test_any_finite_number_is_some_time(number: float) -> None:
    assert isinstance(number_ns(number), int)


def test_the_epoch_is_nought() -> None:
    assert text_ns("1970-01-01T00:00:00Z") == 0
    assert to_ns(datetime(1970, 1, 1, tzinfo=UTC)) == number_ns(0) == number_ns(-0.0)


numbers = st.one_of(st.integers(-5, 2 * 10**9), st.integers(0, 10**19), st.floats(0, 1e18))
texts = st.sampled_from(["2026-11-02T09:30:00.5Z", "2026-11-02T09:30:00Z", "17"])
usual = st.sampled_from(["", r"\.\d{3}", r"\.\d{6}"]).flatmap(
    lambda decimals: st.lists(
        st.from_regex(rf"20[0-2]\d-[01]\d-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d{decimals}Z\n?", fullmatch=True)
    )
)


@given(usual)
@example(["2026-05-12T24:00:00Z"])
@example(["2026-05-12T11:55:00Z\n2026-05-12T11:55:01Z", "2026-05-12T11:55:00Z"])
@example(["0000-05-12T11:55:00Z"])
def test_texts_together_are_what_they_are_alone(texts: list[str]) -> None:
    try:
        alone = list(map(text_or_number_ns, texts))
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            times_ns(texts)
    else:
        assert times_ns(texts) == alone


@given(st.lists(st.datetimes(datetime(1, 1, 1), timezones=st.just(UTC)), min_size=1))  # noqa: DTZ001 - as it says
def test_usual_texts_of_any_year_are_read_to_the_microsecond(moments: list[datetime]) -> None:
    texts = [moment.isoformat(timespec="microseconds").replace("+00:00", "Z") for moment in moments]

    assert times_ns(texts) == list(map(to_ns, moments))


@given(st.one_of(st.lists(st.integers(0, 10**12)), st.lists(texts), st.lists(st.one_of(numbers, texts))))
def test_times_together_are_what_they_are_alone(times: list[float | str]) -> None:
    alone = [text_or_number_ns(time) if isinstance(time, str) else number_ns(time) for time in times]

    assert times_ns(times) == alone
