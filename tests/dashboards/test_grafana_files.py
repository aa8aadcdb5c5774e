"""The committed dashboards are what the code makes, and Grafana can be provisioned with them as they are."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard
from typer.testing import CliRunner

from cli.dashboards import app
from dashboards.grafana import DASHBOARDS, DATASOURCE_UID, drift, render
from schemas.measures import MEASURES
from tests.real_parts import REPOSITORY

CORE_PANELS = {
    "alertlist", "barchart", "bargauge", "gauge", "heatmap", "row", "stat", "state-timeline", "status-history",
    "table", "text", "timeseries",
}  # fmt: skip
GRAFANA_12_SCHEMA = 42

each_dashboard = pytest.mark.parametrize("name", DASHBOARDS)


def rendered(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(render()[f"{name}.json"])
    return content


def panels(name: str) -> Iterator[dict[str, Any]]:
    yield from rendered(name)["panels"]


def test_the_committed_files_are_what_the_code_makes() -> None:
    assert drift() == []


def test_check_finds_a_changed_a_missing_and_a_foreign_file(tmp_path: Path) -> None:
    folder = tmp_path / "dashboards"
    assert CliRunner().invoke(app, ["render", "--out", str(folder)]).exit_code == 0
    assert drift(folder) == []
    (folder / "mine.json").write_text("{}")
    changed = folder / "daily-usage.json"
    changed.write_text(changed.read_text().replace("Daily usage", "Monthly usage"))
    result = CliRunner().invoke(app, ["check", "--folder", str(folder)])
    assert result.exit_code == 1
    assert str(result.exception).splitlines()[:2] == [
        "mine.json: not made by the code",
        "daily-usage.json: differs from the code",
    ]
    changed.unlink()
    assert "daily-usage.json: missing" in drift(folder)


def test_render_puts_the_estates_zone_into_query_and_dashboard(tmp_path: Path) -> None:
    estate = tmp_path / "estate.yaml"
    estate.write_text("timezone: Asia/Singapore\n")
    arguments = ["render", "--estate", str(estate), "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    for path in (tmp_path / "out").glob("*.json"):
        assert json.loads(path.read_text())["timezone"] == "Asia/Singapore"
        assert "Europe/London" not in path.read_text()


@each_dashboard
def test_a_dashboard_is_of_grafana_12_and_opens_without_a_migration(name: str) -> None:
    content = rendered(name)
    assert content["schemaVersion"] == GRAFANA_12_SCHEMA
    assert {panel["type"] for panel in content["panels"]} <= CORE_PANELS
    Dashboard.from_json(content)


@each_dashboard
def test_panels_fill_the_grid_without_lying_on_each_other(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(name):
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in panels(name)}) == len(list(panels(name)))


@each_dashboard
def test_every_panel_says_what_it_means_and_what_an_empty_one_means(name: str) -> None:
    for panel in panels(name):
        assert panel["title"]
        assert panel["description"], panel["title"]
        if panel["type"] != "text":
            assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]
            assert panel["targets"], panel["title"]


@each_dashboard
def test_a_title_stands_for_one_panel(name: str) -> None:
    titles = [panel["title"] for panel in panels(name)]
    assert len(set(titles)) == len(titles)


def test_a_column_is_shown_as_the_catalogue_has_its_field() -> None:
    (table,) = (panel for panel in panels("hub") if panel["title"] == "Day by day")
    shown = {
        override["matcher"]["options"]: {prop["id"]: prop["value"] for prop in override["properties"]}
        for override in reversed(table["fieldConfig"]["overrides"])
    }
    for field in ("peak_occupancy", "temperature_mean_c", "co2_max_ppm", "open_minutes", "footfall_completeness"):
        measure = MEASURES[field]
        properties = shown[measure.label]
        assert (properties["unit"], properties["decimals"]) == (measure.unit.grafana, measure.decimals)
        steps = properties.get("thresholds", {"steps": []})["steps"]
        assert [step["value"] for step in steps] == [band.start for band in measure.bands]


@each_dashboard
def test_every_query_names_the_time_zone_and_our_data_source(name: str) -> None:
    for panel in panels(name):
        for target in panel.get("targets", []):
            assert target["datasource"] == {"type": "influxdb", "uid": DATASOURCE_UID}
            assert "tz('Europe/London')" in target["query"], panel["title"]


def test_the_provisioned_data_source_is_the_one_that_dashboards_name() -> None:
    provisioning = REPOSITORY / "deploy/grafana/provisioning"
    sources = yaml.safe_load((provisioning / "datasources/hubpulse.yaml").read_text())["datasources"]
    assert [(source["uid"], source["type"]) for source in sources] == [(DATASOURCE_UID, "influxdb")]
