r"""Alert rules, provisioned into Grafana from a file: each is query -> reduce -> threshold.

    A  InfluxQL, one series a hub or sensor  ->  B  its last value  ->  C  above or below the limit

Grafana replaces `$name` in provisioning files by the environment, so nothing here holds a dollar: times are relative
to `now()`, and texts name labels as `{{ .Labels.hub }}`. A rule over opening hours asks the hourly figures, which
count nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from dashboards.grafana.query import DATASOURCE, DATASOURCE_UID, HUB, INGEST, SENSOR, SILENT_NOW, Term, source
from schemas.measures import BATTERY_LOW_PCT, CO2_POOR_PPM, POOR_AIR_MINUTES, WORKROOM_MIN_C

FOLDER_TITLE, FOLDER_UID = "Hubpulse", "hubpulse"
_EXPRESSION = "__expr__"
_AT_HUB = "{{ .Labels.hub }}"
BY_SENSOR = f"{HUB}, {SENSOR}"


@dataclass(frozen=True)
class Rule:
    """What to ask, when to raise the alarm, and what its message is."""

    uid: str
    title: str
    query: str
    above: float | None = None
    below: float | None = None
    range_s: int = 3600
    for_text: str = "0s"
    severity: Literal["warning", "critical"] = "warning"
    silence_is: Literal["OK", "Alerting"] = "OK"
    """What it means when the query returns nothing at all."""
    summary: str = ""
    hint: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The rule in the form of Grafana's provisioning files."""
        return {
            "uid": self.uid,
            "title": self.title,
            "condition": "C",
            "data": [self._query(), self._reduce(), self._threshold()],
            "noDataState": self.silence_is,
            "execErrState": "Error",
            "for": self.for_text,
            "labels": {"severity": self.severity, "app": "hubpulse"},
            "annotations": {"summary": self.summary, "description": self.hint},
            "isPaused": False,
        }

    def _query(self) -> dict[str, Any]:
        model = {
            "refId": "A",
            "datasource": DATASOURCE.to_json(),
            "query": self.query,
            "rawQuery": True,
            "resultFormat": "time_series",
            "intervalMs": 60_000,
            "maxDataPoints": 1000,
        }
        return self._node("A", DATASOURCE_UID, model, from_s=self.range_s)

    def _reduce(self) -> dict[str, Any]:
        # A share of nothing is no number, which Grafana can't keep in an alert: the limit itself is no alarm.
        settings = {"mode": "replaceNN", "replaceWithValue": self._limit}
        model = {"refId": "B", "type": "reduce", "expression": "A", "reducer": "last", "settings": settings}
        return self._node("B", _EXPRESSION, model | {"datasource": {"type": _EXPRESSION, "uid": _EXPRESSION}})

    def _threshold(self) -> dict[str, Any]:
        kind = "lt" if self.above is None else "gt"
        conditions = [{"evaluator": {"type": kind, "params": [self._limit]}}]
        model = {"refId": "C", "type": "threshold", "expression": "B", "conditions": conditions}
        return self._node("C", _EXPRESSION, model | {"datasource": {"type": _EXPRESSION, "uid": _EXPRESSION}})

    @property
    def _limit(self) -> float | None:
        return self.below if self.above is None else self.above

    @staticmethod
    def _node(ref_id: str, source: str, model: dict[str, Any], *, from_s: int = 0) -> dict[str, Any]:
        span = {"from": from_s, "to": 0}
        return {"refId": ref_id, "relativeTimeRange": span, "datasourceUid": source, "model": model}


def _recent(measurement: str, terms: Sequence[Term], since: str, by: str, *, where: str = "") -> str:
    """A query over the time since `since` ago."""
    columns = ", ".join(term.text(measurement) for term in terms)
    more = f" AND {where}" if where else ""
    return f"SELECT {columns} FROM {source(measurement)} WHERE time > now() - {since}{more} GROUP BY {by}"


def _count_sensors(formula: str, by: str, *, silent_only: bool) -> str:
    """Count sensors by their last status of the last quarter of an hour, in which there is always one."""
    last = _recent("sensor_status", [Term("silent", "last", "silent")], "15m", BY_SENSOR)
    which = f"{SILENT_NOW} AND " if silent_only else ""
    return f'SELECT {formula} AS "sensors" FROM ({last}) WHERE {which}time > now() - 15m GROUP BY {by}'


def _reporting_sensors() -> str:
    """How many sensors of each hub report: all of them, less the silent ones."""
    everyone = _count_sensors('count("silent") * 1', HUB, silent_only=False)
    silent = _count_sensors('count("silent") * -1', HUB, silent_only=True)
    return f'SELECT sum("sensors") FROM ({everyone}), ({silent}) WHERE time > now() - 15m GROUP BY {HUB}'


def _damp_share() -> str:
    """The damp share of the last day's opening hours, as far as they are over."""
    share = 'sum("damp_minutes") / sum("open_minutes")'
    over = "time > now() - 25h AND time <= now() - 1h"
    return f"SELECT {share} FROM {source('usage_hourly')} WHERE {over} GROUP BY {HUB}"


def _refused_share() -> str:
    share = 'spread("messages_refused") / spread("messages_received")'
    return f'SELECT {share} FROM "pipeline_status" WHERE time > now() - 1h GROUP BY {INGEST}'


HUB_RULES = (
    Rule(
        uid="hubpulse-co2",
        title=f"CO2 over {CO2_POOR_PPM} ppm for {POOR_AIR_MINUTES} minutes",
        query=_recent("usage_hourly", [Term("co2_minutes_over_1500", "sum")], "2h", HUB),
        above=POOR_AIR_MINUTES - 0.1,
        range_s=7200,
        summary=f"{_AT_HUB}: CO2 was over {CO2_POOR_PPM} ppm for {POOR_AIR_MINUTES} minutes or more in this "
        "opening hour and the last.",
        hint="Open windows or raise the ventilation; look at the hub's CO2 for which room it is.",
    ),
    Rule(
        uid="hubpulse-cold",
        title=f"Under {WORKROOM_MIN_C} °C in opening hours",
        query=_recent("usage_hourly", [Term("temperature_mean_c", "last")], "1h", HUB),
        below=WORKROOM_MIN_C,
        for_text="30m",
        summary=f"{_AT_HUB} is under {WORKROOM_MIN_C} °C, the least for a workroom, while open.",
        hint="See to the heating; the limit is for the mean of the hub's sensors over the running hour.",
    ),
    Rule(
        uid="hubpulse-damp",
        title="Damp for a day",
        query=_damp_share(),
        above=0.9,
        range_s=90_000,
        for_text="4h",
        summary="{{ .Labels.hub }} was damp enough for mould in all opening hours of the last 24.",
        hint="Air and heat the rooms, look for leaks and for mould on cold walls.",
    ),
    Rule(
        uid="hubpulse-sensor-silent",
        title="Sensor silent",
        query=_count_sensors('count("silent")', BY_SENSOR, silent_only=True),
        above=0,
        range_s=900,
        for_text="10m",
        summary="{{ .Labels.sensor }} at {{ .Labels.hub }} missed three readings.",
        hint="Look at its battery, its power and the gateway; `hubpulse sensors list` shows when it last reported.",
    ),
    Rule(
        uid="hubpulse-hub-silent",
        title="Hub silent",
        query=_reporting_sensors(),
        below=1,
        range_s=900,
        for_text="5m",
        severity="critical",
        summary="No sensor of {{ .Labels.hub }} reports.",
        hint="Look at the hub's gateway, its power and its line. Its sensors may send their history later.",
    ),
    Rule(
        uid="hubpulse-battery",
        title=f"Battery under {BATTERY_LOW_PCT} %",
        query=_recent("sensor_status", [Term("battery_pct", "last")], "1h", BY_SENSOR),
        below=BATTERY_LOW_PCT,
        summary=f"The battery of {{{{ .Labels.sensor }}}} at {_AT_HUB} is under {BATTERY_LOW_PCT} %.",
        hint="Change it at the next visit.",
    ),
)

PIPELINE_RULES = (
    Rule(
        uid="hubpulse-buffer",
        title="Buffer older than 5 minutes",
        query=_recent("pipeline_status", [Term("buffer_oldest_s", "last")], "5m", INGEST),
        above=300,
        range_s=300,
        for_text="1m",
        severity="critical",
        silence_is="Alerting",
        summary="Readings wait for the store for more than 5 minutes, or ingest reports nothing.",
        hint="Nothing is lost while the disk has room: `hubpulse doctor` shows what is wrong with the store or ingest.",
    ),
    Rule(
        uid="hubpulse-quarantine",
        title="More than 1 % refused",
        query=_refused_share(),
        above=0.01,
        summary="More than one message in a hundred was refused in the last hour.",
        hint="`hubpulse quarantine list` shows which and why; fix the cause, then `hubpulse quarantine redrive`.",
    ),
    Rule(
        uid="hubpulse-ledger",
        title="Ledger out of balance",
        query=_recent(
            "pipeline_status", [Term("messages_received", "count")], "5m", INGEST, where='"balanced" = false'
        ),
        above=0,
        range_s=300,
        severity="critical",
        summary="The ledger of {{ .Labels.ingest }} does not balance: a message or a reading is unaccounted for.",
        hint="This must never happen: keep the data folder as it is and report it with `hubpulse ledger --json`.",
    ),
)

GROUPS = {"hubs": HUB_RULES, "pipeline": PIPELINE_RULES}


def provisioning() -> str:
    """The file that provisions all rules."""
    groups = [
        {
            "orgId": 1,
            "name": name,
            "folder": FOLDER_TITLE,
            "interval": "1m",
            "rules": [rule.as_dict() for rule in rules],
        }
        for name, rules in GROUPS.items()
    ]
    text = yaml.safe_dump({"apiVersion": 1, "groups": groups}, sort_keys=False, allow_unicode=True, width=120)
    return f"# Made by `hubpulse dashboards render`: change dashboards/grafana/alerts.py instead.\n{text}"
