"""`hubpulse usage health` as people and programs call it."""

import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.usage import app
from schemas.localtime import from_ns
from stores.lines import encode
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, put_lines

NOW_NS = 1_792_000_000_000_000_000
ESTATE = """
timezone: UTC
hubs:
  - {id: armley, name: Armley}
  - {id: beeston, name: Beeston}
"""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cli.asking.time.time_ns", lambda: NOW_NS)
    (tmp_path / "estate.yaml").write_text(ESTATE)
    folder = tmp_path / "data"
    folder.mkdir()
    with closing(SqliteStore(folder / "store.db")) as store:
        store.prepare()
        today_ns = NOW_NS - NOW_NS % DAY_NS
        row = {"cold_minutes": 120.0, "temperature_mean_c": 13.2, "environment_completeness": 1.0}
        tags = {"hub": "armley", "zone": "hall"}
        put_lines(store, [encode("usage_daily_zone", tags, row, today_ns - n * DAY_NS) for n in range(3)])


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["health", "--data", "data", "--estate", "estate.yaml", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_people_are_told_what_to_do_and_what_is_not_known() -> None:
    since = from_ns(NOW_NS).date() - timedelta(days=2)
    lines = " ".join(run().replace("\u00a0", " ").split())
    assert f"Armley hall: cold since {since:%-d %B %Y}: 13.2 °C on average while open, 2 h below 16 °C" in lines
    assert "Check radiators" in lines
    assert "No zone was measured today in: Beeston" in lines


def test_programs_get_the_same() -> None:
    found = json.loads(run("--json"))
    assert [(case["kind"], case["zone"], case["is_open"], case["minutes"]) for case in found["cases"]] == [
        ("cold", "hall", True, 120.0)
    ]
    assert found["no_data"] == ["beeston"]
    assert json.loads(run("--json", "--hub", "beeston"))["cases"] == []
