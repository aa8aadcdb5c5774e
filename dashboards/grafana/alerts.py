r"""Alert rules, provisioned into Grafana from a file: each is query -> reduce -> threshold.

    A  InfluxQL, one series a hub or sensor  ->  B  its last value  ->  C  above or below the limit

Grafana replaces `$name` in provisioning files by the environment, so nothing here holds a dollar: times are relative
to `now()`, and texts name labels as `{{ .Labels.hub }}`. A rule over opening hours asks the hourly figures, which
count nothing else. Names, sentences and what to do are those of
`dashboards.alerts.rules`, by which the board's own alerts go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import yaml

from dashboards.alerts import rules
from dashboards.alerts.rules import Rule, rules_of
from dashboards.grafana.pipeline import REFUSED_SHARE
from dashboards.grafana.query import DATASOURCE_UID, HUB, INGEST, SENSOR, SILENT_NOW, InfluxQuery, Term, source
from schemas import Estate
from schemas.measures import MOSTLY_COMPLETE_MIN, POOR_AIR_MINUTES, WORKROOM_MIN_C

FOLDER_TITLE, FOLDER_UID = "Hubpulse", "hubpulse"
_EXPRESSION = "__expr__"
_SECONDS = {"m": 60, "h": 3600}
_HUB, _SENSOR, _INGEST = "{{ .Labels.hub }}", "{{ .Labels.sensor }}", "{{ .Labels.ingest }}"
BY_SENSOR = f"{HUB}, {SENSOR}"
DAMP_SHARE = Term("damp_minutes", 'sum({}) / sum("open_minutes")')


class Question(NamedTuple):
    """What to ask of a rule's subject, and from where on the last value is an alarm."""

    rule: Rule
    query: str
    limit: tuple[Literal["gt", "lt"], float | None]
    """Above or below what; None for the rule's own limit."""
    where: str
    """The place that the rule's sentence is about, by the labels of a series."""
    for_text: str = ""
    """How long it must be so; otherwise as long as the rule waits."""
    silence_is: Literal["OK", "Alerting"] = "OK"
    """What it means when the query returns nothing at all."""

    def by(self, given: Mapping[str, Rule]) -> Question:
        """The same of the rule as an estate has it."""
        return self._replace(rule=given[self.rule.name])

    def as_dict(self) -> dict[str, Any]:
        """The rule in the form of Grafana's provisioning files."""
        kind, own = self.limit
        limit = self.rule.limit if own is None else own
        # A share of nothing is no number, which Grafana can't keep in an alert: the limit itself is no alarm.
        settings = {"mode": "replaceNN", "replaceWithValue": limit}
        conditions = [{"evaluator": {"type": kind, "params": [limit]}}]
        return {
            "uid": f"hubpulse-{self.rule.name}",
            "title": self.rule.heading,
            "condition": "C",
            "data": [
                self._query(),
                _expression("B", type="reduce", expression="A", reducer="last", settings=settings),
                _expression("C", type="threshold", expression="B", conditions=conditions),
            ],
            "noDataState": self.silence_is,
            "execErrState": "Error",
            "for": self.for_text or _for(self.rule.hold_s),
            "labels": {"severity": self.rule.severity.value, "app": "hubpulse"},
            "annotations": {"summary": self.rule.says(self.where), "description": self.rule.advice},
            "isPaused": self.rule.is_off,
        }

    def _query(self) -> dict[str, Any]:
        """The query over the longest time that it looks back."""
        back = re.findall(r"now\(\) - (\d+)([mh])", self.query)
        model = InfluxQuery(self.query, ref_id="A").to_json() | {"intervalMs": 60_000, "maxDataPoints": 1000}
        return _node("A", DATASOURCE_UID, model, from_s=max(int(count) * _SECONDS[unit] for count, unit in back))


def _for(hold_s: int) -> str:
    return f"{hold_s // 60}m" if hold_s and hold_s % 60 == 0 else f"{hold_s}s"


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


_AT = f"{_SENSOR} at {_HUB}"
_A_ZONE = f"A zone of {_HUB}"
HUB_RULES = (
    Question(
        rules.CO2,
        _recent("usage_hourly", Term("co2_minutes_over_1500", "sum"), "2h", HUB),
        ("gt", POOR_AIR_MINUTES - 0.1),
        _A_ZONE,
    ),
    Question(
        rules.COLD,
        _recent("usage_hourly", Term("temperature_coldest_zone_c", "last"), "1h", HUB),
        ("lt", WORKROOM_MIN_C),
        _A_ZONE,
        for_text="30m",
    ),
    Question(
        rules.DAMP,
        _recent("usage_hourly", DAMP_SHARE, "25h", HUB, where="time <= now() - 1h"),  # opening hours that are over
        ("gt", 0.9),
        _A_ZONE,
        for_text="4h",
    ),
    Question(
        rules.SENSOR_SILENT,
        _count_sensors('count("silent")', BY_SENSOR, silent_only=True),
        ("gt", 0),
        _AT,
    ),
    Question(rules.HUB_SILENT, _reporting_sensors(), ("lt", 1), _HUB),
    Question(
        rules.DOORS,
        _recent("usage_daily", Term("footfall_completeness", "last"), "48h", HUB),
        ("lt", MOSTLY_COMPLETE_MIN),
        _HUB,
        for_text="1h",
    ),
    Question(
        rules.BATTERY,
        _recent("sensor_status", Term("battery_pct", "last"), "1h", BY_SENSOR),
        ("lt", None),
        _AT,
    ),
)

PIPELINE_RULES = (
    Question(
        rules.BUFFER,
        _recent("pipeline_status", Term("buffer_oldest_s", "last"), "5m", INGEST),
        ("gt", None),
        _INGEST,
        silence_is="Alerting",
    ),
    Question(
        rules.QUARANTINE,
        _recent("pipeline_status", REFUSED_SHARE, "1h", INGEST),
        ("gt", None),
        _INGEST,
    ),
    Question(
        rules.LEDGER,
        _recent("pipeline_status", Term("messages_received", "count"), "5m", INGEST, where='"balanced" = false'),
        ("gt", 0),
        _INGEST,
    ),
    Question(
        rules.DISK,
        _recent("pipeline_status", Term("disk_free_bytes", "last"), "5m", INGEST),
        ("lt", None),
        _INGEST,
    ),
    Question(
        rules.SESSION_LOST,
        _recent("pipeline_status", Term("sessions_lost", "spread"), "1h", INGEST),
        ("gt", 0),
        _INGEST,
    ),
)

GROUPS = {"hubs": HUB_RULES, "pipeline": PIPELINE_RULES}


def groups(estate: Estate) -> dict[str, list[Question]]:
    """What is asked by the rules of an estate; those that are off are paused."""
    given = rules_of(estate)
    return {name: [question.by(given) for question in questions] for name, questions in GROUPS.items()}


def provisioning(estate: Estate) -> str:
    """The file that provisions all rules, as an estate has them."""
    shared = {"folder": FOLDER_TITLE, "interval": "1m"}
    found = [
        {"orgId": 1, "name": name, **shared, "rules": [question.as_dict() for question in questions]}
        for name, questions in groups(estate).items()
    ]
    text = yaml.safe_dump({"apiVersion": 1, "groups": found}, sort_keys=False, allow_unicode=True, width=120)
    return f"# Made by `hubpulse dashboards render`: change dashboards/grafana/alerts.py instead.\n{text}"
