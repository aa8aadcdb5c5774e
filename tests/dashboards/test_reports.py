"""A report of a simulated month against its truth, and each format of it."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from statistics import fmean
from typing import Any

import pytest

from dashboards.reports import findings, words
from dashboards.reports.document import Document
from dashboards.reports.evidence import Evidence
from dashboards.reports.files import Format
from dashboards.reports.formats import write
from dashboards.reports.gather import NotBegunError
from dashboards.reports.model import Report, Since
from dashboards.reports.sections import document
from schemas.localtime import to_ns
from schemas.measures import USAGE_MEASURES, Aggregation, PeopleState
from tests.dashboards.report_month import (
    FIRST,
    HUBS,
    LAST,
    NOW,
    ReportMonth,
)
from usage.comparing import Compared, DateRange, LikeForLike, Verdict
from usage.comparing.like_for_like import Side
from usage.publishing.publications import SmallNumbers, publish
from usage.publishing.release import release_of
from usage.queries import Period, UnknownHubError
from usage.together import hours_of_week

DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]


# ------------------------------------------------------------------------------------------------ equal to the truth


def _row(report_month: ReportMonth, hub: str, day: date) -> Mapping[str, Any]:
    return report_month.truth.days[hub, day]


def _states(rows: Iterable[Mapping[str, Any]]) -> list[PeopleState]:
    return [PeopleState(row["people_state"]) for row in rows]


def _added(values: Iterable[Any]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def test_people_and_days_are_those_of_the_truth(report_month: ReportMonth, october: Report) -> None:
    assert [part.hub for part in october.hubs] == list(HUBS)
    for part in october.hubs:
        rows = [_row(report_month, part.hub, day) for day in DAYS]
        states = _states(rows)
        missing = states.count(PeopleState.PARTIAL) + states.count(PeopleState.NONE)
        assert part.people.counted == _added(row["entries"] for row in rows)
        assert (part.people.days, part.people.days_counted) == (31, states.count(PeopleState.COUNTED))
        assert (part.people.days_missing, part.people.days_closed) == (missing, states.count(PeopleState.CLOSED))
        assert part.open_hours == sum(row["open_minutes"] for row in rows) / 60
    total = october.total
    assert total.counted == sum(part.people.counted or 0 for part in october.hubs)
    assert total.days_missing == sum(part.people.days_missing for part in october.hubs) > 0
    for day in october.days:
        rows = [_row(report_month, hub, day.date) for hub in HUBS]
        states = _states(rows)
        assert day.counted == _added(row["entries"] for row in rows)
        assert day.hubs_counted == states.count(PeopleState.COUNTED)
        assert day.hubs_closed == states.count(PeopleState.CLOSED)
        assert day.hubs_missing == len(HUBS) - day.hubs_counted - day.hubs_closed


def test_every_other_figure_of_a_hub_is_that_of_the_truth(report_month: ReportMonth, october: Report) -> None:
    compared = 0
    for part in october.hubs:
        rows = [_row(report_month, part.hub, day) for day in DAYS]
        for name, value in part.figures.items():
            if name not in rows[0]:
                continue
            expected = _over_days(name, rows)
            assert value == (None if expected is None else pytest.approx(expected, abs=0.002)), (part.hub, name)
            compared += expected is not None
    assert compared >= 40


def _over_days(name: str, rows: list[Mapping[str, Any]]) -> float | None:
    """A figure of the month by the catalogue's rule, worked out a second time."""
    known = [(row[name], row["open_minutes"]) for row in rows if row[name] is not None]
    rule = USAGE_MEASURES[name].over_days
    values = [value for value, _ in known]
    if not known or rule is Aggregation.NONE:
        return None
    if rule is Aggregation.MEAN_BY_OPENING:
        minutes = sum(minutes for _, minutes in known)
        return sum(value * minutes for value, minutes in known) / minutes if minutes else fmean(values)
    rules: dict[Aggregation, Callable[[list[Any]], float]] = {
        Aggregation.SUM: sum,
        Aggregation.MIN: min,
        Aggregation.MAX: max,
        Aggregation.MEAN: fmean,
    }
    return float(rules[rule](values))


def test_estimates_hold_what_would_have_been_counted(report_month: ReportMonth, october: Report) -> None:
    """The same days without a fault tell what the doors would have counted."""
    told = [part for part in october.hubs if part.people.days_missing and part.people.low is not None]
    assert told
    for part in told:
        would = _added(report_month.without_faults[part.hub, day] for day in DAYS)
        assert part.people.counted is not None
        assert part.people.low is not None
        assert part.people.high is not None
        assert part.people.counted < part.people.low <= would <= part.people.high


def test_a_comparison_is_of_like_days_that_were_counted(report_month: ReportMonth, october: Report) -> None:
    before = [date(2026, 9, n) for n in range(1, 31)]
    (found,) = [each for each in october.comparisons if each.against.name == "2026-09"]
    for each in found.hubs:
        (hub,) = each.hubs
        pairs = []
        for weekday in range(7):
            now, then = (
                [day for day in days if day.weekday() == weekday and _is_open(report_month, hub, day)]
                for days in (DAYS, before)
            )
            pairs += list(zip(now, then, strict=False))
        whole = [pair for pair in pairs if all(_is_counted(report_month, hub, day) for day in pair)]
        assert each.days == len(whole)
        assert each.now.entries == sum(_row(report_month, hub, day)["entries"] for day, _ in whole)
        assert each.before.entries == sum(_row(report_month, hub, day)["entries"] for _, day in whole)
    assert found.together is not None
    assert found.together.now.entries == sum(each.now.entries for each in found.hubs)


def _is_open(report_month: ReportMonth, hub: str, day: date) -> bool:
    """Days before the simulated ones are open as any other of their weekday."""
    row = report_month.truth.days.get((hub, day))
    return day.weekday() != 6 if row is None else bool(row["open_minutes"])


def _is_counted(report_month: ReportMonth, hub: str, day: date) -> bool:
    row = report_month.truth.days.get((hub, day))
    return row is not None and row["people_state"] == PeopleState.COUNTED


def test_hours_add_up_to_what_the_truth_has_of_their_days(report_month: ReportMonth, october: Report) -> None:
    """Of days that were covered to the last minute, an average day's hours are the average day."""
    whole = {
        (hub, day)
        for hub in HUBS
        for day in DAYS
        if _row(report_month, hub, day)["footfall_completeness"] == 1 and _is_open(report_month, hub, day)
    }
    store = report_month.open()
    hourly = list(report_month.queries(store).hourly(FIRST, LAST))
    store.close()
    assert list(october.hours) == hours_of_week(hourly)
    found = hours_of_week(each for each in hourly if (each.hub, each.time.date()) in whole)
    for weekday in range(6):
        means = [
            fmean(rows)
            for hub in HUBS
            if (
                rows := [
                    _row(report_month, hub, d)["entries_open"] for h, d in whole if h == hub and d.weekday() == weekday
                ]
            )
        ]
        assert sum(each.people for each in found if each.weekday == weekday) == pytest.approx(sum(means))
    assert {hour.weekday for hour in october.hours} == set(range(6))


def test_targets_and_visits_follow_from_the_truth(report_month: ReportMonth, october: Report) -> None:
    (target,) = october.targets
    assert (target.hub, target.target) == ("armley", 2500)
    assert target.counted == _added(_row(report_month, "armley", day)["entries"] for day in DAYS)
    (visits,) = october.visits
    counted = _added(_row(report_month, "beeston", day)["entries"] for day in DAYS)
    assert visits.hub == "beeston"
    assert visits.lines[0].people == counted
    assert visits.people == sum(line.people for line in visits.lines)
    assert [line.what.partition(":")[0] for line in visits.lines[-2:]] == ["halve", "staff"]


def test_the_first_page_says_it_in_sentences(october: Report) -> None:
    (first, *_) = document(october).sections
    said = " ".join(" ".join(getattr(part, "items", ())) for part in first.parts)
    thin = f"{october.total.counted:,}".replace(",", "\u202f")
    assert f"{thin} people were counted coming into 3 hubs, 1 to 31 October 2026." in said
    assert f"{october.total.days_missing} hub days are missing or incomplete" in said
    assert "Like for like, 3 hubs together counted" in said
    assert "caused" not in json.dumps(_texts(document(october)))


def test_a_change_beyond_the_usual_is_said_with_what_was_at_the_same_time(october: Report) -> None:
    def like(hub: str, now: int, before: int, verdict: Verdict) -> LikeForLike:
        return LikeForLike((hub,), 20, 1, (), Side(now, 100.0), Side(before, 100.0), None, 0.05, verdict)

    hubs = (
        like("armley", 200, 100, Verdict.UNUSUAL),
        like("beeston", 50, 100, Verdict.UNUSUAL),
        like("otley", 104, 100, Verdict.USUAL),
    )
    whole = like("armley", 354, 300, Verdict.UNKNOWN)
    found = Compared(DateRange.parse("2026-10"), DateRange.parse("2026-09"), False, whole, hubs, {})
    noted = replace(october.hubs[0], notes=("6 October 2026: boiler repaired",))
    said = findings.changes(replace(october, names={}, comparisons=(found, found), hubs=(noted, *october.hubs[1:])))
    assert "Risen more than usual against September 2026: armley (100.0\u00a0% more)." in said
    assert "Fallen more than usual against September 2026: beeston (50.0\u00a0% fewer)." in said
    (beside,) = [sentence for sentence in said if sentence.startswith("armley: at the same time as that, ")]
    assert "it was closed 14 to 15 October 2026" in beside
    assert "somebody noted “6 October 2026: boiler repaired”" in beside
    assert not [sentence for sentence in said if "otley" in sentence]
    assert "too little history to say whether that is usual" in said[0]


def _texts(laid_out: Document) -> list[str]:
    return [str(part) for section in laid_out.sections for part in section.parts]


# ------------------------------------------------------------------------------------------------- periods of all kinds


def test_a_running_period_says_until_when(report_month: ReportMonth) -> None:
    found = report_month.report("2026-11")
    assert (found.until, found.is_running) == (date(2026, 11, 3), True)
    assert document(found).subtitle == "All hubs, November 2026, until 3 November 2026"
    assert "This period is not over: figures are until 3 November 2026." in str(document(found).sections[0])


def test_a_first_month_says_since_when_it_was_counted(report_month: ReportMonth, october: Report) -> None:
    """The first of September is before the first reading of all; part of a day is counted, too."""
    september = report_month.report("2026-09")
    days = report_month.truth.days.items()
    first = {hub: min(day for (name, day), row in days if name == hub and row["entries"]) for hub in HUBS}
    assert {part.hub: part.counted_from for part in september.hubs} == first
    assert date(2026, 9, 2) in first.values()
    assert "Counted from 2 September 2026 on, open days before it are missing: " in " ".join(
        findings.doubtful(september)
    )
    assert {part.counted_from for part in october.hubs} == {None}


def test_a_period_without_a_whole_day_is_refused(report_month: ReportMonth) -> None:
    with pytest.raises(NotBegunError, match="2026-W50 has no whole day yet: its report can be made from 2026-12-08 on"):
        report_month.report("2026-W50")


def test_a_hub_that_nobody_knows_is_refused(report_month: ReportMonth) -> None:
    with pytest.raises(UnknownHubError):
        report_month.report(hub="nowhere")


@pytest.mark.parametrize(
    "period, name",
    [
        ("2026-10", "October 2026"),
        ("2026-W44", "week 44 of 2026 (26 October to 1 November 2026)"),
        ("2026-Q3", "July to September 2026"),
        ("2026-H2", "July to December 2026"),
        ("2026", "2026"),
    ],
)
def test_a_period_has_a_name_for_people(period: str, name: str) -> None:
    assert words.period(*Period.parse(period)) == name


def test_what_was_published_is_held_against_what_is_known_now(report_month: ReportMonth) -> None:
    store = report_month.open()
    queries = report_month.queries(store)
    content = dict(publish(queries, report_month.estate, "2026-10", hub="otley", now_ns=to_ns(NOW)))
    same = report_month.report(hub="otley", evidence=Evidence(publications=[content]))
    assert same.restatement is not None
    assert same.restatement.holds
    wrong = [
        row | {"entries": 9999} if (row["hub"], row["date"]) == ("otley", "2026-10-02") else row
        for row in content["days"]
    ]
    changed = report_month.report(hub="otley", evidence=Evidence(publications=[content | {"days": wrong}]))
    store.close()
    assert changed.restatement is not None
    (row,) = changed.restatement.restated
    assert (row.hub, row.before, row.after) == (
        "otley",
        9999,
        _row(report_month, "otley", date(2026, 10, 2))["entries"],
    )
    assert "1 day of a hub is otherwise than it was published on 2026-11-04" in str(document(changed).sections[0])


def test_a_report_of_a_period_published_without_small_numbers_tells_none(report_month: ReportMonth) -> None:
    below = 120
    with closing(report_month.open()) as store:
        queries = report_month.queries(store)
        content = publish(
            queries, report_month.estate, "2026-10", now_ns=to_ns(NOW), small=SmallNumbers(below, "a" * 32)
        )
    found = report_month.report(evidence=Evidence(publications=[content]))
    assert found.small_below == below
    cells = {(cell["hub"], cell["period"]): cell["entries"] for cell in release_of(content)["cells"]}
    assert found.total.counted == cells["all hubs", "2026-10"]
    assert {day for day in DAYS if cells["all hubs", f"{day}"] == "*"} == found.hidden_days
    assert found.hidden_days
    rows = list(csv.DictReader(io.StringIO(write(found, Format.CSV).content.decode())))
    days = {row["item"]: row["value"] for row in rows if (row["section"], row["figure"]) == ("days", "entries")}
    assert days == {f"{day}": str(cells["all hubs", f"{day}"]) for day in DAYS}
    assert {row["section"] for row in rows} == {"findings", "totals", "hubs", "days", "cases", "air"}
    assert not {row["figure"] for row in rows} & {"peak_occupancy", "wifi_peak_clients", "entries_mean"}
    assert "below 120" in str(document(found).sections)
    assert write(found, Format.PDF).content.startswith(b"%PDF")


def test_a_new_version_says_what_changed(october: Report) -> None:
    second = replace(october, since=Since(1, "3 November 2026", ("otley: 2 400 people counted, now 2 459",)))
    assert write(second, Format.CSV).name == "hubpulse-2026-10-v2.csv"
    assert "This is a new version: 1 figure changed since version 1 of 3 November 2026." in str(
        document(second).sections[0]
    )
    assert "now 2 459" in str(document(second).sections[-1])
