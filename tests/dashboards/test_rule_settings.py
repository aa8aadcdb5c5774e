"""Rules that the estate file has otherwise: what is raised goes by them, what is off is said, Grafana follows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.alerts.findings import Finding
from dashboards.alerts.history import Key, read_alerts
from dashboards.alerts.rules import rules_of
from dashboards.alerts.update import Update
from dashboards.grafana import DATASOURCE_UID
from dashboards.grafana.alerts import provisioning
from dashboards.web.board import create_board
from schemas import Estate
from schemas.localtime import NS_A_SECOND
from tests.cli.command import CommandLine
from tests.dashboards.fortnight import Fortnight, at, estate_of, receiving
from tests.dashboards.here import browser_of

OTHERWISE: dict[str, Any] = {
    "battery": {"under_pct": 20, "severity": "critical"},
    "sensor_silent": {"wait": "2h"},
    "buffer": {"over_minutes": 30},
    "quarantine": {"over_pct": 60, "at_least": 5},
    "disk": {"under_gib": 10},
    "ledger": "off",
}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Fortnight]:
    """A morning of an estate in which everything is a little wrong; its file has nothing otherwise."""
    with receiving() as (port, received):
        made = Fortnight(tmp_path / "store.db", received, estate_of(port))
        made.now_ns = at("3 09:00")
        made.until("3 10:00")
        made.batteries["otley/air"] = 18.0
        made.silent = {"armley/door"}
        made.ingest |= {"buffer_oldest_s": 900.0, "disk_free_bytes": 5 * 1024**3, "balanced": False}
        made.ingest["messages_refused"] = 50
        yield made
        made.jobs.stop()
        made.store.close()


def opened(run: Fortnight) -> set[str]:
    alerts = read_alerts(run.store, run.now_ns, rules_of(run.estate))
    return {alert.key.rule for alert in alerts if alert.is_open}


def otherwise(run: Fortnight, **rules: Any) -> None:
    """Have the file changed, as somebody does while jobs run."""
    (address,) = run.estate.alerts.to
    run.estate = estate_of(int(address.get_secret_value().split(":")[2].partition("/")[0]), **rules)


def test_what_is_raised_goes_by_what_the_file_says(run: Fortnight) -> None:
    run.until("3 11:30")
    assert opened(run) == {"buffer", "quarantine", "ledger"}


def test_what_is_raised_goes_by_what_the_file_says_otherwise(run: Fortnight) -> None:
    otherwise(run, **OTHERWISE)
    run.until("3 11:30")
    assert opened(run) == {"battery", "disk"}
    notices = [line for _, _, lines in run.received.notices for line in lines]
    assert any(line.startswith("CRITICAL: The battery of air at Otley is under 20\u00a0%.") for line in notices)
    run.until("3 13:15")
    assert opened(run) == {"battery", "disk", "sensor-silent"}
    run.ingest["buffer_oldest_s"] = 2000.0
    run.until("3 14:00")
    assert opened(run) == {"battery", "disk", "buffer"}


def test_what_is_turned_off_ends_untold_is_said_and_is_raised_anew_when_it_is_on(run: Fortnight) -> None:
    run.until("3 11:30")
    otherwise(run, ledger="off", buffer="off")
    run.until("3 12:30")
    assert opened(run) == {"quarantine", "sensor-silent"}, "what is off is no cause either"
    assert not any(line.startswith("Over:") for _, _, lines in run.received.notices for line in lines)
    board = create_board(open_store=lambda: run.store, estate=lambda: run.estate, clock_ns=lambda: run.now_ns)
    page = browser_of(board).get("/alerts").text
    assert (
        "Turned off in the estate file, and not looked for: Ledger out of balance; Buffer older than 5 minutes." in page
    )
    assert "<td>turned off</td>" in page
    otherwise(run)
    run.until("3 13:30")
    assert {"ledger", "buffer"} <= opened(run)


def test_what_was_wrong_before_a_rule_was_off_is_forgotten() -> None:
    """Else it is raised at once when it is on again, since a time in between which nobody looked."""
    first_ns: dict[Key, int] = {}

    def look(minute: int, estate: Estate, *findings: Finding) -> list[int]:
        now_ns = minute * 60 * NS_A_SECOND
        found = Update([], first_ns, now_ns, rules_of(estate)).by(findings)
        return [alert.since_ns // (60 * NS_A_SECOND) for alert in found.values()]

    on, off, wrong = estate_of(1), estate_of(1, buffer="off"), Finding(Key("buffer", subject="main"), is_wrong=True)
    hold = int(rules_of(on)["buffer"].hold_s // 60)
    assert look(100, on, wrong) == []
    assert look(101, off) == []
    assert look(100 + hold, on, wrong) == []
    assert look(100 + 2 * hold, on, wrong) == [100 + hold]


def rules_in_grafana(estate: Estate) -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(provisioning(estate))["groups"]
    return {rule["uid"].removeprefix("hubpulse-"): rule for group in groups for rule in group["rules"]}


def test_grafanas_rules_follow_the_file() -> None:
    usual, found = rules_in_grafana(Estate()), rules_in_grafana(estate_of(1, **OTHERWISE, hub_silent={"wait": "90s"}))
    assert not any(rule["isPaused"] for rule in usual.values())
    assert {name for name, rule in found.items() if rule["isPaused"]} == {"ledger"}
    limits = {name: rule["data"][2]["model"]["conditions"][0]["evaluator"]["params"][0] for name, rule in found.items()}
    assert {name: limits[name] for name in ("battery", "buffer", "quarantine", "disk")} == {
        "battery": 20,
        "buffer": 1800,
        "quarantine": 0.6,
        "disk": 10 * 1024**3,
    }
    assert (found["sensor-silent"]["for"], found["hub-silent"]["for"]) == ("120m", "90s")
    assert found["battery"]["labels"]["severity"] == "critical"
    assert found["cold"] == usual["cold"]
    assert found["cold"]["data"][0]["datasourceUid"] == DATASOURCE_UID


def test_the_command_shows_every_rule_as_the_file_has_it(tmp_path: Path) -> None:
    (tmp_path / "estate.yaml").write_text("alerts: {rules: {heat: off, battery: {under_pct: 20}}}\n")
    command = CommandLine(tmp_path)
    said = command.run("alerts", "rules", "--estate", "estate.yaml").out.splitlines()
    assert "battery: warning, Battery low, under_pct 20" in said
    assert "heat: off, Hot" in said
    assert "sensor-silent: warning, Sensor silent, waits 600 s" in said
    rules = command.run("alerts", "rules", "--estate", "estate.yaml", "--json").json
    assert {rule["rule"]: rule["off"] for rule in rules}["heat"] is True
