"""What is hidden in what is given out stays hidden, from whoever has all that was ever given out."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.suppression import BELOW, PERIODS, only_small, protected, publication, run, simulated_days
from schemas import HubpulseError
from schemas.measures import PeopleState
from tests.campaigns import IS_CAMPAIGN
from usage.publishing.attack import attack
from usage.publishing.cells import ALL_HUBS, FIGURES, Grid
from usage.publishing.disclosure import _Hiding, hide
from usage.publishing.publication_file import Content, code_of
from usage.publishing.release import read_release, release_of, to_text
from usage.queries import DayFigures
from usage.queries.periods import Period

TRIED = 1000 if IS_CAMPAIGN else 300


@pytest.mark.timeout(300)
def test_the_attack_recovers_nothing_from_hundreds_of_releases() -> None:
    """A thousand in `make campaigns`; with larger estates, as many as you like: `python -m benchmarks.suppression`."""
    found = run(TRIED, partial(protected, hubs_max=3))
    assert (found.releases, found.recovered, found.broken) == (TRIED, 0, [])
    assert found.hidden > 20 * TRIED


def test_the_attack_recovers_what_is_hidden_without_protection() -> None:
    found = run(40, only_small)
    assert len(found.broken) > 30
    assert found.recovered > found.hidden / 2


def test_the_attack_finds_numbers_behind_others_that_are_too_small_to_protect_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_Hiding, "_can_fall", lambda _self, _base: True)
    assert run(40, protected).recovered > 40


def test_what_the_attack_finds_is_true() -> None:
    found = 0
    for seed in range(12):
        period = PERIODS[seed % len(PERIODS)]
        true = release_of(publication(simulated_days(seed, period), period, below=None))
        of = {(cell["hub"], cell["period"]): cell for cell in true["cells"]}
        for each in attack([only_small(seed)]).recovered:
            found += 1
            assert each.low <= of[each.hub, each.period][each.figure] <= each.high
    assert found > 100


def test_later_publications_tell_nothing_that_earlier_ones_hide() -> None:
    for seed in range(8):
        days = {(day.hub, day.date): day for period in ("2026-07", "2026-08", "2026-09") for day in _as(seed, period)}
        published: list[Content] = []
        for period in ("2026-08", "2026-W36", "2026-09", "2026-W36", "2026-Q3"):
            published.append(publication(_of(days, period), period, earlier=tuple(published)))
        assert attack([release_of(each) for each in published]).recovered == ()


def test_a_publication_that_heeds_no_earlier_one_gives_it_away() -> None:
    recovered = 0
    for seed in range(25):
        days = {(day.hub, day.date): day for period in ("2026-08", "2026-09") for day in _as(seed, period)}
        published = [publication(_of(days, period), period) for period in ("2026-08", "2026-W36", "2026-09")]
        recovered += len(attack([release_of(each) for each in published]).recovered)
    assert recovered > 0


def _as(seed: int, period: str) -> list[DayFigures]:
    """The same hubs in every period."""
    return simulated_days(seed, period, hubs_max=2)


def _of(days: Mapping[tuple[str, date], DayFigures], period: str) -> list[DayFigures]:
    _, first, last = Period.parse(period)
    return [figures for (_, day), figures in sorted(days.items()) if first <= day <= last]


def _days(*counts: Sequence[int | None], period: str = "2026-09", exits: bool = True) -> list[DayFigures]:
    """Days of as many hubs, from the period's first on; those beyond are closed."""
    _, first, last = Period.parse(period)
    days = []
    for number, of_hub in enumerate(counts):
        for place in range((last - first).days + 1):
            people = of_hub[place] if place < len(of_hub) else None
            state = PeopleState.CLOSED if people is None else PeopleState.COUNTED
            figures = {"entries": people, "exits": people if exits else None, "entries_open": people}
            covered = None if people is None else 1.0
            days.append(
                DayFigures(
                    f"hub-{number}",
                    first + timedelta(days=place),
                    {**figures, "people_state": state, "footfall_completeness": covered},
                )
            )
    return days


def _stars(release: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(cell["hub"], cell["period"]) for cell in release["cells"] if cell["entries"] == "*"}


def test_four_numbers_hide_a_small_one_and_zero_is_shown() -> None:
    # 1 to 6 September 2026 are of one week, which is not whole within the month.
    release = release_of(publication(_days([3, 0, 50, 60], [70, 80, 40, 90]), "2026-09"))
    assert _stars(release) == {
        ("hub-0", "2026-09-01"),
        ("hub-0", "2026-09-03"),
        ("hub-1", "2026-09-01"),
        ("hub-1", "2026-09-03"),
    }
    (zero,) = (cell for cell in release["cells"] if (cell["hub"], cell["period"]) == ("hub-0", "2026-09-02"))
    assert [zero[name] for name in FIGURES] == [0, 0, 0]


def test_what_tells_of_a_hidden_number_is_hidden_with_it() -> None:
    release = release_of(publication(_days([3, 50, 60, 50], [70, 80, 40, 90]), "2026-09"))
    told = ("entries", "exits", "entries_open", "entries_estimated", "entries_low", "entries_high", "method")
    hidden = [cell for cell in release["cells"] if cell["entries"] == "*"]
    assert hidden
    assert all(cell[name] == "*" for cell in hidden for name in told)
    assert not {"peak_occupancy", "occupancy_drift", "wifi_devices"} & release["cells"][0].keys()


def test_exits_that_not_every_hub_counts_are_no_sum() -> None:
    days = [*_days([30, 40]), *(_moved(day) for day in _days([50, 60], exits=False))]
    cells = release_of(publication(days, "2026-09"))["cells"]
    (month,) = (cell for cell in cells if (cell["hub"], cell["period"]) == (ALL_HUBS, "2026-09"))
    assert (month["entries"], month["exits"]) == (180, None)


def _moved(day: DayFigures) -> DayFigures:
    return DayFigures("hub-9", day.date, day.figures)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), shift=st.integers(1, BELOW))
def test_other_hidden_numbers_would_have_given_the_very_same_release(seed: int, shift: int) -> None:
    """Not even estimates differ: what they go by is shown."""
    period = "2026-09"
    year = simulated_days(seed, "2026", hubs_max=3)
    counts = {(day.hub, day.date): tuple(day.figures[name] for name in FIGURES) for day in _within(year, period)}
    content = _with_history(year, period, publication(_within(year, period), period))
    grid = Grid(tuple(content["names"]), *Period.parse(period)[1:])
    hidden = {(grid.together if hub == ALL_HUBS else hub, name) for hub, name in content["small"]["hidden"]}
    hiding = _Hiding(counts, [grid], BELOW)  # type: ignore[arg-type]
    usable = [
        exchange
        for cell in sorted(hidden)
        for exchange in hiding._near(cell)
        if (changed := hiding._changed(exchange)) and changed <= hidden
    ]
    if usable:
        steps = dict(usable[seed % len(usable)])
        moved = [_plus(day, shift * steps.get((day.hub, day.date), 0)) for day in year]
        days = publication(_within(moved, period), period, below=None)["days"]
        one, two = release_of(content), release_of(_with_history(moved, period, {**content, "days": days}))
        assert one | {"code": ""} == two | {"code": ""}
        assert one["code"] != two["code"]


def _within(days: Sequence[DayFigures], period: str) -> list[DayFigures]:
    _, first, last = Period.parse(period)
    return [day for day in days if first <= day.date <= last]


def _with_history(days: Sequence[DayFigures], period: str, content: Content) -> Content:
    """A publication with the days until its end, by which it estimates."""
    last = Period.parse(period)[2]
    around = [
        [day.hub, day.date.isoformat(), day.figures["entries"], _word(day), day.figures["footfall_completeness"]]
        for day in days
        if day.date <= last
    ]
    return {**content, "around": around}


def _word(day: DayFigures) -> str:
    return PeopleState(int(day.figures["people_state"] or 0)).name.lower()


def _plus(day: DayFigures, people: int) -> DayFigures:
    added = {name: None if (value := day.figures[name]) is None else int(value) + people for name in FIGURES}
    return DayFigures(day.hub, day.date, {**day.figures, **added})


def test_a_restatement_tells_nothing_that_is_hidden() -> None:
    def restated(day: str, before: int, after: int, figure: str = "entries") -> dict[str, Any]:
        return {"hub": "hub-0", "date": day, "figure": figure, "before": before, "after": after, "cause": "late"}

    last_month = publication(_days([3, 50, 60, 50], [70, 80, 40, 90], period="2026-08"), "2026-08")
    (hidden,) = (day for hub, day in last_month["small"]["hidden"] if hub == "hub-0" and day != "2026-08-01")
    rows = [
        restated("2026-08-01", 3, 30),
        restated(hidden, 50, 51),
        restated("2026-08-04", 50, 2),
        restated("2026-08-05", 50, 70),
        restated("2026-08-05", 20, 25, "peak_occupancy"),
    ]
    found = {"code": code_of(last_month), "period": "2026-08", "restated": rows}
    content = publication(_days([30, 50]), "2026-09", earlier=(last_month,))
    given_out = release_of({**content, "restatement": found})["restated"]
    assert [(row["date"], row["before"], row["after"]) for row in given_out["rows"]] == [
        ("2026-08-04", 50, "*"),
        ("2026-08-05", 50, 70),
    ]


def test_a_number_that_was_shown_before_is_not_hidden_any_more() -> None:
    days = _days([3, 50, 60, 50], [70, 80, 40, 90])
    plain = publication(days, "2026-09", below=None)
    later = publication(days, "2026-09", earlier=(plain,))
    assert (later["small"]["hidden"], later["small"]["told"]) == ([], [["hub-0", "2026-09-01"]])


def test_a_number_that_was_otherwise_when_it_was_shown_is_hidden() -> None:
    plain = publication(_days([0, 50, 60, 50], [70, 80, 40, 90]), "2026-09", below=None)
    later = publication(_days([3, 50, 60, 50], [70, 80, 40, 90]), "2026-09", earlier=(plain,))
    assert later["small"]["told"] == []
    assert ["hub-0", "2026-09-01"] in later["small"]["hidden"]
    assert attack([release_of(later)]).recovered == ()
    shown = {(cell["hub"], cell["period"]): cell["entries"] for cell in release_of(later)["cells"]}
    # The other days were shown as they are now: what holds the small one can't be shown beside them.
    assert {shown["hub-0", name] for name in ("2026-09-01", "2026-09")} == {"*"}


def test_a_hub_alone_with_few_people_is_hidden_whole() -> None:
    counts = {("a", date(2026, 9, day)): (2, 2, 2) for day in (1, 2)}
    found = hide(counts, Grid(("a",), date(2026, 9, 1), date(2026, 9, 30)), BELOW)
    assert found.cells == {("a", "2026-09-01"), ("a", "2026-09-02"), ("a", "2026-09")}
    assert found.told == frozenset()


def test_a_release_is_read_back_and_rubbish_is_refused() -> None:
    release = release_of(publication(_days([3, 50]), "2026-09"))
    assert read_release(to_text(release), "here") == release
    for rubbish in ("", "[]", "{}", '{"cells": [{}]}'):
        with pytest.raises(HubpulseError, match=r"^x is no release: name a file that"):
            read_release(rubbish, "x")


def test_a_code_can_not_be_tried_for_a_hidden_number() -> None:
    content = publication(_days([3, 50]), "2026-09")
    other = {**content, "small": {**content["small"], "salt": "1"}}
    assert code_of(content) != code_of(other)
    assert "salt" not in to_text(release_of(content))
