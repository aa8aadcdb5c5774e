"""`hubpulse usage witnesses` and `attention` as people and programs call them."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import cli.inspection
from cli.attention_views import silences_as_text
from cli.usage import app
from schemas import Kind
from schemas.measures import PeopleState
from stores import Store
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, at, estate, mark, put, put_lines
from tests.usage.test_estimates import figures
from usage.attention.doubts import Doubt, Witness
from usage.attention.rows import doubt_line
from usage.attention.silences import Silence
from usage.calendar import HubCalendar
from usage.rows import DAILY, row_line

ESTATE = """
timezone: UTC
hubs:
  - id: armley
    name: Armley
    sensors: [{id: door-1, kinds: [footfall], every: 10m}]
  - {id: beeston}
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "estate.yaml").write_text(ESTATE)
    return tmp_path / "data"


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    store = SqliteStore(data / "store.db")
    store.prepare()
    yield store
    store.close()


def call(*words: str, data: Path) -> Result:
    return CliRunner().invoke(app, [*words, "--data", str(data)], catch_exceptions=False)


def put_days(store: Store) -> date:
    """Counted days up to yesterday, and a door that is silent since then."""
    today = datetime.now(UTC).date()
    row = figures(100, PeopleState.COUNTED) | {"exits": 98}
    put_lines(store, [row_line(DAILY, "armley", at(f"{today - timedelta(days=n)}T00:00"), row) for n in range(1, 90)])
    put(store, Kind.FOOTFALL, [(at(f"{today - timedelta(days=2)}T10:00"), {"entries": 1})], sensor="door-1")
    return today


def test_witnesses_say_what_each_of_them_can_tell(store: Store, data: Path) -> None:
    put_days(store)
    result = call("witnesses", "--hub", "armley", data=data)
    assert result.exit_code == 0
    assert "No counter is in doubt." in result.stdout
    assert "armley by exits: varies by 15 % a day, finds a loss of" in result.stdout
    found = json.loads(call("witnesses", "--json", data=data).stdout)
    assert [(each["hub"], each["witness"], each["gives_verdict"]) for each in found["witnesses"]] == [
        ("armley", "exits", True)
    ]
    assert found["doubts"] == []


def test_attention_lists_silences_and_doubts_that_stand(store: Store, data: Path) -> None:
    today = put_days(store)
    since = today - timedelta(days=20)
    doubt = Doubt("armley", "door-1", since, since, None, -0.3, (Witness.WIFI, Witness.EXITS))
    put_lines(store, [doubt_line(doubt, HubCalendar(estate(timezone="UTC"), "armley").zone)])
    lines = call("attention", data=data).stdout.splitlines()
    assert lines[0].startswith("Armley door-1 silent since ")
    assert lines[1] == f"Armley {doubt.sentence(today)}"
    found = json.loads(call("attention", "--json", data=data).stdout)
    assert [(each["hub"], each["door"], each["is_silent"]) for each in found["silences"]] == [
        ("armley", "door-1", True)
    ]
    assert [each["since"] for each in found["doubts"]] == [since.isoformat()]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("command", ["witnesses", "attention"])
def test_an_unknown_hub_is_wrong_usage(command: str, data: Path) -> None:
    result = call(command, "--hub", "nowhere", data=data)
    assert result.exit_code == 2


def test_with_nothing_to_say_attention_says_so(store: Store, data: Path) -> None:
    put(store, Kind.FOOTFALL, [(at(datetime.now(UTC).isoformat()), {"entries": 1})], sensor="door-1")
    assert "Every counter sends, and none is in doubt." in call("attention", data=data).stdout


def test_the_sentence_of_a_silence_has_the_hubs_name_and_the_width_now() -> None:
    since = datetime(2026, 11, 24, 11, 10, tzinfo=UTC)
    silence = Silence("armley", "door-1", True, since, date(2026, 11, 1), date(2026, 11, 27), 0.011, 0.058, 40)
    (told,) = silences_as_text([silence], {"armley": "Armley"}, date(2026, 11, 26))
    share = "within 6\u00a0% (now 2\u00a0%)"
    assert told == f"Armley door-1 silent since Tuesday 11:10; from Friday on November can only be stated {share}"


def put_a_stray(store: Store, days_ago: int) -> str:
    """A reading of a door that the estate file does not name, and its day."""
    now = datetime.now(UTC)
    put(store, Kind.FOOTFALL, [(at(now.isoformat()), {"entries": 1})], sensor="door-1")
    seen = now - timedelta(days=days_ago)
    put(store, Kind.FOOTFALL, [(at(seen.isoformat()), {"entries": 1})], sensor="door-9")
    return str(seen.date())


def test_a_door_that_the_estate_file_does_not_name_is_told_with_what_to_write(store: Store, data: Path) -> None:
    day = put_a_stray(store, 3)
    told = call("attention", data=data).stdout
    assert "Armley door-9 counts as another door, is not in the estate file, and is expected until" in told
    assert "add to the sensors of armley: {id: door-9, kinds: [footfall]}" in told
    assert f"if it is no door: {{id: door-9, kinds: [footfall], until: {day}}}" in told
    (stray,) = json.loads(call("attention", "--json", data=data).stdout)["strays"]
    assert (stray["hub"], stray["door"]) == ("armley", "door-9")


def test_what_the_advice_says_ends_it(store: Store, data: Path) -> None:
    put_a_stray(store, 3)
    (stray,) = json.loads(call("attention", "--json", data=data).stdout)["strays"]
    ended = stray["line"].replace("}", f", until: {stray['last_seen'][:10]}}}")
    (data.parent / "estate.yaml").write_text(ESTATE.replace("sensors: [", f"sensors: [{ended}, "))
    assert "Every counter sends, and none is in doubt." in call("attention", data=data).stdout


def test_a_door_that_is_expected_no_more_is_not_told(store: Store, data: Path) -> None:
    put_a_stray(store, 15)
    assert json.loads(call("attention", "--json", data=data).stdout)["strays"] == []


def test_the_doctor_names_it_too(store: Store, data: Path) -> None:
    put_a_stray(store, 1)
    found = CliRunner().invoke(cli.inspection.app, ["doctor", "--json", "--data", str(data)])
    (line,) = [row for row in json.loads(found.stdout) if row["part"] == "doors"]
    assert (line["state"], "armley: door-9 counts as another door" in line["detail"]) == ("warning", True)


ANSWERS = (
    ("attention",),
    ("witnesses",),
    ("compare", "--period", "2026-01"),
    ("targets",),
    ("visits", "--period", "2026-01"),
)


@pytest.mark.parametrize("words", ANSWERS)
def test_while_a_history_is_loaded_an_answer_says_that_days_are_still_to_come(
    store: Store, data: Path, words: tuple[str, ...]
) -> None:
    put_days(store)
    now_ns = at(datetime.now(UTC).isoformat())
    today_ns = at(f"{datetime.now(UTC).date()}T00:00")
    mark(store, today_ns, now_ns)
    assert call(*words, data=data).stderr == ""  # today's figures are renewed all the time
    for back in (3, 4):
        mark(store, today_ns - back * DAY_NS, now_ns)
    told = call(*words, data=data)
    assert (told.exit_code, "the figures of 2 hub days are still to be computed" in told.stderr) == (0, True)
