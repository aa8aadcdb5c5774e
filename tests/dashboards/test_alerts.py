"""The alert rules: their file is what the code makes, and each asks a real InfluxDB and finds what is wrong in it."""

import math
import re
from datetime import UTC, date
from typing import Any

import pytest
import yaml

from dashboards.grafana import DATASOURCE_UID
from dashboards.grafana.alerts import GROUPS, provisioning
from schemas import Estate
from tests.dashboards.fake_grafana import alert_value
from tests.dashboards.month import NOW, SICK, Month
from tests.real_parts import REPOSITORY

DEPLOY = REPOSITORY / "deploy/grafana"
RULES: dict[str, dict[str, Any]] = {
    rule["uid"]: rule for group in yaml.safe_load(provisioning(Estate()))["groups"] for rule in group["rules"]
}
each_rule = pytest.mark.parametrize("uid", RULES)


def answers(month: Month, uid: str) -> list[dict[str, Any]]:
    """The last value of each series of the rule's query, asked at NOW."""
    query = RULES[uid]["data"][0]["model"]["query"]
    at = NOW.astimezone(UTC).strftime("'%Y-%m-%dT%H:%M:%SZ'")
    return month.ask(query.replace("now()", at))


def firing(month: Month, uid: str) -> set[tuple[str, ...]]:
    """The series over or under the rule's limit, by their labels."""
    (condition,) = RULES[uid]["data"][2]["model"]["conditions"]
    kind, (limit,) = condition["evaluator"]["type"], condition["evaluator"]["params"]
    found = set()
    for row in answers(month, uid):
        labels = {name: value for name, value in row.items() if isinstance(value, str)}
        (value,) = (value for name, value in row.items() if name not in labels and name != "time")
        if value is not None and (value > limit if kind == "gt" else value < limit):
            found.add(tuple(labels[name] for name in sorted(labels)))
    return found


@pytest.mark.needs("influxd")
@each_rule
def test_every_rules_query_returns_data(month: Month, uid: str) -> None:
    assert answers(month, uid)


@pytest.mark.needs("influxd")
@pytest.mark.parametrize(
    "uid, expected",
    [
        ("hubpulse-co2", {(SICK,)}),
        ("hubpulse-cold", {(SICK,)}),
        ("hubpulse-damp", {(SICK,)}),
        ("hubpulse-sensor-silent", {(SICK, "old")}),
        ("hubpulse-hub-silent", set()),
        ("hubpulse-doors", {(SICK,)}),
        ("hubpulse-battery", {(SICK, "air")}),
        ("hubpulse-buffer", set()),
        ("hubpulse-quarantine", {("hubpulse-ingest",)}),
        ("hubpulse-ledger", {("hubpulse-ingest",)}),
        ("hubpulse-disk", set()),
        ("hubpulse-session-lost", {("hubpulse-ingest",)}),
    ],
)
def test_a_rule_fires_for_what_is_wrong_and_for_nothing_else(
    month: Month, uid: str, expected: set[tuple[str, ...]]
) -> None:
    assert firing(month, uid) == expected


@pytest.mark.needs("influxd")
def test_reporting_sensors_are_all_of_a_hub_less_the_silent_ones(month: Month) -> None:
    reporting = {row["hub"]: row["sum"] for row in answers(month, "hubpulse-hub-silent")}
    assert reporting == {"north": 3, "night": 2, "south": 2, SICK: 1}


def test_every_alert_of_the_design_is_there() -> None:
    assert {name: len(rules) for name, rules in GROUPS.items()} == {"hubs": 7, "pipeline": 5}
    assert all(len(uid) <= 40 for uid in RULES)


@each_rule
def test_a_rule_is_query_then_reduce_then_threshold(uid: str) -> None:
    rule = RULES[uid]
    query, reduce, threshold = rule["data"]
    assert [node["datasourceUid"] for node in rule["data"]] == [DATASOURCE_UID, "__expr__", "__expr__"]
    assert (reduce["model"]["type"], reduce["model"]["expression"]) == ("reduce", query["refId"])
    assert (threshold["model"]["type"], threshold["model"]["expression"]) == ("threshold", reduce["refId"])
    assert rule["condition"] == threshold["refId"]
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]


@each_rule
def test_a_value_that_is_no_number_is_one_that_grafana_can_keep_and_no_alarm(uid: str) -> None:
    (condition,) = RULES[uid]["data"][2]["model"]["conditions"]
    kind, (limit,) = condition["evaluator"]["type"], condition["evaluator"]["params"]
    for value in (math.nan, None):
        kept = float(alert_value(RULES[uid], [1.0, value]))
        assert not (kept > limit if kind == "gt" else kept < limit)


@each_rule
def test_a_rule_looks_back_as_far_as_its_query(uid: str) -> None:
    query = RULES[uid]["data"][0]
    seconds = {"m": 60, "h": 3600}
    asked = [int(n) * seconds[unit] for n, unit in re.findall(r"time > now\(\) - (\d+)([mh])", query["model"]["query"])]
    assert query["relativeTimeRange"] == {"from": max(asked), "to": 0}


def test_grafana_finds_nothing_to_replace_in_the_rules() -> None:
    assert "$" not in provisioning(Estate())


@pytest.mark.parametrize("kind", ["mail", "webhook"])
def test_contact_points_take_their_address_from_the_environment(kind: str) -> None:
    content = yaml.safe_load((DEPLOY / f"contact-points/{kind}.yaml").read_text())
    (point,) = content["contactPoints"]
    (receiver,) = point["receivers"]
    assert any(str(value).startswith("$HUBPULSE_ALERT_") for value in receiver["settings"].values())
    assert [policy["receiver"] for policy in content["policies"]] == [point["name"]]


def test_without_a_choice_nobody_is_told() -> None:
    for file in (DEPLOY / "contact-points/none.yaml", DEPLOY / "provisioning/alerting/contact-points.yaml"):
        assert yaml.safe_load(file.read_text()) == {"apiVersion": 1}


def test_both_kinds_of_data_source_are_the_one_that_dashboards_name() -> None:
    for file in (DEPLOY / "provisioning/datasources/hubpulse.yaml", DEPLOY / "influxdb-1/hubpulse.yaml"):
        (source,) = yaml.safe_load(file.read_text())["datasources"]
        assert (source["uid"], source["type"], source["jsonData"]["dbName"]) == (DATASOURCE_UID, "influxdb", "hubs")
        assert source["database"] == "hubs"


def test_the_day_of_the_alerts_is_an_opening_day() -> None:
    assert (NOW.date(), NOW.hour) == (date(2025, 11, 7), 15)
