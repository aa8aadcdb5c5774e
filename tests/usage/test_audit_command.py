"""`hubpulse audit` as a programme manager calls it, and what it does to exports and explanations."""

import csv
import io
import json
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import cli.audit
import cli.usage
from cli.backup import copy_database
from cli.board_address import remember_board
from schemas import HubpulseError, Kind, Settings
from schemas.localtime import NS_A_SECOND, from_ns
from schemas.settings import BoardSettings
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, MINUTE_NS, at, put
from usage.audits import AuditFile, Press
from usage.audits.records import What

NOW_NS = at("2026-11-28T18:00")
OPEN = {"mon-sat": "09:00-17:00"}
ID = "armley-door-1-2026-11-28"
PEOPLE_A_SAMPLE = 10


def estate(**door: object) -> dict[str, Any]:
    first = {"id": "door-1", "kinds": ["footfall"], "every": "5m", **door}
    sensors = [first, {"id": "door-2", "kinds": ["footfall"], "every": "5m"}]
    return {"timezone": "UTC", "hubs": [{"id": "armley", "opening": OPEN, "sensors": sensors}]}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten weeks of two doors, by each of which two people a minute come in."""
    path = tmp_path_factory.mktemp("doors") / "store.db"
    with closing(SqliteStore(path)) as store:
        store.prepare()
        times = [NOW_NS - 70 * DAY_NS + n * 5 * MINUTE_NS for n in range(70 * 288)]
        for door in ("door-1", "door-2"):
            each = {"entries": PEOPLE_A_SAMPLE, "exits": PEOPLE_A_SAMPLE}
            put(store, Kind.FOOTFALL, [(t, each) for t in times if 9 <= from_ns(t).hour < 17], sensor=door)
    return path


@pytest.fixture
def folder(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    it_is(monkeypatch, "2026-11-28T09:00")
    (tmp_path / "estate.yaml").write_text(json.dumps(estate()))
    (tmp_path / "data").mkdir()
    copy_database(filled, tmp_path / "data" / "store.db")
    return tmp_path


def it_is(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    monkeypatch.setattr("time.time_ns", lambda: at(moment))


@pytest.fixture
def call(folder: Path) -> Callable[..., Result]:
    apps = {"audit": cli.audit.app, "usage": cli.usage.app}
    return lambda which, *words: CliRunner().invoke(apps[which], [*words, "--data", str(folder / "data")])


@pytest.fixture
def stand(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Count from 10:00 on, and come back in the evening; so many pass in five minutes, of whom the door counts ten."""

    def count(a_sample: int = PEOPLE_A_SAMPLE, minutes: int = 125) -> None:
        rng, start_ns = random.Random(1), at("2026-11-28T10:00:30")
        times_s = [rng.uniform(0, 300) + 300 * n - 30 for n in range(minutes // 5) for _ in range(a_sample)]
        times_ns = [start_ns + int(time_s * NS_A_SECOND) for time_s in times_s]
        presses = [Press("start-1234", What.START, start_ns)]
        presses += [Press(f"in-{n:08}", What.IN, time_ns) for n, time_ns in enumerate(times_ns)]
        presses += [Press(f"out-{n:08}", What.OUT, time_ns) for n, time_ns in enumerate(times_ns)]
        with AuditFile(folder / "data") as file:
            file.take(ID, [*presses, Press("stop-1234", What.STOP, start_ns + minutes * MINUTE_NS)])
        it_is(monkeypatch, "2026-11-28T18:00")

    return count


def start(call: Callable[..., Result]) -> Result:
    found = call("audit", "start", "--hub", "armley", "--door", "door-1", "--when", "sat 10:00")
    assert found.exit_code == 0, found.output
    return found


def test_the_length_is_said_beforehand_and_the_link_once(call: Callable[..., Result], folder: Path) -> None:
    told = start(call).output
    assert (
        f"{ID}: 181 people for a counter that loses 1 %: at this door about 110 minutes on Saturdays from 10:00" in told
    )
    assert "Stop only after 220 have come in" in told
    code = told.split("/audit/")[1].split()[0]
    assert "The board listens on this machine alone: set HUBPULSE_BOARD__HOST" in told
    listed = call("audit", "list").output
    assert listed == f"{ID}: open until 2026-12-05 09:00 UTC\n"
    assert code not in listed + call("audit", "list", "--json").output
    assert call("audit", "count", ID).output == f"{ID}: 0 of 220 in, 0 out\n"
    assert (folder / "data" / "audits.db").stat().st_mode & 0o777 == 0o600


def test_a_door_that_nobody_knows_yet_is_audited_without_a_length(call: Callable[..., Result], folder: Path) -> None:
    known = estate()
    known["hubs"][0]["sensors"].append({"id": "door-3", "kinds": ["footfall"]})
    (folder / "estate.yaml").write_text(json.dumps(known))
    found = json.loads(call("audit", "start", "--hub", "armley", "--door", "door-3", "--json").stdout)
    assert (found["people"], found["count"], found["asked"]) == (181, 200, None)


@pytest.mark.parametrize(
    "words, said",
    [
        (("--hub", "otley", "--door", "door-1"), "no hub 'otley' in the estate file; choose from: armley"),
        (("--hub", "armley", "--door", "door-9"), "no sensor 'door-9' at armley; choose from: door-1, door-2"),
        (("--hub", "armley", "--door", "air-1"), "'air-1' at armley counts no people; choose from: door-1, door-2"),
        (("--hub", "armley", "--door", "door-1", "--when", "soon"), "'soon' is no day and time: write for example"),
    ],
)
def test_what_is_asked_wrongly_is_told(
    call: Callable[..., Result], folder: Path, words: tuple[str, ...], said: str
) -> None:
    known = estate()
    known["hubs"][0]["sensors"].append({"id": "air-1", "kinds": ["temperature"]})
    (folder / "estate.yaml").write_text(json.dumps(known))
    found = call("audit", "start", *words)
    assert found.exit_code == 2
    assert said in " ".join(found.output.split())


@pytest.mark.parametrize("host, told", [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
def test_the_link_is_of_the_board_as_it_listens(
    call: Callable[..., Result], folder: Path, host: str, told: str
) -> None:
    settings = Settings(data_dir=folder / "data", board=BoardSettings(host=host, port=8080))
    remember_board(settings, 18123)
    said = start(call).output
    assert f"{told}18123/audit/" in said
    assert "The board listens on this machine alone" in said


def test_a_loss_that_no_margin_takes_is_told(call: Callable[..., Result]) -> None:
    found = call("audit", "start", "--hub", "armley", "--door", "door-1", "--loss", "5")
    assert isinstance(found.exception, HubpulseError)
    assert "a counter that loses 5.0% can't be shown to be within 5.0%" in str(found.exception)


def test_a_good_counter_passes_and_its_certificate_says_how(
    call: Callable[..., Result], stand: Callable[..., None]
) -> None:
    start(call)
    stand()
    told = call("audit", "finish", ID)
    assert (told.exit_code, told.output) == (0, call("audit", "list", "--show", ID).output)
    assert "pass: the counter is within 5.0% of the count by hand" in told.output
    lost = "it lost 0.0\u00a0%, between \u22121.6\u00a0% and 1.6\u00a0%"
    assert f"entries: 190 by hand, 190 by the counter: pass; {lost}" in told.output
    assert "exits: 190 by hand, 190 by the counter: pass" in told.output
    assert "factor 1.0000, 0.9846 to 1.0159 in nine of ten cases: until 2027-11-28" in told.output
    found = json.loads(call("audit", "list", "--show", ID, "--json").stdout)
    assert found["result"]["entries"]["verdict"] == found["result"]["verdict"] == "pass"
    assert len(found["result"]["samples"]) == 19
    assert call("audit", "list").output == f"{ID}: pass, 190 people, {lost}, factor 1.000 until 2027-11-28\n"


def test_too_few_people_are_no_verdict_and_tell_nothing_of_the_counter(
    call: Callable[..., Result], stand: Callable[..., None]
) -> None:
    start(call)
    stand(minutes=60)
    refused = call("audit", "finish", ID)
    assert isinstance(refused.exception, HubpulseError)
    assert f"{ID}: not enough, 100 of 181 can be compared, 120 came in" in str(refused.exception)
    told = call("audit", "finish", ID, "--anyway")
    assert (told.exit_code, "not enough: too few people" in told.output, "factor" in told.output) == (0, True, False)


def test_an_audit_that_nobody_counted_ends_without_figures(call: Callable[..., Result]) -> None:
    start(call)
    assert "not enough" in call("audit", "finish", ID, "--anyway").output
    assert call("audit", "list").output == f"{ID}: not enough\n"


# ----------------------------------------------------------------------------------------------------------- corrected


@pytest.fixture
def failed(call: Callable[..., Result], folder: Path, stand: Callable[..., None]) -> Path:
    """A door whose counter counts 10 of 13."""
    start(call)
    stand(13)
    found = call("audit", "finish", ID)
    assert (found.exit_code, "fail: the counter is more than 5.0% off" in found.output) == (1, True)
    return folder


def export(call: Callable[..., Result], *words: str, first: str = "2026-11-27") -> list[dict[str, str]]:
    found = call("usage", "export", "--from", first, "--to", "2026-11-28", *words)
    assert found.exit_code == 0, found.output
    return list(csv.DictReader(io.StringIO(found.stdout)))


@pytest.mark.usefixtures("failed")
def test_nothing_is_corrected_unless_the_estate_file_says_so(call: Callable[..., Result]) -> None:
    for words in ((), ("--by-door",), ("--per", "month")):
        assert [name for name in export(call, *words)[0] if "corrected" in name] == []
    assert "corrected" not in call("usage", "why", "--hub", "armley", "--date", "2026-11-28").output


def test_corrected_figures_stand_beside_those_that_were_counted(call: Callable[..., Result], failed: Path) -> None:
    (failed / "estate.yaml").write_text(json.dumps(estate(corrected=True)))
    whole_day = 8 * 12 * PEOPLE_A_SAMPLE
    friday, saturday, *_ = [row for row in export(call, "--by-door") if row["sensor"] == "door-1"]
    assert (friday["entries_corrected"], friday["audit"]) == ("", "")  # nobody had stood there yet
    corrected = int(saturday["entries_corrected"])
    assert (saturday["entries"], saturday["audit"]) == (str(whole_day), ID)
    assert corrected == round(whole_day * 1.3)
    assert int(saturday["entries_corrected_low"]) < corrected < int(saturday["entries_corrected_high"])
    (other,) = (row for row in export(call, "--by-door", first="2026-11-28") if row["sensor"] == "door-2")
    assert (other["entries"], other["entries_corrected"]) == (str(whole_day), "")
    (day,) = export(call, first="2026-11-28")
    assert (day["entries"], day["entries_corrected"]) == (str(2 * whole_day), str(whole_day + corrected))
    (month,) = export(call, "--per", "month", first="2026-11-28")
    assert (month["entries"], month["entries_corrected"]) == (str(2 * whole_day), str(whole_day + corrected))
    # One day that is not corrected, and the sum is none.
    (month,) = export(call, "--per", "month")
    assert (month["entries"], month["entries_corrected"]) == (str(4 * whole_day), "")
    assert "entries_corrected" not in export(call, "--suppress-small")[0]


def test_corrected_figures_are_numbers_in_a_file_for_analysts(call: Callable[..., Result], failed: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (failed / "estate.yaml").write_text(json.dumps(estate(corrected=True)))
    words = ("--from", "2026-11-27", "--to", "2026-11-28", "--format", "parquet", "--output", "days.parquet")
    assert call("usage", "export", *words).exit_code == 0
    friday, saturday = parquet.read_table("days.parquet").to_pylist()
    assert (friday["entries_corrected"], friday["audit"]) == (None, None)
    assert (saturday["entries_corrected"] > saturday["entries"], saturday["audit"]) == (True, ID)


def test_why_tells_by_which_audit(call: Callable[..., Result], failed: Path) -> None:
    (failed / "estate.yaml").write_text(json.dumps(estate(corrected=True)))
    told = call("usage", "why", "--hub", "armley", "--date", "2026-11-28").output
    assert "door-1: entries 960 -> 1248, " in told
    assert f"by the audit {ID}: hubpulse audit list --show {ID}" in told
    found = json.loads(call("usage", "why", "--hub", "armley", "--date", "2026-11-28", "--json").stdout)
    assert [(each["sensor"], each["entries"], each["audit"]) for each in found["corrected"]] == [("door-1", 960, ID)]


@pytest.mark.parametrize("change", [{"device": "24e124710c401234"}, {"swapped": True}])
def test_another_device_ends_a_factor(call: Callable[..., Result], failed: Path, change: dict[str, object]) -> None:
    (failed / "estate.yaml").write_text(json.dumps(estate(corrected=True, **change)))
    (row,) = (row for row in export(call, "--by-door", first="2026-11-28") if row["sensor"] == "door-1")
    assert row["entries_corrected"] == ""


def test_a_factor_ends_with_its_date(
    call: Callable[..., Result], failed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (failed / "estate.yaml").write_text(json.dumps(estate(corrected=True)))
    with closing(SqliteStore(failed / "data" / "store.db")) as store:
        times = [at(f"{day}T09:00") + n * 5 * MINUTE_NS for day in ("2027-11-27", "2027-11-29") for n in range(96)]
        put(store, Kind.FOOTFALL, [(t, {"entries": 10}) for t in times], sensor="door-1")
    it_is(monkeypatch, "2027-11-29T18:00")
    found = call("usage", "export", "--by-door", "--from", "2027-11-27", "--to", "2027-11-29").stdout
    of_door = [row for row in csv.DictReader(io.StringIO(found)) if row["sensor"] == "door-1"]
    rows = {row["date"]: row["entries_corrected"] for row in of_door}
    assert (rows["2027-11-27"], rows["2027-11-29"]) == ("1248", "")
