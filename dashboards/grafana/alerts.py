r"""Alert rules, provisioned into Grafana from a file: each is query -> reduce -> threshold.

    A  InfluxQL, one series a hub or sensor  ->  B  its last value  ->  C  above or below the limit

Grafana replaces `$name` in provisioning files by the environment, so nothing here holds a dollar: times are relative
to `now()`, and texts name labels as `{{ .Labels.hub }}`. A rule over opening hours asks the hourly figures, which
count nothing else.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

import yaml

from dashboards.grafana.pipeline import REFUSED_SHARE
from dashboards.grafana.query import DATASOURCE_UID, HUB, INGEST, SENSOR, SILENT_NOW, InfluxQuery, Term, source
from schemas.measures import BATTERY_LOW_PCT, CO2_POOR_PPM, MOSTLY_COMPLETE_MIN, POOR_AIR_MINUTES, WORKROOM_MIN_C

FOLDER_TITLE, FOLDER_UID = "Hubpulse", "hubpulse"
_EXPRESSION = "__expr__"
_SECONDS = {"m": 60, "h": 3600}
_HUB, _SENSOR = "{{ .Labels.hub }}", "{{ .Labels.sensor }}"
BY_SENSOR = f"{HUB}, {SENSOR}"
DAMP_SHARE = Term("damp_minutes", 'sum({}) / sum("open_minutes")')


class Rule(NamedTuple):
    """What to ask, from where on the last value is an alarm, and what its message is."""

    name: str
    title: str
    query: str
    limit: tuple[Literal["gt", "lt"], float]
    summary: str
    hint: str
    for_text: str = "0s"
    severity: Literal["warning", "critical"] = "warning"
    silence_is: Literal["OK", "Alerting"] = "OK"
    """What it means when the query returns nothing at all."""

    def as_dict(self) -> dict[str, Any]:
        """The rule in the form of Grafana's provisioning files."""
        kind, limit = self.limit
        # A share of nothing is no number, which Grafana can't keep in an alert: the limit itself is no alarm.
        settings = {"mode": "replaceNN", "replaceWithValue": limit}
        conditions = [{"evaluator": {"type": kind, "params": [limit]}}]
        return {
            "uid": f"hubpulse-{self.name}",
            "title": self.title,
            "condition": "C",
            "data": [
                self._query(),
                _expression("B", type="reduce", expression="A", reducer="last", settings=settings),
                _expression("C", type="threshold", expression="B", conditions=conditions),
            ],
            "noDataState": self.silence_is,
            "execErrState": "Error",
            "for": self.for_text,
            "labels": {"severity": self.severity, "app": "hubpulse"},
            "annotations": {"summary": self.summary, "description": self.hint},
            "isPaused": False,
        }

    def _query(self) -> dict[str, Any]:
        """The query over the longest time that it looks back."""
        back = re.findall(r"now\(\) - (\d+)([mh])", self.query)
        model = InfluxQuery(self.query, ref_id="A").to_json() | {"intervalMs": 60_000, "maxDataPoints": 1000}
        return _node("A", DATASOURCE_UID, model, from_s=max(int(count) * _SECONDS[unit] for count, unit in back))


def _expression(ref_id: str, **model: Any) -> dict[str, Any]:
    content = {"refId": ref_id, **model, "datasource": {"type": _EXPRESSION, "uid": _EXPRESSION}}
    return _node(ref_id, _EXPRESSION, content)


def _node(ref_id: str, source: str, model: dict[str, Any], *, from_s: int = 0) -> dict[str, Any]:
    span = {"from": from_s, "to": 0}
    return {"refId": ref_id, "relativeTimeRange": span, "datasourceUid": source, "model": model}


def _recent(measurement: str, term: Term, since: str, by: str, *, where: str = "") -> str:
    """A query over the time since `since` ago."""
    times = f"time > now() - {since}" + (f" AND {where}" if where else "")
    return f"SELECT {term.text(measurement)} FROM {source(measurement)} WHERE {times} GROUP BY {by}"


def _count_sensors(formula: str, by: str, *, silent_only: bool) -> str:
    """Count sensors by their last status of the last quarter of an hour, in which there is always one."""
    last = _recent("sensor_status", Term("silent", "last", "silent"), "15m", BY_SENSOR)
    which = f"{SILENT_NOW} AND " if silent_only else ""
    return f'SELECT {formula} AS "sensors" FROM ({last}) WHERE {which}time > now() - 15m GROUP BY {by}'


def _reporting_sensors() -> str:
    """How many sensors of each hub report: all of them, less the silent ones."""
    everyone = _count_sensors('count("silent") * 1', HUB, silent_only=False)
    silent = _count_sensors('count("silent") * -1', HUB, silent_only=True)
    return f'SELECT sum("sensors") FROM ({everyone}), ({silent}) WHERE time > now() - 15m GROUP BY {HUB}'


HUB_RULES = (
    Rule(
        "co2",
        f"CO2 over {CO2_POOR_PPM} ppm for {POOR_AIR_MINUTES} minutes",
        _recent("usage_hourly", Term("co2_minutes_over_1500", "sum"), "2h", HUB),
        ("gt", POOR_AIR_MINUTES - 0.1),
        f"{_HUB}: CO2 was over {CO2_POOR_PPM} ppm for {POOR_AIR_MINUTES} minutes or more in this "
        "opening hour and the last.",
        "Open windows or raise the ventilation; look at the hub's CO2 for which room it is.",
    ),
    Rule(
        "cold",
        f"Under {WORKROOM_MIN_C} °C in opening hours",
        _recent("usage_hourly", Term("temperature_coldest_zone_c", "last"), "1h", HUB),
        ("lt", WORKROOM_MIN_C),
        f"A zone of {_HUB} is under {WORKROOM_MIN_C} °C, the least for a workroom, while open.",
        "See to the heating; the limit is for the mean of the hub's coldest zone over the running hour.",
        for_text="30m",
    ),
    Rule(
        "damp",
        "Damp for a day",
        _recent("usage_hourly", DAMP_SHARE, "25h", HUB, where="time <= now() - 1h"),  # opening hours that are over
        ("gt", 0.9),
        f"{_HUB} was damp enough for mould in all opening hours of the last 24.",
        "Air and heat the rooms, look for leaks and for mould on cold walls.",
        for_text="4h",
    ),
    Rule(
        "sensor-silent",
        "Sensor silent",
        _count_sensors('count("silent")', BY_SENSOR, silent_only=True),
        ("gt", 0),
        f"{_SENSOR} at {_HUB} missed three readings.",
        "Look at its battery, its power and the gateway; `hubpulse sensors list` shows when it last reported.",
        for_text="10m",
    ),
    Rule(
        "hub-silent",
        "Hub silent",
        _reporting_sensors(),
        ("lt", 1),
        f"No sensor of {_HUB} reports.",
        "Look at the hub's gateway, its power and its line. Its sensors may send their history later.",
        for_text="5m",
        severity="critical",
    ),
    Rule(
        "doors",
        f"Doors count under {MOSTLY_COMPLETE_MIN:.0%}",
        _recent("usage_daily", Term("footfall_completeness", "last"), "48h", HUB),
        ("lt", MOSTLY_COMPLETE_MIN),
        f"The doors of {_HUB} tell of less than {MOSTLY_COMPLETE_MIN:.0%} of the day's usual people: "
        "its figures will be missing.",
        "Look at the door counters, their power and gateway; `hubpulse usage why` shows which are silent since when.",
        for_text="1h",
    ),
    Rule(
        "battery",
        f"Battery under {BATTERY_LOW_PCT} %",
        _recent("sensor_status", Term("battery_pct", "last"), "1h", BY_SENSOR),
        ("lt", BATTERY_LOW_PCT),
        f"The battery of {_SENSOR} at {_HUB} is under {BATTERY_LOW_PCT} %.",
        "Change it at the next visit.",
    ),
)

PIPELINE_RULES = (
    Rule(
        "buffer",
        "Buffer older than 5 minutes",
        _recent("pipeline_status", Term("buffer_oldest_s", "last"), "5m", INGEST),
        ("gt", 300),
        "Readings wait for the store for more than 5 minutes, or ingest reports nothing.",
        "Nothing is lost while the disk has room: `hubpulse doctor` shows what is wrong with the store or ingest.",
        for_text="1m",
        severity="critical",
        silence_is="Alerting",
    ),
    Rule(
        "quarantine",
        "More than 1 % refused",
        _recent("pipeline_status", REFUSED_SHARE, "1h", INGEST),
        ("gt", 0.01),
        "More than one message in a hundred was refused in the last hour.",
        "`hubpulse quarantine list` shows which and why; fix the cause, then `hubpulse quarantine redrive`.",
    ),
    Rule(
        "ledger",
        "Ledger out of balance",
        _recent("pipeline_status", Term("messages_received", "count"), "5m", INGEST, where='"balanced" = false'),
        ("gt", 0),
        "The ledger of {{ .Labels.ingest }} does not balance: a message or a reading is unaccounted for.",
        "This must never happen: keep the data folder as it is and report it with `hubpulse ledger --json`.",
        severity="critical",
    ),
)

GROUPS = {"hubs": HUB_RULES, "pipeline": PIPELINE_RULES}


def provisioning() -> str:
    """The file that provisions all rules."""
    shared = {"folder": FOLDER_TITLE, "interval": "1m"}
    groups = [
        {"orgId": 1, "name": name, **shared, "rules": [rule.as_dict() for rule in rules]}
        for name, rules in GROUPS.items()
    ]
    text = yaml.safe_dump({"apiVersion": 1, "groups": groups}, sort_keys=False, allow_unicode=True, width=120)
    return f"# Made by `hubpulse dashboards render`: change dashboards/grafana/alerts.py instead.\n{text}"
