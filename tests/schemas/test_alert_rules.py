"""What an estate file may have otherwise of each kind of alert, and what is refused, with what to write instead."""

import pytest

from dashboards.alerts.rules import DOORS, RULES, Severity, rules_of
from schemas import Estate, HubpulseError
from sensors.estate_file import parse_estate


def estate(rules: str) -> Estate:
    return parse_estate(f"alerts:\n  rules: {{{rules}}}\n", name="estate.yaml")


def test_every_rule_can_be_turned_off_and_is_as_ever_without_a_word_of_it() -> None:
    everything = {**RULES, DOORS.name: DOORS}
    assert rules_of(Estate()) == everything
    found = rules_of(estate(", ".join(f"{name}: off" for name in everything)))
    assert list(found) == list(everything)
    assert all(rule.is_off for rule in found.values())


def test_what_is_said_of_a_rule_goes_before_what_it_is_otherwise() -> None:
    found = rules_of(
        estate(
            "battery: {under_pct: 17.5, severity: critical}, buffer: {over_minutes: 20, wait: 10m}, "
            "quarantine: {over_pct: 2.5, at_least: 100}, disk: {under_gib: 5}, sensor-silent: {wait: 90s}"
        )
    )
    assert found["battery"].says("air") == "The battery of air is under 17.5\u00a0%."
    assert (found["battery"].severity, found["battery"].limit) == (Severity.CRITICAL, 17.5)
    assert (found["buffer"].heading, found["buffer"].limit) == ("Buffer older than 20 minutes", 1200)
    assert (found["buffer"].hold_s, found["sensor-silent"].hold_s) == (600, 90)
    assert found["quarantine"].heading == "More than 2.5\u00a0% refused"
    assert (found["quarantine"].limit, found["quarantine"].numbers["at_least"]) == (0.025, 100)
    assert found["disk"].limit == 5 * 1024**3
    assert found["frost"] == RULES["frost"]


@pytest.mark.parametrize(
    "rules, said",
    [
        ("batery: off", "alerts.rules.batery: is not a key here: did you mean battery?"),
        ("sensor_silent: off", "did you mean sensor-silent?"),
        ("battery: {under: 20}", "did you mean under_pct?"),
        ("battery: {under_pct: 50}", "'50' is too large: write 40 or less"),
        ("battery: {under_pct: -1}", "'-1' is too small: write 1 or more"),
        ("battery: {under_pct: nan}", "'nan' is not a number"),
        ("battery: 20", "'20' is not known: write off, or what is otherwise, such as {severity: critical}"),
        ("battery: on", "'on' is not known: write off"),
        ("battery: {severity: bad}", "'bad' is not known: write one of warning, critical"),
        ("sensor-silent: {wait: 30}", "'30' is not a duration: write 30s for seconds, 30m for minutes"),
        ("sensor-silent: {wait: 5d}", "is more than a day: write 24h or less"),
        ("quarantine: {at_least: 0}", "'0' is too small: write 1 or more"),
        ("quarantine: {over_pct: 100}", "'100' is too large: write less than 100"),
        ("session-lost: {wait: 1h}", "wait: is not a key here: write one of severity"),
        ("cold: {under_c: 18}", "under_c: is not a key here"),
    ],
)
def test_what_is_no_rule_or_makes_no_sense_is_refused_with_what_to_write(rules: str, said: str) -> None:
    with pytest.raises(HubpulseError) as refused:
        estate(rules)
    assert f"estate.yaml:2: alerts.rules.{rules.partition(':')[0]}" in str(refused.value)
    assert said in str(refused.value)
