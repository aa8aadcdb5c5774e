"""Gives an existing Grafana the folder, data source, dashboards and, where asked, alert rules; or says what differs.

wanted (folder, data source, dashboards, rules)  --compare-->  what Grafana has  -->  create, update or leave
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from dashboards.grafana import alerts
from dashboards.grafana.api import Grafana, GrafanaError, Json
from dashboards.grafana.files import render
from dashboards.grafana.query import DATASOURCE_UID
from schemas.settings import InfluxSettings

VERSIONS = ((9, 4), (12, 99))
_RULES = "v1/provisioning/alert-rules"
_SERVERS_OWN = frozenset({"id", "version"})


class Outcome(NamedTuple):
    """What became of a part: `created`, `updated`, `unchanged` by a push; `missing`, `differs`, `same` by a check."""

    part: str
    state: str
    detail: str = ""

    @property
    def is_drift(self) -> bool:
        return self.state in ("missing", "differs")


@dataclass(frozen=True)
class Wanted:
    """What Grafana is to have."""

    zone: str
    influx: InfluxSettings
    influx_url: str | None = None
    """Where Grafana finds InfluxDB, if that is not where we find it."""
    with_alerts: bool = False

    def data_source(self) -> Json:
        """The data source without its secrets, which Grafana never gives back."""
        influx = self.influx
        content: Json = {
            "uid": DATASOURCE_UID,
            "name": "Hubpulse",
            "type": "influxdb",
            "access": "proxy",
            "url": self.influx_url or influx.url,
            "database": influx.bucket,  # where Grafana 9.4 reads it; newer ones read jsonData.dbName
            "jsonData": {"dbName": influx.bucket, "httpMode": "POST"},
        }
        if influx.token is not None:
            content["jsonData"]["httpHeaderName1"] = "Authorization"
        elif influx.username is not None:
            content["user"] = influx.username
        return content

    def secrets(self) -> Json:
        """The secrets of the data source."""
        if self.influx.token is not None:
            return {"httpHeaderValue1": f"Token {self.influx.token.get_secret_value()}"}
        if self.influx.password is not None:
            return {"password": self.influx.password.get_secret_value()}
        return {}

    def dashboards(self) -> Iterator[Json]:
        """The dashboards in the estate's time zone."""
        for text in render(self.zone).values():
            yield json.loads(text)

    def rule_groups(self) -> Iterator[Json]:
        """The alert rules in the form of the provisioning API; none where they are not asked for."""
        for name, rules in alerts.GROUPS.items() if self.with_alerts else ():
            place = {"folderUID": alerts.FOLDER_UID, "ruleGroup": name, "orgID": 1}
            yield {
                "title": name,
                "folderUid": alerts.FOLDER_UID,
                "interval": 60,
                "rules": [rule.as_dict() | place for rule in rules],
            }


def push(grafana: Grafana, wanted: Wanted) -> Iterator[Outcome]:
    """Create or update what is missing or differs, part by part; a second push changes nothing. Raises GrafanaError."""
    yield _check_version(grafana)
    yield _push_folder(grafana)
    yield _push_data_source(grafana, wanted)
    for dashboard in wanted.dashboards():
        yield _push_dashboard(grafana, dashboard)
    for group in wanted.rule_groups():
        yield _push_rule_group(grafana, group)
    yield Outcome("health of the data source", *_health(grafana))


def check(grafana: Grafana, wanted: Wanted) -> Iterator[Outcome]:
    """Compare part by part, change nothing, and run the data source's health check. Raises GrafanaError."""
    yield _check_version(grafana)
    yield _compared("folder", {"title": alerts.FOLDER_TITLE}, grafana.find(f"folders/{alerts.FOLDER_UID}"))
    yield _compared("data source", wanted.data_source(), grafana.find(f"datasources/uid/{DATASOURCE_UID}"))
    for dashboard in wanted.dashboards():
        found = grafana.find(f"dashboards/uid/{dashboard['uid']}")
        yield _compared(_dashboard_name(dashboard), dashboard, found and found.get("dashboard"))
    for group in wanted.rule_groups():
        yield _compared(_group_name(group), group, grafana.find(_group_path(group)))
    state, detail = _health(grafana)
    yield Outcome("health of the data source", "same" if state == "OK" else "differs", detail)


def _check_version(grafana: Grafana) -> Outcome:
    version = str(grafana.get("health").get("version", ""))
    numbers = re.match(r"(\d+)\.(\d+)", version)
    oldest, newest = VERSIONS
    if numbers is None or not oldest <= (int(numbers[1]), int(numbers[2])) <= newest:
        raise GrafanaError(
            f"Grafana at {grafana.url} is version {version or 'unknown'}: these dashboards are for 9.4 to 12, "
            "with InfluxDB as one of its own data sources"
        )
    return Outcome("Grafana", "same", f"version {version}")


def _push_folder(grafana: Grafana) -> Outcome:
    path, title = f"folders/{alerts.FOLDER_UID}", alerts.FOLDER_TITLE
    found = grafana.find(path)
    if found is None:
        grafana.create("folders", {"uid": alerts.FOLDER_UID, "title": title})
        return Outcome("folder", "created")
    if found.get("title") == title:
        return Outcome("folder", "unchanged")
    grafana.replace(path, {"title": title, "overwrite": True})
    return Outcome("folder", "updated", f"was called {found.get('title')!r}")


def _push_data_source(grafana: Grafana, wanted: Wanted) -> Outcome:
    path = f"datasources/uid/{DATASOURCE_UID}"
    whole = wanted.data_source() | {"secureJsonData": wanted.secrets()}
    found = grafana.find(path)
    if found is None:
        grafana.create("datasources", whole)
        return Outcome("data source", "created")
    place = difference(wanted.data_source(), found)
    if place is None and _health(grafana)[0] == "OK":
        return Outcome("data source", "unchanged")
    grafana.replace(path, whole)
    return Outcome("data source", "updated", f"{place} was different" if place else "its health check had failed")


def _push_dashboard(grafana: Grafana, dashboard: Json) -> Outcome:
    name = _dashboard_name(dashboard)
    found = grafana.find(f"dashboards/uid/{dashboard['uid']}")
    in_place = found is not None and found.get("meta", {}).get("folderUid") == alerts.FOLDER_UID
    place = None if found is None else difference(dashboard, found.get("dashboard"))
    if in_place and place is None:
        return Outcome(name, "unchanged")
    grafana.create(
        "dashboards/db",
        {
            "dashboard": dashboard,
            "folderUid": alerts.FOLDER_UID,
            "overwrite": True,
            "message": "hubpulse dashboards push",
        },
    )
    if found is None:
        return Outcome(name, "created")
    return Outcome(name, "updated", f"{place} was different" if place else "was in another folder")


def _push_rule_group(grafana: Grafana, group: Json) -> Outcome:
    found = grafana.find(_group_path(group))
    place = None if found is None else difference(group, found)
    if found is not None and place is None:
        return Outcome(_group_name(group), "unchanged")
    for rule in group["rules"]:  # Grafana 9.4 sets a group of rules that are there, and no others
        if grafana.find(f"{_RULES}/{rule['uid']}") is None:
            grafana.create(_RULES, rule)
    grafana.replace(_group_path(group), group)
    return Outcome(_group_name(group), "updated" if found else "created", f"{place} was different" if place else "")


def _health(grafana: Grafana) -> tuple[str, str]:
    try:
        answer = grafana.get(f"datasources/uid/{DATASOURCE_UID}/health")
    except GrafanaError as error:
        return "failed", str(error)
    return str(answer.get("status", "failed")), str(answer.get("message", ""))


def _compared(part: str, ours: Json, theirs: Json | None) -> Outcome:
    if theirs is None:
        return Outcome(part, "missing")
    place = difference(ours, theirs)
    return Outcome(part, "same") if place is None else Outcome(part, "differs", f"at {place}")


def difference(ours: Any, theirs: Any, place: str = "") -> str | None:
    """The first place at which theirs lacks or contradicts ours; they may hold more keys, which a server adds."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = (key for key in ours if key not in _SERVERS_OWN or place)
        found = (difference(ours[key], theirs.get(key), f"{place}.{key}" if place else key) for key in keys)
        return next((where for where in found if where is not None), None)
    if isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            return place
        found = (
            difference(one, other, f"{place}[{i}]") for i, (one, other) in enumerate(zip(ours, theirs, strict=True))
        )
        return next((where for where in found if where is not None), None)
    if not ours and theirs is None:
        return None  # a server leaves out what is empty
    return None if ours == theirs else place


def _dashboard_name(dashboard: Json) -> str:
    return f"dashboard {dashboard['title']!r}"


def _group_name(group: Json) -> str:
    return f"alert rules {group['title']!r}"


def _group_path(group: Json) -> str:
    return f"v1/provisioning/folder/{alerts.FOLDER_UID}/rule-groups/{group['title']}"
