import itertools

import pytest

from tests.waiting import wait_until


def test_the_first_truthy_value_is_returned() -> None:
    values = itertools.count()

    assert wait_until(lambda: next(values), 5, "a number above nought") == 1


def test_a_missed_deadline_names_what_was_waited_for_and_what_was_seen() -> None:
    drops: list[str] = []

    with pytest.raises(AssertionError, match=r"waited 0\.05 s in vain for rain; last seen: \[\]"):
        wait_until(lambda: drops, 0.05, "rain")


def test_a_condition_that_holds_needs_no_time_at_all() -> None:
    assert wait_until(lambda: "here", 0, "something that is there")
