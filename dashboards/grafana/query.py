"""InfluxQL for Grafana's panels, made of the schema's measurements and fields: a misspelt one fails when rendering.

InfluxDB 1.x, 2.x and 3 share this language. Days are cut by `GROUP BY time(1d) ... tz('zone')`, which is exact over
clock changes; without `tz` a day would split at 01:00 in summer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from schemas import MEASUREMENTS, Policy

DATASOURCE_UID = "hubpulse-influx"
DATASOURCE = DataSourceRef(type_val="influxdb", uid=DATASOURCE_UID)

IN_RANGE = "$timeFilter"
BY_DAY, BY_HOUR, BY_HUB = "time(1d)", "time(1h)", '"hub"'
BY_INTERVAL = "time($__interval)"
SILENT_NOW = '"silent" = true'
FINAL, PROVISIONAL = '"final" = true', '"final" = false'
CHOSEN_HUBS = '"hub" =~ /^${hub:regex}$/'
"""The hubs that the dashboard's variable `hub` chooses; its "All" is `.*`, so that a hub long gone hides nothing."""


@dataclass
class InfluxQuery(Dataquery, Builder[Dataquery]):
    """A raw InfluxQL query of a panel. `alias` names its series: `$tag_hub`, `$col`."""

    query: str
    ref_id: str = "A"
    alias: str = ""
    table: bool = False

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


@dataclass(frozen=True)
class Term:
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


def source(measurement: str) -> str:
    """A measurement as `FROM` names it, with its retention policy."""
    policy = MEASUREMENTS[measurement].policy
    return f'"{measurement}"' if policy is Policy.RAW else f'"{policy}"."{measurement}"'


def select(
    measurement: str,
    terms: Sequence[Term],
    *,
    where: Sequence[str] = (CHOSEN_HUBS,),
    by: Sequence[str] = (),
    zone: str,
    tail: str = "",
) -> str:
    """`SELECT terms FROM measurement WHERE the time range AND where GROUP BY by tail tz(zone)`."""
    columns = ", ".join(term.text(measurement) for term in terms)
    conditions = " AND ".join([IN_RANGE, *where])
    ending = f" GROUP BY {', '.join(by)}" if by else ""
    ending += f" {tail}" if tail else ""
    return f"SELECT {columns} FROM {source(measurement)} WHERE {conditions}{ending} tz('{zone}')"


def sensors_now(zone: str, measure: str = "", *, where: Sequence[str] = (CHOSEN_HUBS,)) -> str:
    """Each sensor's last status in the time range; `measure` is one more field of it, under its own name."""
    terms = [Term("silent", "last", "silent"), *([Term(measure, "last", measure)] if measure else [])]
    return select("sensor_status", terms, where=where, by=[BY_HUB, '"sensor"'], zone=zone)


def count_sensors(zone: str, label: str, *, condition: str = "", where: Sequence[str] = (CHOSEN_HUBS,)) -> str:
    """How many sensors each hub has, or how many whose last status meets the condition."""
    met = f"{condition} AND " if condition else ""
    inner = sensors_now(zone, where=where)
    return f'SELECT count("silent") AS "{label}" FROM ({inner}) WHERE {met}{IN_RANGE} GROUP BY {BY_HUB} tz(\'{zone}\')'
