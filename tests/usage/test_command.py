"""`hubpulse usage` as people and programs call it."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.usage import app
from schemas import Kind
from schemas.localtime import Span
from schemas.measurements import USAGE_FIELDS
from schemas.measures import ZONE_MEASURES
from schemas.settings import InfluxSettings
from stores import Store
from stores.influx_store import InfluxStore
from stores.sqlite_store import SqliteStore
from tests.servers import Influxd
from tests.usage.given import HOUR_NS, at, put
from usage.rows import DAILY, read_rows

ESTATE = """
timezone: Europe/London
hubs:
  - {id: armley, opening: {mon-fri: "09:00-17:00"}}
  - {id: beeston}
"""
DAY = "2024-10-22"
MIDNIGHT_NS = at(f"{DAY}T00:00", "Europe/London")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "estate.yaml").write_text(ESTATE)
    return tmp_path / "data"


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    store = SqliteStore(data / "store.db")
    store.prepare()
    readings = [(MIDNIGHT_NS + 12 * HOUR_NS, {"entries": 3, "exits": 1})]
    put(store, Kind.FOOTFALL, readings)
    put(store, Kind.CO2, [(MIDNIGHT_NS + 12 * HOUR_NS, {"co2_ppm": 612.5})])
    yield store
    store.close()


def call(*words: str, data: Path) -> Result:
    return CliRunner().invoke(app, [*words, "--data", str(data)], catch_exceptions=False)


@pytest.mark.usefixtures("store")
def test_csv_has_a_row_per_hub_and_day_with_the_contracts_columns(data: Path) -> None:
    result = call("export", "--from", "2024-10-21", "--to", DAY, "--format", "csv", data=data)
    header, *rows = csv.reader(io.StringIO(result.stdout))
    assert header == ["hub", "date", *USAGE_FIELDS]
    assert [row[:4] for row in rows] == [
        ["armley", "2024-10-21", "", ""],
        ["armley", "2024-10-22", "3", "1"],
        ["beeston", "2024-10-21", "", ""],
        ["beeston", "2024-10-22", "", ""],
    ]
    found = dict(zip(header, rows[1], strict=True))
    assert (found["co2_max_ppm"], found["open_minutes"], found["final"], found["revision"]) == (
        "612.5",
        "480.0",
        "true",
        "1",
    )


def test_zones_have_rows_of_their_own_with_the_figures_of_the_air(data: Path, store: Store) -> None:
    put(store, Kind.CO2, [(MIDNIGHT_NS + 12 * HOUR_NS, {"co2_ppm": 800.0})], sensor="s2", zone="hall")
    result = call("export", "--from", "2024-10-21", "--to", DAY, "--by-zone", "--suppress-small", data=data)
    header, *rows = csv.reader(io.StringIO(result.stdout))
    assert header == ["hub", "zone", "date", *ZONE_MEASURES]
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(row["hub"], row["zone"], row["date"], row["co2_mean_ppm"], row["mould_index"]) for row in found] == [
        ("armley", "hall", DAY, "800.0", ""),
        ("armley", "s1", DAY, "612.5", ""),
    ]
    again = json.loads(call("export", "--from", DAY, "--to", DAY, "--by-zone", "--format", "json", data=data).stdout)
    assert [row["co2_max_ppm"] for row in again] == [800.0, 612.5]


def test_doors_have_rows_of_their_own_from_readings_and_from_the_store(data: Path, store: Store) -> None:
    nine_ns = MIDNIGHT_NS + 9 * HOUR_NS
    for door, count in (("front", 30), ("side", 2)):
        readings = [(nine_ns + i * HOUR_NS // 6, {"entries": count * (i == 3)}) for i in range(48)]
        put(store, Kind.FOOTFALL, readings, sensor=door)
    asked = ("export", "--from", DAY, "--to", DAY, "--by-door", "--suppress-small")
    live = call(*asked, data=data).stdout
    assert live.splitlines() == [
        "hub,sensor,date,entries,exits,footfall_completeness",
        f"armley,front,{DAY},30,,1.0",
        f"armley,s1,{DAY},*,*,0.02",
        f"armley,side,{DAY},*,,1.0",
    ]
    call("recompute", "--from", DAY, "--to", DAY, data=data)
    assert call(*asked, data=data).stdout == live
    store.delete("footfall", start_ns=0, stop_ns=MIDNIGHT_NS + 24 * HOUR_NS, where={"hub": "armley"})
    assert call(*asked, data=data).stdout == live


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("other", [["--hourly"], ["--per", "week"]])
@pytest.mark.parametrize("part", ["--by-door", "--by-zone"])
def test_doors_and_zones_are_given_by_day_alone(data: Path, part: str, other: list[str]) -> None:
    result = call("export", "--from", DAY, "--to", DAY, part, *other, data=data)
    assert (result.exit_code, f"{part} gives days: leave --hourly and --per out" in result.output) == (2, True)
    result = call("export", "--from", DAY, "--to", DAY, "--by-zone", "--by-door", data=data)
    assert (result.exit_code, "--by-door and --by-zone contradict each other" in result.output) == (2, True)


@pytest.mark.usefixtures("store")
def test_visits_are_columns_of_periods_where_a_hub_has_rules_and_of_nothing_else(data: Path) -> None:
    words = ["export", "--from", DAY, "--to", DAY]
    by_day = call(*words, data=data).stdout
    without = next(csv.reader(io.StringIO(call(*words, "--per", "month", data=data).stdout)))
    estate = data.parent / "estate.yaml"
    estate.write_text(ESTATE.replace("id: armley,", "id: armley, visits: [{rule: staff, entries_day: 1}],"))
    rows = list(csv.DictReader(io.StringIO(call(*words, "--per", "month", data=data).stdout)))
    assert [*rows[0]] == [*without, "visits", "visits_low", "visits_high"]
    assert [(row["entries"], row["visits"], row["visits_low"]) for row in rows] == [("3", "3", ""), ("", "", "")]
    assert call(*words, data=data).stdout == by_day
    published = call(*words, "--per", "month", "--suppress-small", data=data).stdout
    assert next(csv.reader(io.StringIO(published))) == without


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "words, complaint",
    [
        (["compare", "--period", "October"], "'October' is no period: write 2026, 2026-H1, 2026-Q3, 2026-10 or"),
        (["compare", "--period", "2024-10", "--against", "last"], "'last' is no period"),
        (["targets", "--period", "2024-Q3"], "--period 2024-Q3 is no month: targets are of months, write 2026-10"),
        (["visits", "--period", "2024-10-22..2024-10-21"], "must begin before it ends"),
        (["compare", "--period", "2024-10", "--hub", "leeds"], "no hub 'leeds' in the estate file or the store"),
    ],
)
def test_a_wrong_question_is_told(data: Path, words: list[str], complaint: str) -> None:
    result = CliRunner().invoke(app, [*words, "--data", str(data)])
    assert (result.exit_code, complaint in " ".join(result.output.split())) == (2, True), result.output


@pytest.mark.usefixtures("store")
def test_hubs_without_targets_and_rules_are_told_what_to_write(data: Path) -> None:
    assert "write `targets: {entries_month: 2500}`" in call("targets", data=data).stdout
    assert "write `visits: [{rule: staff, entries_day: 12}]`" in call("visits", "--period", "2024-10", data=data).stdout
    assert "nothing to compare" in call("compare", "--period", "2024-10", data=data).stdout


@pytest.mark.usefixtures("store")
def test_json_has_the_same_with_nulls(data: Path) -> None:
    result = call("export", "--from", DAY, "--to", DAY, "--format", "json", data=data)
    armley, beeston = json.loads(result.stdout)
    assert (armley["hub"], armley["date"], armley["entries"]) == ("armley", "2024-10-22", 3)
    assert (beeston["entries"], beeston["co2_max_ppm"]) == (None, None)


@pytest.mark.usefixtures("store")
def test_one_hub_by_the_hour(data: Path) -> None:
    words = ["export", "--from", DAY, "--to", DAY, "--hub", "armley", "--hourly"]
    rows = list(csv.DictReader(io.StringIO(call(*words, data=data).stdout)))
    assert len(rows) == 24
    assert (rows[12]["time"], rows[12]["entries"], rows[11]["entries"]) == ("2024-10-22T12:00:00+01:00", "3", "")


@pytest.mark.usefixtures("store")
def test_no_days_are_an_empty_array(data: Path) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    result = call("export", "--from", f"{tomorrow}", "--to", f"{tomorrow}", "--format", "json", data=data)
    assert json.loads(result.stdout) == []


@pytest.mark.parametrize(
    "words, complaint",
    [
        (["--from", "12.05.2026", "--to", DAY], "--from '12.05.2026' is not a date: write it as 2026-10-31"),
        (["--from", DAY, "--to", "2026-02-30"], "--to '2026-02-30' is not a date: write it as 2026-10-31"),
        (["--from", "0001-01-01", "--to", DAY], "--from 0001-01-01 is out of reach: ask for 1990 to 2199"),
        (["--from", DAY, "--to", "9999-12-31"], "--to 9999-12-31 is out of reach: ask for 1990 to 2199"),
        (["--from", DAY, "--to", "2024-10-21"], "--to 2024-10-21 is before --from 2024-10-22: swap the two"),
        (
            ["--from", DAY, "--to", DAY, "--hub", "leeds"],
            "no hub 'leeds' in the estate file or the store; choose from: armley, beeston",
        ),
    ],
)
@pytest.mark.parametrize("command", ["export", "recompute"])
@pytest.mark.usefixtures("store")
def test_wrong_usage_is_one_line_with_the_cure(data: Path, command: str, words: list[str], complaint: str) -> None:
    result = call(command, *words, data=data)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"error: {complaint}\n")


def test_recompute_stores_the_rollups_and_says_what_changed(store: Store, data: Path) -> None:
    words = ["recompute", "--from", "2024-10-21", "--to", DAY]
    assert call(*words, data=data).stdout.strip() == "4 days of 2 hubs recomputed, 0 of them changed"
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS + 13 * HOUR_NS, {"entries": 4})])
    assert call(*words, data=data).stdout.strip() == "4 days of 2 hubs recomputed, 1 of them changed"
    row = read_rows(store, DAILY, "armley", Span(0, 2**62))[MIDNIGHT_NS]
    assert (row["entries"], row["revision"]) == (7, 2)


def test_recompute_fills_an_empty_policy_usage_of_influxdb_1_x(
    influxd: Influxd, influx_database: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = InfluxStore(InfluxSettings(url=influxd.url, bucket=influx_database))
    store.prepare()
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS + 12 * HOUR_NS, {"entries": 3, "exits": 1})])
    for name, value in (("STORE", "influxdb"), ("INFLUX__URL", influxd.url), ("INFLUX__BUCKET", influx_database)):
        monkeypatch.setenv(f"HUBPULSE_{name}", value)
    words = ["recompute", "--from", DAY, "--to", DAY]
    call(*words, data=data)
    daily = read_rows(store, DAILY, "armley", Span(0, 2**62))
    influxd.query(f'DROP RETENTION POLICY "usage" ON "{influx_database}"')
    store.prepare()
    assert not read_rows(store, DAILY, "armley", Span(0, 2**62))

    result = call(*words, data=data)

    assert result.exit_code == 0, result.output
    stored = read_rows(store, DAILY, "armley", Span(0, 2**62))
    assert {time: row["entries"] for time, row in stored.items()} == {MIDNIGHT_NS: 3}
    assert [row["exits"] for row in stored.values()] == [row["exits"] for row in daily.values()] == [1]
    store.close()


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("per, label, period", [("week", "week", "2024-W43"), ("month", "month", "2024-10")])
def test_weeks_and_months_say_how_many_days_they_have(data: Path, per: str, label: str, period: str) -> None:
    words = ["export", "--from", "2024-10-21", "--to", DAY, "--hub", "armley", "--per", per, "--format", "json"]
    (found,) = json.loads(call(*words, data=data).stdout)
    assert list(found)[:5] == ["hub", label, "days", "days_counted", "days_missing"]
    # A reading of ten minutes is no day's count.
    counts = (found["days"], found["days_counted"], found["days_missing"])
    assert (found[label], counts, found["entries"]) == (period, (2, 0, 2), 3)
    assert list(found.items())[-4:] == [
        ("entries_estimated", None),
        ("entries_low", None),
        ("entries_high", None),
        ("method", "none"),
    ]


@pytest.mark.usefixtures("store")
def test_small_numbers_are_suppressed_on_demand(data: Path) -> None:
    words = ["export", "--from", DAY, "--to", DAY, "--hub", "armley", "--suppress-small"]
    (found,) = csv.DictReader(io.StringIO(call(*words, data=data).stdout))
    assert (found["entries"], found["exits"], found["co2_max_ppm"]) == ("*", "*", "612.5")


@pytest.mark.usefixtures("store")
def test_hours_and_months_contradict_each_other(data: Path) -> None:
    result = call("export", "--from", DAY, "--to", DAY, "--hourly", "--per", "month", data=data)
    complaint = "error: --hourly and --per month contradict each other: leave one of them out\n"
    assert (result.exit_code, result.stderr) == (2, complaint)


def test_changes_tell_before_and_after(store: Store, data: Path) -> None:
    asked = ["--from", DAY, "--to", DAY]
    assert call("changes", *asked, data=data).stdout == f"No figure changed after its day had ended, {DAY} to {DAY}.\n"
    call("recompute", *asked, data=data)
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS + 13 * HOUR_NS, {"entries": 4})])
    call("recompute", *asked, data=data)
    lines = call("changes", *asked, data=data).stdout.splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        "armley 2024-10-22: entries 3 -> 7",
        "armley 2024-10-22: entries_open 3 -> 7",
        "armley 2024-10-22: footfall_completeness 0.02 -> 0.041",
        "armley 2024-10-22: occupancy_drift 2 -> 6",
        "armley 2024-10-22: peak_occupancy 2 -> 6",
    ]
    (first, *_) = json.loads(call("changes", *asked, "--json", data=data).stdout)
    assert {name: first[name] for name in ("hub", "date", "figure", "before", "after", "revision")} == {
        "hub": "armley",
        "date": DAY,
        "figure": "entries",
        "before": 3,
        "after": 7,
        "revision": 2,
    }


def test_why_explains_a_day_sensor_by_sensor(store: Store, data: Path) -> None:
    estate = """
timezone: Europe/London
hubs:
  - id: armley
    opening: {mon-fri: "09:00-17:00"}
    sensors:
      - {id: door, kinds: [footfall], zone: hall, every: 30m, counter_bits: 16, max_step: 500}
      - {id: cellar, kinds: [humidity], every: 1h}
"""
    (data.parent / "estate.yaml").write_text(estate)
    totals = [(MIDNIGHT_NS + i * HOUR_NS // 2, {"entries_total": (65_500 + i) % 65_536}) for i in range(48) if i != 20]
    put(store, Kind.FOOTFALL, totals[:30], sensor="door", zone="hall")
    put(store, Kind.FOOTFALL, totals[34:], sensor="door", zone="hall")
    said = call("why", "--hub", "armley", "--date", DAY, data=data).stdout
    for line in (
        "armley, Tuesday 2024-10-22: open 09:00-17:00",
        "door footfall (hall): 43 of 48 readings, one every 1800 s, 00:00:00 to 23:30:00, silent 15:00:00 to 17:30:00",
        "cellar humidity: silent, 0 of 24 readings, one every 3600 s",
        "door entries_total: 47 from 43 readings",
        "18:00:00 rolled over from 65535 to 0: counted 1",
        "s1 entries: 3 from 1 readings",
    ):
        assert line in said
    found = json.loads(call("why", "--hub", "armley", "--date", DAY, "--json", data=data).stdout)
    (door,) = [counter for counter in found["counters"] if counter["sensor"] == "door"]
    assert (door["counted"], door["corrections"][0]["cause"]) == (47, "rollover")
    assert found["figures"]["entries"] == 50


@pytest.mark.usefixtures("store")
def test_why_says_that_unknown_is_not_zero(data: Path) -> None:
    said = call("why", "--hub", "beeston", "--date", DAY, data=data).stdout
    assert "entries unknown (no sensor reported a value, which is not zero)" in said


@pytest.mark.usefixtures("store")
def test_why_of_a_day_to_come_is_refused(data: Path) -> None:
    result = call("why", "--hub", "armley", "--date", "2126-10-20", data=data)
    complaint = "error: --date 2126-10-20 is still to come in armley: ask for a day that has begun\n"
    assert (result.exit_code, result.stderr) == (2, complaint)


def test_why_tells_the_kept_corrections_where_the_readings_have_expired(store: Store, data: Path) -> None:
    totals = [(MIDNIGHT_NS + i * HOUR_NS, {"entries_total": total}) for i, total in enumerate([1200, 1203, 2, 5])]
    put(store, Kind.FOOTFALL, totals, sensor="door")
    call("recompute", "--from", DAY, "--to", DAY, data=data)
    store.expire(MIDNIGHT_NS + 24 * HOUR_NS)
    said = call("why", "--hub", "armley", "--date", DAY, data=data).stdout
    assert "their readings have expired" in said
    assert "02:00:00 reset, from 1203 to 2: counted 2" in said


def test_why_says_which_readings_no_figure_takes(store: Store, data: Path) -> None:
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS + 14 * HOUR_NS, {"entries": 65_535, "exits": 2, "suspect": True})])
    asked = ["why", "--hub", "armley", "--date", DAY]
    assert ", 1 reading left out (65,535, 2)" in call(*asked, data=data).stdout
    (door,) = (s for s in json.loads(call(*asked, "--json", data=data).stdout)["sensors"] if s["kind"] == "footfall")
    assert door["left_out"] == [{"entries": 65_535, "exits": 2}]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("per", [["--hourly"], ["--by-door"], ["--by-zone"], ["--per", "month"], []])
@pytest.mark.parametrize("form", ["xlsx", "parquet"])
def test_every_export_can_be_a_file_for_people_or_for_analysts(
    data: Path, tmp_path: Path, form: str, per: list[str]
) -> None:
    file = tmp_path / f"figures.{form}"
    result = call("export", "--from", DAY, "--to", DAY, *per, "--format", form, "--output", str(file), data=data)
    assert (result.exit_code, result.output) == (0, "")
    assert file.read_bytes()[:4] == {"xlsx": b"PK\x03\x04", "parquet": b"PAR1"}[form]
