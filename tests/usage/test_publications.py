"""What is published stays what it was, and every later change is named with its day."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from cli.backup import copy_database
from cli.publish import app
from schemas import Estate, HubpulseError, Kind
from schemas.localtime import NS_AN_HOUR
from stores import Store
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, at, estate, hub, mark, put, run_jobs
from usage import Queries
from usage.jobs import Jobs
from usage.publishing.publication_file import Content, code_of, read, to_text
from usage.publishing.publications import Comparison, NotOverError, compare, publish
from usage.queries import Period
from usage.queries.figures import HubFigures
from usage.rollup import Rollup

MONTH = "2026-09"
FIRST_NS = at("2026-06-29T00:00", "UTC")
NOW_NS = at("2026-10-05T12:00", "UTC")
WEEKS = 14
OPENING = {"mon-fri": "09:00-11:00"}
DEAD = (date(2026, 9, 15), "beeston")
"""A day on which a hub's door was silent."""


def hubs(**changes: object) -> list[dict[str, Any]]:
    sensors = [{"id": "door", "kinds": ["footfall"], "every": "30m"}]
    return [hub(name, sensors, opening=OPENING, **changes) for name in ("armley", "beeston", "chapeltown")]


def known(**changes: object) -> Estate:
    return estate(*hubs(**changes), timezone="UTC")


def fill(store: Store) -> None:
    for number, name in enumerate(("armley", "beeston", "chapeltown"), start=1):
        readings = []
        for day in range(7 * WEEKS):
            start_ns = FIRST_NS + day * DAY_NS
            when = date(2026, 6, 29) + timedelta(days=day)
            if when.weekday() < 5 and (when, name) != DEAD:
                halves_ns = (start_ns + half * NS_AN_HOUR // 2 for half in range(18, 22))
                readings += [(time_ns, {"entries": 10 * number, "exits": 10 * number}) for time_ns in halves_ns]
        put(store, Kind.FOOTFALL, readings, hub=name, sensor="door")
        for day in range(7 * WEEKS):
            mark(store, FIRST_NS + day * DAY_NS, NOW_NS - DAY_NS, hub=name)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "store.db"
    store = SqliteStore(path)
    store.prepare()
    fill(store)
    run_jobs(Jobs(lambda: SqliteStore(path), known, lambda: NOW_NS), NOW_NS)
    store.close()
    return path


@pytest.fixture
def data(filled: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    copy_database(filled, folder / "store.db")
    return folder


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    store = SqliteStore(data / "store.db")
    store.prepare()
    yield store
    store.close()


def frozen(store: Store) -> Content:
    content = publish(Queries(store, known(), now_ns=NOW_NS), known(), MONTH, now_ns=NOW_NS)
    return read(to_text(content), "here")


def held_against(content: Content, store: Store, now_ns: int = NOW_NS, of: Estate | None = None) -> Comparison:
    return compare(content, Queries(store, of or known(), now_ns=now_ns), of or known())


def test_what_was_published_is_equal_when_nothing_changed(store: Store) -> None:
    content = frozen(store)
    assert held_against(content, store) == Comparison((), (), ())
    sums = {row["hub"]: (row["entries"], row["entries_estimated"], row["method"]) for row in content["sums"]}
    assert sums == {
        "armley": (22 * 40, 0, "none"),
        "beeston": (21 * 80, 80, "weekday_sister"),
        "chapeltown": (22 * 120, 0, "none"),
    }


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    late=st.dictionaries(
        st.tuples(st.integers(0, 29), st.sampled_from(["armley", "chapeltown"])), st.integers(1, 99), max_size=3
    )
)
def test_every_late_reading_is_named_with_its_day_and_no_other(
    filled: Path, tmp_path_factory: pytest.TempPathFactory, late: dict[tuple[int, str], int]
) -> None:
    path = tmp_path_factory.mktemp("late") / "store.db"
    copy_database(filled, path)
    store = SqliteStore(path)
    store.prepare()
    content = frozen(store)
    start_ns = at("2026-09-01T00:00", "UTC")
    for (day, name), people in late.items():
        # In the hub's opening time, between its own readings.
        time_ns = start_ns + day * DAY_NS + 10 * NS_AN_HOUR + 1
        put(store, Kind.FOOTFALL, [(time_ns, {"entries": people})], hub=name, sensor="door")
    found = held_against(content, store)
    named = {((each.date - date(2026, 9, 1)).days, each.hub) for each in found.restated if each.figure == "entries"}
    store.close()
    assert (named, found.rules) == (set(late), ())


def test_a_restated_figure_tells_both_values_and_when_readings_came_late(store: Store) -> None:
    content = frozen(store)
    time_ns = at("2026-09-03T10:10", "UTC")
    put(store, Kind.FOOTFALL, [(time_ns, {"entries": 7})], hub="armley", sensor="door")
    mark(store, at("2026-09-03T00:00", "UTC"), NOW_NS + DAY_NS, hub="armley")
    later_ns = NOW_NS + 2 * DAY_NS
    run_jobs(Jobs(lambda: store, known, lambda: later_ns), later_ns)
    (entries,) = (each for each in held_against(content, store, later_ns).restated if each.figure == "entries")
    assert (entries.hub, entries.date, entries.before, entries.after) == ("armley", date(2026, 9, 3), 40, 47)
    assert entries.cause == "readings that came later, on 2026-10-07"


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    closed=st.sets(st.integers(1, 30), min_size=1, max_size=4),
    bettered=st.sets(st.integers(1, 30), max_size=4),
    late=st.sets(st.integers(1, 30), max_size=3),
)
def test_readings_estate_and_rules_together_name_the_days_they_touched_and_no_other(
    filled: Path, tmp_path_factory: pytest.TempPathFactory, closed: set[int], bettered: set[int], late: set[int]
) -> None:
    """A closure at Chapeltown, a rule that counts otherwise at Beeston, and readings that came late at Armley."""
    path = tmp_path_factory.mktemp("touched") / "store.db"
    copy_database(filled, path)
    store = SqliteStore(path)
    store.prepare()
    content = frozen(store)
    for day in late:
        time_ns = at(f"2026-09-{day:02}T10:00", "UTC") + 1
        put(store, Kind.FOOTFALL, [(time_ns, {"entries": 7})], hub="armley", sensor="door")
    first, second, third = hubs()
    edited = estate(first, second, third | {"closures": [f"2026-09-{day:02}" for day in closed]}, timezone="UTC")
    by_today = HubFigures.rollups

    def by_other_rules(of_hub: HubFigures, days: Sequence[date], *more: Any) -> Iterator[Rollup]:
        for rollup in by_today(of_hub, days, *more):
            touched = of_hub.hub == "beeston" and rollup.day.date.day in bettered
            yield replace(rollup, figures=rollup.figures | {"entries": 1}) if touched else rollup

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HubFigures, "rollups", by_other_rules)
        found = held_against(content, store, of=edited)
    store.close()
    named = {(each.hub, each.date.day) for each in found.restated}
    opened = {day for day in closed if date(2026, 9, day).weekday() < 5}
    touched = {("chapeltown", day) for day in opened} | {("beeston", day) for day in bettered}
    assert named == touched | {("armley", day) for day in late}
    causes = {each.hub: each.cause for each in found.restated}
    told = {"chapeltown": "the estate file says otherwise of this hub"}
    assert causes == {hub: told.get(hub, "readings or rules that changed") for hub in causes}


def test_an_edited_estate_file_names_the_days_that_it_touched(store: Store) -> None:
    edited = known(closures=["2026-09-10"])
    found = held_against(frozen(store), store, of=edited).restated
    assert {(each.date, each.hub, each.cause) for each in found} == {
        (date(2026, 9, 10), name, "the estate file says otherwise of this hub")
        for name in ("armley", "beeston", "chapeltown")
    }


def test_other_rules_of_estimating_are_told_though_no_day_changed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = frozen(store)
    monkeypatch.setattr("usage.estimates.trials._NEIGHBOURS_MIN", 99)
    found = held_against(content, store)
    assert (found.restated, found.holds) == ((), False)
    assert "beeston: entries_estimated 80 -> None" in map(str, found.rules)


def test_weeks_that_come_later_better_an_estimate_and_restate_nothing(store: Store) -> None:
    content = frozen(store)
    readings = [
        (at(f"2026-10-{day}T{hour:02}:{minute}", "UTC"), {"entries": people, "exits": 3})
        for day in ("06", "13")
        for hour, minute in ((9, "00"), (9, "30"), (10, "00"), (10, "30"))
        for people in (40,)
    ]
    put(store, Kind.FOOTFALL, readings, hub="beeston", sensor="door")
    later_ns = at("2026-10-20T12:00", "UTC")
    for day in ("06", "13"):
        mark(store, at(f"2026-10-{day}T00:00", "UTC"), later_ns - DAY_NS, hub="beeston")
    run_jobs(Jobs(lambda: store, known, lambda: later_ns), later_ns)
    found = held_against(content, store, later_ns)
    assert (found.restated, found.rules, found.holds) == ((), (), True)
    ((hub_id, before, after),) = [(each.hub, each.before[0], each.after[0]) for each in found.estimates]
    assert (hub_id, before) == ("beeston", 80)
    assert after is not None
    assert after > 80


def test_a_changed_file_is_none_of_ours(store: Store) -> None:
    text = to_text(frozen(store))
    forged = text.replace('"entries": 40,', '"entries": 41,', 1)
    assert forged != text
    with pytest.raises(HubpulseError, match=r"was changed after it was published"):
        read(forged, "september.json")
    for rubbish in ("", "[]", "{}", '{"code": 1}'):
        with pytest.raises(HubpulseError, match=r"^september.json is no publication"):
            read(rubbish, "september.json")


def test_codes_are_short_and_different(store: Store) -> None:
    content = frozen(store)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", code_of(content))
    assert code_of(content) != code_of(dict(content) | {"version": "0"})


def test_a_period_that_is_not_over_is_not_published(store: Store) -> None:
    with pytest.raises(NotOverError, match=r"^2026-10 is not over: publish it from 2026-11-01 on$"):
        publish(Queries(store, known(), now_ns=NOW_NS), known(), "2026-10", now_ns=NOW_NS)


@pytest.mark.parametrize(
    "text, kind, first, last",
    [
        ("2026", Period.YEAR, "2026-01-01", "2026-12-31"),
        ("2026-H2", Period.HALF, "2026-07-01", "2026-12-31"),
        ("2026-Q1", Period.QUARTER, "2026-01-01", "2026-03-31"),
        ("2028-02", Period.MONTH, "2028-02-01", "2028-02-29"),
        ("2026-12", Period.MONTH, "2026-12-01", "2026-12-31"),
        ("2026-W53", Period.WEEK, "2026-12-28", "2027-01-03"),
    ],
)
def test_a_period_is_known_by_its_name(text: str, kind: Period, first: str, last: str) -> None:
    found = Period.parse(text)
    assert found == (kind, date.fromisoformat(first), date.fromisoformat(last))
    assert kind.name_of(found[1]) == kind.name_of(found[2]) == text


@pytest.mark.parametrize("text", ["", "2026-13", "2026-00", "2026-Q5", "2026-H3", "2026-W54", "26-10", "1066", "soon"])
def test_what_is_no_period_is_told_in_one_line(text: str) -> None:
    with pytest.raises(HubpulseError, match=r"^('.*' is no period: write 2026|there is no period .*: \d+ has no such)"):
        Period.parse(text)


@pytest.fixture
def call(data: Path, tmp_path: Path) -> Callable[..., Result]:
    file = tmp_path / "estate.yaml"
    file.write_text(json.dumps({"timezone": "UTC", "hubs": hubs()}))
    return lambda *words: CliRunner().invoke(app, [*words, "--data", str(data), "--estate", str(file)])


def test_the_commands_publish_and_verify_by_code_and_by_file(call: Callable[..., Result], data: Path) -> None:
    told = call("publish", "--period", MONTH).output
    code = told.splitlines()[-1].split()[0]
    (file,) = data.glob("publication-*.json")
    assert (file.name, file.stat().st_mode & 0o777) == (f"publication-{code}.json", 0o600)
    assert "beeston: 1,680 counted, +80 estimated (1,760 to 1,760) with what 1 day misses, by weekday_sister" in told
    for which in (code, code.lower(), str(file)):
        found = call("verify", which)
        assert (found.exit_code, found.output.splitlines()[-1][-22:]) == (0, "is as it was published")
    with closing(SqliteStore(data / "store.db")) as store:
        put(store, Kind.FOOTFALL, [(at("2026-09-03T10:10", "UTC"), {"entries": 7})], hub="armley", sensor="door")
    found = call("verify", code)
    assert found.exit_code == 1
    assert "armley 2026-09-03 entries: 40 -> 47 (readings or rules that changed)" in found.output
    assert json.loads(call("verify", code, "--json").stdout)["holds"] is False


def test_the_next_of_a_series_says_what_was_restated_of_the_one_before(call: Callable[..., Result], data: Path) -> None:
    first = json.loads(call("publish", "--period", "2026-08", "--json").stdout)
    assert first["restatement"] is None
    with closing(SqliteStore(data / "store.db")) as store:
        put(store, Kind.FOOTFALL, [(at("2026-08-04T10:10", "UTC"), {"entries": 7})], hub="armley", sensor="door")
    call("publish", "--period", "2026-Q3")
    told = call("publish", "--period", MONTH).output
    assert f"2026-08, published as {first['code']}, was restated since: 1 hub days are otherwise now" in told
    assert "armley 2026-08-04 entries: 40 -> 47 (readings or rules that changed)" in told
    again = json.loads(call("publish", "--period", MONTH, "--json").stdout)
    assert (again["restatement"]["period"], again["restatement"]["restated"]) == (MONTH, [])
    assert call("verify", again["code"]).exit_code == 0


def test_small_numbers_are_hidden_in_what_is_given_out_alone(call: Callable[..., Result], data: Path) -> None:
    made = json.loads(call("publish", "--period", MONTH, "--suppress-small", "50", "--json").stdout)
    release = json.loads(Path(made["release"]).read_text())
    assert (Path(made["release"]).name, release["code"]) == (f"release-{made['code']}.json", made["code"])
    of_day = {cell["hub"]: cell["entries"] for cell in release["cells"] if cell["period"] == "2026-09-03"}
    assert of_day == {"armley": "*", "beeston": "*", "chapeltown": 120, "all hubs": 240}
    assert (made["small"]["small"], made["small"]["told"], "salt" in made["small"]) == (22, [], False)
    assert (
        json.loads((data / f"publication-{made['code']}.json").read_text())["publication"]["days"][2]["entries"] == 40
    )
    assert call("verify", made["code"]).exit_code == 0
    for which in ((), (made["code"],), (made["release"],)):
        tried = call("publish", "--attack", *which)
        assert (tried.exit_code, "none recovered, by elimination and bounds" in tried.output) == (0, True)


def test_what_is_badly_hidden_is_recovered_by_the_command(call: Callable[..., Result], data: Path) -> None:
    made = json.loads(call("publish", "--period", MONTH, "--suppress-small", "50", "--json").stdout)
    release = json.loads(Path(made["release"]).read_text())
    for cell in release["cells"]:
        if cell["hub"] != "armley" and cell["entries"] == "*":
            cell["entries"] = 80 if cell["unit"] == "day" else 1680
    bad = data / "release-bad.json"
    bad.write_text(json.dumps(release))
    tried = call("publish", "--attack", str(bad))
    assert (tried.exit_code, "armley 2026-09-03 entries: is 40" in tried.output) == (1, True)
    assert json.loads(call("publish", "--attack", str(bad), "--json").stdout)["recovered"][0]["figure"] == "entries"


def test_small_numbers_that_were_published_before_are_told(call: Callable[..., Result]) -> None:
    call("publish", "--period", "2026-W36")
    told = call("publish", "--period", MONTH, "--suppress-small", "50").output
    assert "4 small numbers stay as they are, since earlier publications show or tell them: armley 2026-09-01," in told


def test_publish_asks_for_a_period(call: Callable[..., Result]) -> None:
    assert call("publish").exit_code == 2


def test_an_unknown_code_names_those_that_are_there(call: Callable[..., Result]) -> None:
    found = call("verify", "XXXXX-XXXXX")
    assert isinstance(found.exception, HubpulseError)
    assert "no publication XXXXX-XXXXX in " in str(found.exception)
    assert "none yet, `hubpulse publish` makes one" in str(found.exception)
