"""A rehearsed year: equal to its truth where nothing goes wrong, and told apart from it where something does."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.rehearse import app
from schemas import HubpulseError
from simulators.rehearsal import rehearsal
from usage.rehearsal import Error, Month, summary

SENSORS = [
    {"id": "door", "kinds": ["footfall"], "every": "30m"},
    {
        "id": "side",
        "kinds": ["footfall", "device"],
        "every": "change",
        "counter_bits": 32,
    },
    {"id": "gone", "kinds": ["footfall"], "until": "2025-12-31"},
    {"id": "air", "kinds": ["co2"], "every": "1m"},
]
DOCUMENT: dict[str, Any] = {
    "timezone": "Europe/London",
    "hubs": [
        {"id": "armley", "opening": {"mon-fri": "09:00-13:00"}, "sensors": SENSORS},
        {"id": "beeston", "sensors": [SENSORS[0]], "opening": {"mon-sat": "10:00-16:00"}},
        {"id": "no-door", "sensors": [SENSORS[3]]},
    ],
}


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., Result]:
    file = tmp_path / "estate.yaml"
    file.write_text(json.dumps(DOCUMENT))
    fixed = ("--estate", str(file), "--until", "2026-04-19")
    return lambda *words: CliRunner().invoke(app, [*fixed, *words], catch_exceptions=False)


def test_where_nothing_goes_wrong_all_equals_the_truth(call: Callable[..., Result]) -> None:
    """Over a change of the clocks, with months that the days cut short."""
    found = json.loads(call("--days", "40", "--fault", "none", "--json").stdout)
    assert [(month["hub"], month["month"]) for month in found["months"]] == [
        (hub, month) for hub in ("armley", "beeston") for month in ("2026-03", "2026-04")
    ]
    for month in found["months"]:
        assert month["truth"] > 100
        assert {month[name] for name in ("counted", "reported", "low", "high", "bare_sum")} == {month["truth"]}
    told = found["summary"]
    assert (told["complete"], told["exact"], told["estimated"], told["untold"]) == (4, 4, 0, 0)
    assert told["reported_error"] == told["bare_sum_error"] == {"mean": 0, "median": 0}


def test_what_is_lost_is_missing_from_the_bare_sum(call: Callable[..., Result], tmp_path: Path) -> None:
    found = json.loads(call("--days", "60", "--fault", "dead-sensor:0.1", "--json").stdout)
    lost = [month for month in found["months"] if month["hub"] == "beeston"]
    assert any(month["days_missing"] for month in lost)
    assert all(month["bare_sum"] == month["counted"] <= month["truth"] for month in lost)
    assert {path.name for path in tmp_path.iterdir()} == {"estate.yaml"}


def test_the_same_seed_is_the_same_year_and_told_in_a_table(call: Callable[..., Result]) -> None:
    one, same, other = (call("--days", "6", "--seed", seed).output for seed in ("1", "1", "2"))
    assert one == same != other
    assert "error of a month, bare sum: " in one
    assert "months in which nothing is missing equal the truth" in one


def test_only_doors_that_are_in_use_are_rehearsed() -> None:
    run, truth = rehearsal(DOCUMENT, last=date(2026, 4, 19), days=30, seed=1)
    assert {hub.id: [sensor.id for sensor in hub.sensors] for hub in run.estate.hubs} == {
        "armley": ["door", "side"],
        "beeston": ["door"],
    }
    days = [truth("armley", day, day) for day in (date(2026, 4, 17), date(2026, 4, 18))]
    assert (days[0] > 0, days[1]) == (True, 0)
    assert truth("armley", date(2026, 4, 17), date(2026, 4, 18)) == days[0]


def test_what_can_not_be_rehearsed_is_told() -> None:
    with pytest.raises(HubpulseError, match=r"^the estate file names no door counter: add sensors"):
        rehearsal({"hubs": DOCUMENT["hubs"][2:]}, last=date(2026, 4, 19), days=30, seed=1)
    with pytest.raises(HubpulseError, match=r"^no fault is called 'x'"):
        rehearsal(DOCUMENT, last=date(2026, 4, 19), days=30, seed=1, faults=["x"])


def test_the_summary_counts_each_month_once() -> None:
    def month(counted: int, estimated: int | None, low: int | None, high: int | None, bare_sum: int) -> Month:
        return Month("a", "2026-01", counted, estimated, low, high, "none", 0, bare_sum, 100)

    found = summary(
        [
            month(100, 0, 100, 100, 100),
            month(99, 0, 99, 99, 200),
            month(80, 15, 90, 99, 80),
            month(80, 18, 90, 101, 80),
            month(50, None, None, None, 50),
        ]
    )
    assert (found.complete, found.exact, found.estimated, found.held, found.untold) == (2, 1, 2, 1, 1)
    assert found.reported_error == Error(0.02, 0.015)
    assert found.bare_sum_error == Error(0.38, 0.2)
