"""InfluxQL for Grafana's panels, made of the schema's measurements and fields: a misspelt one fails when rendering.

InfluxDB 1.x, 2.x and 3 share this language. Days are cut by `GROUP BY time(1d) ... tz('zone')`, which is exact over
clock changes; without `tz` a day would split at 01:00 in summer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from schemas import MEASUREMENTS, Policy
from schemas.measures import MEASURES

DATASOURCE_UID = "hubpulse-influx"
DATASOURCE = DataSourceRef(type_val="influxdb", uid=DATASOURCE_UID)
ZONE = "@zone@"
"""Stands for the estate's time zone until a dashboard is rendered."""

IN_RANGE = "$timeFilter"
DAY, HOUR, INTERVAL = "time(1d)", "time(1h)", "time($__interval)"
HUB, SENSOR, INGEST, ROOM = '"hub"', '"sensor"', '"ingest"', '"zone"'
SILENT_NOW = '"silent" = true'
CHOSEN_HUBS = '"hub" =~ /^${hub:regex}$/'
"""The hubs that the dashboard's variable `hub` chooses; its "All" is `.*`, so that a hub long gone hides nothing."""


class Term(NamedTuple):
    """A column of a query: a field of the schema, under a function or a formula around `{}`, and its name."""

    field: str
    function: str = ""
    label: str = ""

    def text(self, measurement: str) -> str:
        if self.field not in MEASUREMENTS[measurement].fields:
            raise KeyError(f"{measurement} has no field {self.field}")
        field = f'"{self.field}"'
        formula = self.function if "{}" in self.function else f"{self.function}({{}})" if self.function else "{}"
        call = formula.format(field)
        return f'{call} AS "{self.label}"' if self.label else call


@dataclass
class InfluxQuery(Dataquery, Builder[Dataquery]):
    """A raw InfluxQL query of a panel. `alias` names its series: `$tag_hub`, `$col`."""

    query: str
    alias: str = ""
    table: bool = False
    ref_id: str = ""
    measurement: str = "usage_daily"
    terms: Sequence[Term] = ()

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> dict[str, object]:
        return {
            "refId": self.ref_id,
            "datasource": DATASOURCE.to_json(),
            "query": self.query,
            "rawQuery": True,
            "resultFormat": "table" if self.table else "time_series",
            **({"alias": self.alias} if self.alias else {}),
        }


def source(measurement: str) -> str:
    """A measurement as `FROM` names it, with its retention policy."""
    policy = MEASUREMENTS[measurement].policy
    return f'"{measurement}"' if policy is Policy.RAW else f'"{policy}"."{measurement}"'


def select(measurement: str, *terms: Term, where: str = "", by: Sequence[str] = (), fill: str = "none") -> str:
    """The columns over the dashboard's time range and chosen hubs; `fill` is for steps of time without a point."""
    columns = ", ".join(term.text(measurement) for term in terms)
    hubs = [CHOSEN_HUBS] if "hub" in MEASUREMENTS[measurement].tags else []
    conditions = " AND ".join([IN_RANGE, *hubs, *([where] if where else [])])
    ending = f" GROUP BY {', '.join(by)}" if by else ""
    ending += f" fill({fill})" if any(step.startswith("time(") for step in by) else ""
    return f"SELECT {columns} FROM {source(measurement)} WHERE {conditions}{ending} tz('{ZONE}')"


def series(
    measurement: str, *terms: Term, where: str = "", by: Sequence[str] = (), fill: str = "none", alias: str = ""
) -> InfluxQuery:
    """Series named by the tag that they are grouped by, else by their column."""
    tag = next((f"$tag_{name.strip(chr(34))}" for name in by if name.startswith('"')), "")
    terms = terms if tag else _labelled(terms)
    query = select(measurement, *terms, where=where, by=by, fill=fill)
    return InfluxQuery(query, alias or tag or ("$col" if by else ""), measurement=measurement, terms=terms)


def table(measurement: str, *terms: Term, where: str = "", by: Sequence[str] = ()) -> InfluxQuery:
    """Rows of a table."""
    terms = _labelled(terms)
    query = select(measurement, *terms, where=where, by=by)
    return InfluxQuery(query, table=True, measurement=measurement, terms=terms)


def _labelled(terms: Sequence[Term]) -> tuple[Term, ...]:
    """A column without a label has that of the catalogue."""
    return tuple(term._replace(label=term.label or MEASURES[term.field].label) for term in terms)


def outer(column: str, inner: str, condition: str, by: Sequence[str] = ()) -> str:
    """A column over the rows of an inner query that meet the condition."""
    ending = f" GROUP BY {', '.join(by)}" if by else ""
    return f"SELECT {column} FROM ({inner}) WHERE {condition} AND {IN_RANGE}{ending} tz('{ZONE}')"


def silent_now(column: str, *fields: str, by: Sequence[str] = ()) -> str:
    """A column over the sensors whose last status is silent; `fields` are more of it, under their own names."""
    statuses = select("sensor_status", *(Term(name, "last", name) for name in ("silent", *fields)), by=[HUB, SENSOR])
    return outer(column, statuses, SILENT_NOW, by)
