"""Pushing to an existing Grafana: idempotent, says what changed, and every failure is a plain sentence."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from cli.dashboards import app
from dashboards.grafana import DASHBOARDS, DATASOURCE_UID
from dashboards.grafana.api import Grafana, GrafanaError
from dashboards.grafana.files import DEFAULT
from dashboards.grafana.push import Outcome, Wanted, check, difference, push
from schemas import HubpulseError
from schemas.settings import InfluxSettings
from tests.dashboards.fake_grafana import TOKEN, FakeGrafana

INFLUX = InfluxSettings(url="http://influx:8086", token=SecretStr("secret-token"))
WANTED = Wanted(DEFAULT, INFLUX, with_alerts=True)


@pytest.fixture(name="fake")
def _fake() -> Iterator[FakeGrafana]:
    with FakeGrafana() as server:
        yield server


@pytest.fixture(name="grafana")
def _grafana(fake: FakeGrafana) -> Iterator[Grafana]:
    with closing(Grafana(fake.url, TOKEN, timeout_s=5)) as grafana:
        yield grafana


def states(outcomes: Iterator[Outcome]) -> dict[str, str]:
    return {outcome.part: outcome.state for outcome in outcomes}


def test_a_push_creates_everything_and_a_second_changes_nothing(fake: FakeGrafana, grafana: Grafana) -> None:
    first = states(push(grafana, WANTED))
    assert list(first.values()) == [
        "same",
        "created",
        "created",
        *["created"] * len(DASHBOARDS),
        "created",
        "created",
        "OK",
    ]
    assert set(fake.dashboards) == {f"hubpulse-{name}" for name in DASHBOARDS}
    assert {stored["meta"]["folderUid"] for stored in fake.dashboards.values()} == {"hubpulse"}
    fake.writes.clear()
    second = states(push(grafana, WANTED))
    assert set(second.values()) == {"same", "unchanged", "OK"}
    assert fake.writes == []


def test_a_push_mends_what_differs_and_says_where(fake: FakeGrafana, grafana: Grafana) -> None:
    list(push(grafana, WANTED))
    fake.dashboards["hubpulse-hub"]["dashboard"]["panels"][2]["title"] = "Mine"
    fake.data_sources[DATASOURCE_UID]["url"] = "http://elsewhere:8086"
    fake.folders["hubpulse"]["title"] = "Old name"
    fake.rule_groups["hubs"]["rules"][0]["for"] = "9h"
    changed = {outcome.part: outcome for outcome in push(grafana, WANTED) if outcome.state == "updated"}
    assert {part: outcome.detail for part, outcome in changed.items()} == {
        "folder": "was called 'Old name'",
        "data source": "url was different",
        "dashboard 'One hub'": "panels[2].title was different",
        "alert rules 'hubs'": "rules[0].for was different",
    }
    assert not any(outcome.is_drift for outcome in check(grafana, WANTED))


def test_a_rule_that_is_missing_is_created_before_its_group_is_set(fake: FakeGrafana, grafana: Grafana) -> None:
    list(push(grafana, WANTED))
    del fake.rules["hubpulse-cold"]
    fake.rule_groups["hubs"]["rules"].pop(1)
    fake.writes.clear()
    assert states(push(grafana, WANTED))["alert rules 'hubs'"] == "updated"
    group = "v1/provisioning/folder/hubpulse/rule-groups/hubs"
    assert fake.writes == [("POST", "v1/provisioning/alert-rules"), ("PUT", group)]


def test_a_data_source_without_its_database_where_grafana_9_reads_it_is_mended(
    fake: FakeGrafana, grafana: Grafana
) -> None:
    list(push(grafana, WANTED))
    del fake.data_sources[DATASOURCE_UID]["database"]
    assert "database name required" in next(o.detail for o in check(grafana, WANTED) if o.part.startswith("health"))
    assert states(push(grafana, WANTED))["data source"] == "updated"
    assert fake.data_sources[DATASOURCE_UID]["database"] == "hubs"


def test_a_dashboard_in_another_folder_comes_back(fake: FakeGrafana, grafana: Grafana) -> None:
    list(push(grafana, WANTED))
    fake.dashboards["hubpulse-hub"]["meta"]["folderUid"] = "attic"
    assert [o.detail for o in check(grafana, WANTED) if o.is_drift] == ["at meta.folderUid"]
    assert states(push(grafana, WANTED))["dashboard 'One hub'"] == "updated"
    assert fake.dashboards["hubpulse-hub"]["meta"]["folderUid"] == "hubpulse"


def test_check_reports_drift_and_changes_nothing(fake: FakeGrafana, grafana: Grafana) -> None:
    before = states(check(grafana, WANTED))
    assert before["folder"] == before["data source"] == before["dashboard 'Pipeline'"] == "missing"
    list(push(grafana, WANTED))
    fake.dashboards["hubpulse-pipeline"]["dashboard"]["panels"].pop()
    fake.writes.clear()
    after = {outcome.part: outcome.detail for outcome in check(grafana, WANTED) if outcome.is_drift}
    assert after == {"dashboard 'Pipeline'": "at panels"}
    assert fake.writes == []


def test_a_sick_data_source_is_sent_again_and_reported(fake: FakeGrafana, grafana: Grafana) -> None:
    list(push(grafana, WANTED))
    fake.healthy = False
    *_, health = outcomes = list(push(grafana, WANTED))
    assert next(o for o in outcomes if o.part == "data source").detail == "its health check had failed"
    assert health.state == "failed"
    assert "unauthorized" in health.detail
    assert [o.part for o in check(grafana, WANTED) if o.is_drift] == ["health of the data source"]


@pytest.mark.claim("S-47")
def test_secrets_go_to_grafana_and_nowhere_else(fake: FakeGrafana, grafana: Grafana) -> None:
    assert "secret-token" not in str(list(push(grafana, WANTED)))
    assert fake.data_sources[DATASOURCE_UID]["secureJsonFields"] == {"httpHeaderValue1": True}
    assert fake.data_sources[DATASOURCE_UID]["jsonData"]["httpHeaderName1"] == "Authorization"


def test_a_grafana_that_sends_back_the_request_shows_no_secret(fake: FakeGrafana, grafana: Grafana) -> None:
    fake.faults["datasources"] = (401, "application/json", f'{{"message": "{TOKEN} secret-token"}}'.encode())
    with pytest.raises(GrafanaError) as caught:
        list(push(grafana, WANTED))
    assert not {TOKEN, "secret-token"} & {*str(caught.value).replace('"', " ").split()}


def test_influxdb_1_is_asked_with_user_and_password(fake: FakeGrafana, grafana: Grafana) -> None:
    influx = InfluxSettings(url="http://old:8086", username="reader", password=SecretStr("pw"))
    list(push(grafana, Wanted(DEFAULT, influx)))
    stored = fake.data_sources[DATASOURCE_UID]
    assert (stored["user"], stored["secureJsonFields"]) == ("reader", {"password": True})
    assert fake.rule_groups == {}


@pytest.mark.parametrize(
    "fault, words",
    [
        ((401, "application/json", b'{"message":"Invalid API key"}'), "does not know these credentials"),
        ((403, "application/json", b'{"message":"Access denied"}'), "needs the role Admin"),
        ((400, "application/json", b'{"message":"bad uid"}'), "bad uid"),
        ((412, "application/json", b'{"message":"newer","status":"version-mismatch"}'), "newer one is there"),
        ((412, "application/json", b'{"message":"newer"}'), "something other than Grafana's JSON"),
        ((500, "application/json", b'{"message":"Internal"}'), "answered folders/hubpulse with 500"),
        ((503, "text/html", b"<h1>maintenance</h1>"), "with 503"),
        ((200, "application/json", b""), "login page or proxy"),
        ((200, "text/html", b"<html>Log in</html>"), "login page or proxy"),
        ((200, "application/json", b"[]"), "is it a Grafana 9 to 12"),
    ],
)
def test_every_strange_answer_is_a_sentence(
    fake: FakeGrafana, grafana: Grafana, fault: tuple[int, str, bytes], words: str
) -> None:
    fake.faults["folders/hubpulse"] = fault
    with pytest.raises(GrafanaError) as error:
        list(push(grafana, WANTED))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_slow_answer_ends_at_the_timeout(fake: FakeGrafana) -> None:
    fake.faults["health"] = None
    with (
        closing(Grafana(fake.url, TOKEN, timeout_s=0.2)) as grafana,
        pytest.raises(GrafanaError, match=r"did not answer health within 0\.2 s"),
    ):
        list(check(grafana, WANTED))


def test_nobody_at_the_address_is_a_plain_sentence() -> None:
    with (
        closing(Grafana("http://127.0.0.1:9", TOKEN)) as grafana,
        pytest.raises(GrafanaError, match="can't be reached"),
    ):
        list(check(grafana, WANTED))


@pytest.mark.parametrize("url", ["grafana:3000", "ftp://grafana", "http://", "http://a:99999", "http://me:pw@grafana"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(GrafanaError, match="write for example http://127"):
        Grafana(url, TOKEN)


@pytest.mark.parametrize("version", ["8.5.2", "9.3.0", "13.0.1", ""])
def test_a_grafana_that_these_dashboards_are_not_for_is_left_alone(version: str) -> None:
    with (
        FakeGrafana(version=version) as fake,
        closing(Grafana(fake.url, TOKEN)) as grafana,
        pytest.raises(GrafanaError, match=r"these dashboards are for 9\.4 to 12"),
    ):
        list(push(grafana, WANTED))
    assert fake.writes == []


def test_grafana_may_live_under_a_path_and_know_a_user() -> None:
    with FakeGrafana(version="9.4.7", prefix="/grafana") as fake:
        with closing(Grafana(fake.url + "/", ("admin", "pw"))) as grafana:
            assert states(push(grafana, WANTED))["folder"] == "created"
        with (
            closing(Grafana(fake.url, "wrong")) as grafana,
            pytest.raises(GrafanaError, match="give a valid --token"),
        ):
            list(push(grafana, WANTED))


def test_the_commands_push_and_check(fake: FakeGrafana, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    where = ["--url", fake.url, "--token-file", str(token)]
    run = CliRunner()
    missing = run.invoke(app, ["check", *where])
    assert isinstance(missing.exception, HubpulseError)
    assert f"hubpulse dashboards push --url {fake.url}" in str(missing.exception)
    pushed = run.invoke(app, ["push", *where])
    assert pushed.exit_code == 0
    assert "dashboard 'Daily usage': created" in pushed.output
    assert run.invoke(app, ["check", *where]).exit_code == 0
    nobody = run.invoke(app, ["push", "--url", fake.url])
    assert "--token-file" in str(nobody.exception)


def test_what_a_server_adds_is_no_difference_and_what_it_lacks_is() -> None:
    ours = {"title": "t", "panels": [{"id": 1, "mappings": []}]}
    theirs = json.loads('{"id": 9, "title": "t", "panels": [{"id": 1, "pluginVersion": "12"}]}')
    assert difference(ours, theirs) is None
    assert difference({"id": None, "version": 3}, theirs) is None
    assert difference(ours, theirs | {"panels": []}) == "panels"
    assert difference({"panels": [{"id": 2}]}, theirs) == "panels[0].id"
