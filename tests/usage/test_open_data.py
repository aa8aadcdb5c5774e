"""A publication as open data: what the description promises holds for every value of every file."""

import csv
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from benchmarks.suppression import publication, simulated_days
from cli.open_data import app
from schemas.measures import PeopleState
from usage.publishing.open_data import NUMBERS, statement, tables
from usage.publishing.publication_file import Content, code_of, to_text
from usage.publishing.release import release_of

PERIOD = "2026-09"
SEED = 9


def published(period: str = PERIOD, *, seed: int = SEED, below: int | None = 5) -> Content:
    days = simulated_days(seed, period)
    around = [
        [
            day.hub,
            day.date.isoformat(),
            day.figures["entries"],
            PeopleState(int(day.figures["people_state"] or 0)).name.lower(),
            day.figures["footfall_completeness"],
        ]
        for day in days
    ]
    more = {"estate_name": "Leeds hubs", "version": "0.1.0", "around": around}
    return {**publication(days, period, below=below), **more}


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., Result]:
    data = tmp_path / "data"
    data.mkdir()
    for content in (published(), published("2025-09", below=None)):
        (data / f"publication-{code_of(content)}.json").write_text(to_text(content))
    code = code_of(published())
    output = str(tmp_path / "open")
    return lambda *words: CliRunner().invoke(
        app, [code, "--output", output, "--data", str(data), *words], catch_exceptions=False
    )


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


TYPES: dict[str, Callable[[str], object]] = {
    "integer": int,
    "string": str,
    "date": date.fromisoformat,
    "boolean": {"true": True, "false": False}.__getitem__,
}


def test_the_package_follows_the_rules_of_data_packages(call: Callable[..., Result], tmp_path: Path) -> None:
    """The rules of specs.frictionlessdata.io: data-package, tabular-data-resource and table-schema."""
    assert call().exit_code == 0
    folder = tmp_path / "open"
    package = json.loads((folder / "datapackage.json").read_text("utf-8"))
    assert package["profile"] == "data-package"
    assert re.fullmatch(r"[-a-z0-9._/]+", package["name"])
    assert package["id"] == code_of(published())
    assert {file.name for file in folder.iterdir()} == {each["path"] for each in package["resources"]} | {
        "datapackage.json"
    }
    assert len({each["name"] for each in package["resources"]}) == len(package["resources"]) == 4
    for resource in package["resources"]:
        content = (folder / resource["path"]).read_bytes()
        assert re.fullmatch(r"[-a-z0-9._/]+", resource["name"])
        assert resource["bytes"] == len(content)
        assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        if resource["profile"] == "tabular-data-resource":
            check_table(folder / resource["path"], resource["schema"])


def check_table(file: Path, schema: dict[str, Any]) -> None:
    names = [field["name"] for field in schema["fields"]]
    assert len(set(names)) == len(names)
    assert all(field["type"] in TYPES and field["description"] for field in schema["fields"])
    assert file.read_text("utf-8").splitlines()[0].split(",") == names
    found = rows(file)
    assert found
    for row in found:
        for field in schema["fields"]:
            if row[field["name"]] not in schema["missingValues"]:
                TYPES[field["type"]](row[field["name"]])


def test_parquet_has_the_same_with_nothing_where_a_number_is_hidden(
    call: Callable[..., Result], tmp_path: Path
) -> None:
    call()
    table = pq.read_table(tmp_path / "open" / "visits.parquet").to_pylist()
    shown = rows(tmp_path / "open" / "visits.csv")
    assert len(table) == len(shown)
    assert any(row["hidden"] for row in table)
    for typed, row in zip(table, shown, strict=True):
        assert (typed["hidden"], str(typed["hidden"]).lower()) == (row["entries"] == "*", row["hidden"])
        for name in NUMBERS:
            assert typed[name] == (None if row[name] in ("", "*") else int(row[name]))


def test_without_pyarrow_the_rest_is_written(
    call: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    told = call()
    assert told.exit_code == 0
    assert "visits.parquet was left out: parquet needs pyarrow: pip install 'hubpulse[parquet]'" in told.output
    package = json.loads((tmp_path / "open" / "datapackage.json").read_text("utf-8"))
    assert [each["path"] for each in package["resources"]] == ["visits.csv", "physical-visits.csv", "funder.csv"]


def test_physical_visits_are_as_libraries_publish_them(call: Callable[..., Result], tmp_path: Path) -> None:
    call("--authority", "Leeds City Council")
    file = tmp_path / "open" / "physical-visits.csv"
    assert file.read_text().splitlines()[0] == "Local authority,Library name,Count start,Count end,Count type,Visits"
    found = rows(file)
    assert {row["Local authority"] for row in found} == {"Leeds City Council"}
    assert {(row["Count start"], row["Count end"]) for row in found} == {("2026-09-01", "2026-09-30")}
    release = release_of(published())
    months = [c for c in release["cells"] if c["period"] == PERIOD and c["hub"] != "all hubs" and c["entries"] != "*"]
    assert [row["Library name"] for row in found] == [cell["hub"] for cell in months]
    for row, cell in zip(found, months, strict=True):
        estimated = cell["entries_estimated"]
        known = estimated if isinstance(estimated, int) else 0
        assert int(row["Visits"]) == cell["entries"] + known
        assert ("estimated" in row["Count type"]) == (known > 0)
        assert ("incomplete" in row["Count type"]) == (not isinstance(estimated, int))


def test_a_funder_gets_baseline_and_evidence(call: Callable[..., Result], tmp_path: Path) -> None:
    call()
    found = rows(tmp_path / "open" / "funder.csv")
    assert [row["output"] for row in found][-1] == "Visits, all hubs"
    before = {cell["hub"]: cell for cell in release_of(published("2025-09", below=None))["cells"]}
    assert {row["baseline_period"] for row in found} == {"2025-09"}
    assert len(before) == len(found)
    code = code_of(published())
    assert all(
        re.search(rf"^publication {code}, SHA-256 [0-9a-f]{{64}}; `hubpulse verify {code}`$", r["evidence"])
        for r in found
    )


def cell(**changed: object) -> dict[str, object]:
    people = {"entries": 1680, "entries_estimated": 80, "entries_low": 1740, "entries_high": 1775}
    return {"days": 30, "days_counted": 25, "days_missing": 1, "method": "weekday_sister", **people, **changed}


CLOSED = {"entries_estimated": 0, "days_counted": 0, "days_missing": 0}


COUNTED = "1,680 people counted by door counters"
MISSING = f"{COUNTED}; on 1 of 30 days not everybody was counted"
BY_SISTERS = "the same weekday in the weeks around and what the other hubs counted on the day"
ESTIMATED = f"{COUNTED} and 80 estimated, since on 1 of 30 days not everybody was counted, by {BY_SISTERS}"


@pytest.mark.parametrize(
    "found, told",
    [
        (cell(), f"{ESTIMATED}; nine chances in ten that it is between 1,740 and 1,775."),
        (cell(entries_estimated=0, method="none", days_missing=0), f"{COUNTED}; nothing was estimated."),
        (cell(entries_estimated=None), f"{MISSING}, and too little is known to estimate the others."),
        (cell(entries_estimated="*"), f"{MISSING}, and the estimate of the others is withheld."),
        (cell(entries="*"), "Not shown: counts below 5, and whatever would tell them, are withheld."),
        (cell(entries=None, entries_estimated=0), "Nobody was counted; nothing was estimated."),
        (cell(entries=0, **CLOSED), "Closed, and nobody was counted."),
        (cell(entries=3, **CLOSED), "3 people counted by door counters; nothing was estimated."),
        (
            cell(entries=0, entries_estimated=0, days_missing=0),
            "0 people counted by door counters; nothing was estimated.",
        ),
        (cell(entries=None, days=0, **CLOSED), "Nothing is known of it."),
    ],
)
def test_each_figure_says_truly_how_it_came_about(found: dict[str, object], told: str) -> None:
    of = {"small_below": 5, "code": "7H2KQ-M9D3T"}
    assert statement(found, of) == f"{told} Evidence: Hubpulse publication 7H2KQ-M9D3T."


def test_what_was_restated_is_a_table_of_its_own() -> None:
    row = {"hub": "hub-0", "date": "2026-08-04", "figure": "entries", "before": 40, "after": 47, "cause": "late"}
    found = {"code": "7H2KQ-M9D3T", "period": "2026-08", "restated": [row, row | {"figure": "co2_mean_ppm"}]}
    content = {**published(), "restatement": found}
    *_, restated = tables(content, authority="Leeds")
    assert (restated.name, restated.rows) == ("restated", [row])


def hidden_numbers() -> Iterator[tuple[str, str]]:
    for each in release_of(published())["cells"]:
        if each["entries"] == "*":
            yield each["hub"], each["period"]


def test_no_file_tells_what_the_release_hides(call: Callable[..., Result], tmp_path: Path) -> None:
    call()
    hidden = set(hidden_numbers())
    assert hidden
    for row in rows(tmp_path / "open" / "visits.csv"):
        if (row["hub"], row["period"]) in hidden:
            assert {row[name] for name in NUMBERS} <= {"*", ""}
            assert not re.search(r"\d+ people", row["statement"])
