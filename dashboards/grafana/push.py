"""Gives an existing Grafana the folder, data source, dashboards and, where asked, alert rules; or says what differs.

wanted (folder, data source, dashboards, rules)  --compare-->  what Grafana has  -->  create, update or leave
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from dashboards.grafana import alerts
from dashboards.grafana.alerts import FOLDER_UID
from dashboards.grafana.api import Grafana, GrafanaError, Json
from dashboards.grafana.files import render
from dashboards.grafana.query import DATASOURCE_UID
from schemas import Estate
from schemas.settings import InfluxSettings

VERSIONS = ((9, 4), (12, 99))
_RULES = "v1/provisioning/alert-rules"
_SERVERS_OWN = frozenset({"id", "version"})
_DASHBOARD = ("", "dashboard")
"""Where a dashboard is in what is compared: alone, or beside what Grafana knows about it."""
_DATA_SOURCE, _HEALTH = "data source", "health of the data source"
_IN_FOLDER: Json = {"folderUid": FOLDER_UID}


class Outcome(NamedTuple):
    """What became of a part: `created`, `updated`, `unchanged` by a push; `missing`, `differs`, `same` by a check."""

    part: str
    state: str
    detail: str = ""

    @property
    def is_drift(self) -> bool:
        return self.state in ("missing", "differs")


@dataclass(frozen=True)
class Part:
    """One thing that Grafana is to have: where it is, what is to be there, and the requests that bring it there."""

    name: str
    path: str
    content: Json
    body: Json
    """What is sent: the content, and what Grafana never gives back."""
    create: tuple[str, str]
    """Method and path of the request for a part that is missing."""
    update: tuple[str, str]

    def difference(self, found: Json) -> str | None:
        """The first place at which what Grafana has is not as it should be."""
        place = difference(self.content, found)
        return place and place.removeprefix("dashboard.")

    def send(self, grafana: Grafana, *, is_there: bool) -> None:
        """Create or update it."""
        for rule in self.content.get("rules", ()):  # Grafana 9.4 sets a group of rules that are there, and no others
            if grafana.find(f"{_RULES}/{rule['uid']}") is None:
                grafana.send("post", _RULES, rule)
        grafana.send(*(self.update if is_there else self.create), self.body)


@dataclass(frozen=True)
class Wanted:
    """What Grafana is to have."""

    estate: Estate
    influx: InfluxSettings
    influx_url: str | None = None
    """Where Grafana finds InfluxDB, if that is not where we find it."""
    with_alerts: bool = False

    def parts(self) -> Iterator[Part]:
        """Folder, data source, dashboards in the estate's time zone and, where asked for, groups of alert rules."""
        yield _folder()
        yield _data_source(self.influx, self.influx_url or self.influx.url)
        yield from (_dashboard(json.loads(text)) for text in render(self.estate.timezone).values())
        if self.with_alerts:
            yield from (_rule_group(name, rules) for name, rules in alerts.groups(self.estate).items())


def _folder() -> Part:
    path, content = f"folders/{FOLDER_UID}", {"title": alerts.FOLDER_TITLE}
    body = {"uid": FOLDER_UID, "overwrite": True, **content}
    return Part("folder", path, content, body, ("post", "folders"), ("put", path))


def _data_source(influx: InfluxSettings, url: str) -> Part:
    path = f"datasources/uid/{DATASOURCE_UID}"
    content: Json = {
        "uid": DATASOURCE_UID,
        "name": "Hubpulse",
        "type": "influxdb",
        "access": "proxy",
        "url": url,
        "database": influx.bucket,  # where Grafana 9.4 reads it; newer ones read jsonData.dbName
        "jsonData": {"dbName": influx.bucket, "httpMode": "POST"},
    }
    secrets = {}
    if influx.token is not None:
        content["jsonData"]["httpHeaderName1"] = "Authorization"
        secrets["httpHeaderValue1"] = f"Token {influx.token.get_secret_value()}"
    elif influx.username is not None:
        content["user"] = influx.username
        if influx.password is not None:
            secrets["password"] = influx.password.get_secret_value()
    body = content | {"secureJsonData": secrets}
    return Part(_DATA_SOURCE, path, content, body, ("post", "datasources"), ("put", path))


def _dashboard(dashboard: Json) -> Part:
    body = {"dashboard": dashboard, **_IN_FOLDER, "overwrite": True, "message": "hubpulse dashboards push"}
    request = ("post", "dashboards/db")
    name, path = f"dashboard {dashboard['title']!r}", f"dashboards/uid/{dashboard['uid']}"
    return Part(name, path, {"dashboard": dashboard, "meta": _IN_FOLDER}, body, request, request)


def _rule_group(name: str, rules: Iterable[alerts.Question]) -> Part:
    path = f"v1/provisioning/folder/{FOLDER_UID}/rule-groups/{name}"
    place = {"folderUID": FOLDER_UID, "ruleGroup": name, "orgID": 1}
    group = {"title": name, **_IN_FOLDER, "interval": 60, "rules": [rule.as_dict() | place for rule in rules]}
    return Part(f"alert rules {name!r}", path, group, group, ("put", path), ("put", path))


def push(grafana: Grafana, wanted: Wanted) -> Iterator[Outcome]:
    """Create or update what is missing or differs, part by part; a second push changes nothing. Raises GrafanaError."""
    yield _check_version(grafana)
    for part in wanted.parts():
        found = grafana.find(part.path)
        reason = "" if found is None else _reason(grafana, part, found)
        if found is None or reason:
            part.send(grafana, is_there=found is not None)
            yield Outcome(part.name, "updated" if found is not None else "created", reason)
        else:
            yield Outcome(part.name, "unchanged")
    yield Outcome(_HEALTH, *_health(grafana))


def check(grafana: Grafana, wanted: Wanted) -> Iterator[Outcome]:
    """Compare part by part, change nothing, and run the data source's health check. Raises GrafanaError."""
    yield _check_version(grafana)
    for part in wanted.parts():
        found = grafana.find(part.path)
        place = None if found is None else part.difference(found)
        state = "missing" if found is None else "same" if place is None else "differs"
        yield Outcome(part.name, state, f"at {place}" if place else "")
    state, detail = _health(grafana)
    yield Outcome(_HEALTH, "same" if state == "OK" else "differs", detail)


def _reason(grafana: Grafana, part: Part, found: Json) -> str:
    """Why a part that is there has to be sent again; empty where it is as it should be."""
    place = part.difference(found)
    if place == "title" and place in found:
        return f"was called {found.get('title')!r}"
    if place is not None:
        return f"{place} was different"
    sick = part.name == _DATA_SOURCE and _health(grafana)[0] != "OK"
    return "its health check had failed" if sick else ""


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


def _health(grafana: Grafana) -> tuple[str, str]:
    try:
        answer = grafana.get(f"datasources/uid/{DATASOURCE_UID}/health")
    except GrafanaError as error:
        return "failed", str(error)
    return str(answer.get("status", "failed")), str(answer.get("message", ""))


def difference(ours: Any, theirs: Any, place: str = "") -> str | None:
    """The first place at which theirs lacks or contradicts ours; they may hold more keys, which a server adds."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = (key for key in ours if key not in _SERVERS_OWN or place not in _DASHBOARD)
        found = (difference(ours[key], theirs.get(key), f"{place}.{key}".lstrip(".")) for key in keys)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        found = (difference(*both, f"{place}[{i}]") for i, both in enumerate(zip(ours, theirs, strict=True)))
    else:  # a server leaves out what is empty
        return None if ours == theirs or (not ours and theirs is None) else place
    return next((where for where in found if where is not None), None)
