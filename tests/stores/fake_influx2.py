"""An InfluxDB 2.7 as far as Hubpulse needs one, from its documentation: buckets, writes, InfluxQL with chunks, tokens.

Reference: the InfluxDB OSS v2 API ("Write data", "List buckets", "Create a bucket", "Query with InfluxQL").
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sensors.times import text_ns
from stores.lines import Point, parse
from tests.stores.loopback import Answer, Request

ORG, ORG_ID, TOKEN = "hubpulse", "000000000000000a", "s3cret-token"

Tags = tuple[tuple[str, str], ...]
Value = int | float | bool

_SELECT = re.compile(
    r'SELECT (?P<fields>"\w+"(?:, "\w+")*) FROM (?:"(?P<policy>\w+)"\.)?"(?P<measurement>\w+)"'
    r"(?: WHERE (?P<conditions>.+?))?(?: GROUP BY (?P<tags>.+?))?"
    r"(?P<last> ORDER BY time DESC)?(?: LIMIT (?P<limit>\d+))?"
)
_TIME = re.compile(r"time (>=|<) (-?\d+)")
_TAG = re.compile(r"\"(\w+)\" = '((?:[^'\\]|\\.)*)'")


class Bucket:
    """A bucket's rules and points; a field's type is that of its first value."""

    def __init__(self, rules: list[dict[str, Any]]) -> None:
        self.rules = rules
        self.types: dict[tuple[str, str], type] = {}
        self.points: dict[str, dict[Tags, dict[int, dict[str, Value]]]] = {}

    def write(self, point: Point) -> str | None:
        """Store a point, or say what its fault is."""
        for name, value in point.fields.items():
            known = self.types.setdefault((point.measurement, name), type(value))
            if known is not type(value):
                return f'field type conflict: input field "{name}" on measurement "{point.measurement}"'
        series = self.points.setdefault(point.measurement, {}).setdefault(tuple(sorted(point.tags.items())), {})
        series.setdefault(point.time_ns, {}).update(point.fields)
        return None


class FakeInflux2:
    """Answers the requests of a LoopbackServer."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}
        self._routes = {
            ("GET", "/api/v2/orgs"): self._orgs,
            ("GET", "/api/v2/buckets"): self._find_bucket,
            ("POST", "/api/v2/buckets"): self._make_bucket,
            ("POST", "/api/v2/write"): self._write,
            ("POST", "/api/v2/delete"): self._delete,
            ("POST", "/query"): self._query,
        }

    def __call__(self, request: Request) -> Answer:
        if request.path == "/ping":
            return Answer(204, headers={"X-Influxdb-Version": "v2.7.11", "X-Influxdb-Build": "OSS"})
        if request.headers.get("Authorization") != f"Token {TOKEN}":
            return _error(401, "unauthorized", "unauthorized access")
        answer = self._routes.get((request.method, request.path))
        return answer(request) if answer else _error(404, "not found", "path not found")

    def _orgs(self, request: Request) -> Answer:
        if request.query.get("org") != ORG:
            return _error(404, "not found", f'organization name "{request.query.get("org")}" not found')
        return _json(200, {"orgs": [{"id": ORG_ID, "name": ORG}]})

    def _find_bucket(self, request: Request) -> Answer:
        name = request.query["name"]
        if request.query.get("orgID") != ORG_ID or name not in self.buckets:
            return _error(404, "not found", f'bucket "{name}" not found')
        return _json(200, {"buckets": [self._shown(name)]})

    def _make_bucket(self, request: Request) -> Answer:
        wanted = json.loads(request.body)
        if wanted["name"] in self.buckets:
            return _error(422, "conflict", f"bucket with name {wanted['name']} already exists")
        if any(rule["everySeconds"] < 3600 for rule in wanted["retentionRules"]):
            return _error(422, "unprocessable entity", "retention policy duration must be at least 1h")
        self.buckets[wanted["name"]] = Bucket(wanted["retentionRules"])
        return _json(201, self._shown(wanted["name"]))

    def _shown(self, name: str) -> dict[str, Any]:
        return {"id": "b" * 16, "orgID": ORG_ID, "name": name, "retentionRules": self.buckets[name].rules}

    def _write(self, request: Request) -> Answer:
        bucket = self.buckets.get(request.query["bucket"])
        if request.query["org"] != ORG or bucket is None or request.query["precision"] != "ns":
            return _error(404, "not found", f'bucket "{request.query["bucket"]}" not found')
        lines = [line for line in request.body.decode().split("\n") if line]
        if not lines:
            return _error(400, "invalid", "writing requires points")
        try:
            points = [parse(line) for line in lines]
        except ValueError as error:
            # A line that can't be parsed refuses the whole batch.
            return _error(400, "invalid", f"unable to parse: {error}")
        # A conflict of types refuses its own point only.
        faults = [fault for fault in map(bucket.write, points) if fault]
        if faults:
            message = f"failure writing points to database: partial write: {faults[0]} dropped={len(faults)}"
            return _error(422, "unprocessable entity", message)
        return Answer(204)

    def _delete(self, request: Request) -> Answer:
        bucket = self.buckets.get(request.query["bucket"])
        if request.query["org"] != ORG or bucket is None:
            return _error(404, "not found", f'bucket "{request.query["bucket"]}" not found')
        asked = json.loads(request.body)
        start_ns, stop_ns = text_ns(asked["start"]), text_ns(asked["stop"])
        tags = dict(re.findall(r'(\w+)="([^"]*)"', asked["predicate"]))
        measurement = tags.pop("_measurement", None)
        asked_for = [measurement] if measurement else list(bucket.points)
        for series, rows in (pair for name in asked_for for pair in bucket.points.get(name, {}).items()):
            if tags.items() <= dict(series).items():
                for time_ns in [time_ns for time_ns in rows if start_ns <= time_ns <= stop_ns]:
                    del rows[time_ns]
        return Answer(204)

    def _query(self, request: Request) -> Answer:
        form = request.form
        assert form["epoch"] == "ns"
        if form["db"] not in self.buckets:
            return _json(200, {"results": [{"statement_id": 0, "error": f"database not found: {form['db']}"}]})
        found = [list(self._series(form["db"], statement)) for statement in form["q"].split("; ")]
        if form.get("chunked") == "true":
            assert len(found) == 1
            return Answer(200, _chunks(found[0], int(form["chunk_size"])))
        results = [{"statement_id": at, **({"series": series} if series else {})} for at, series in enumerate(found)]
        return _json(200, {"results": results})

    def _series(self, database: str, statement: str) -> Iterator[dict[str, Any]]:
        select = _SELECT.fullmatch(statement)
        assert select is not None, statement
        # A bucket `hubs/usage` is the retention policy `usage` of the database `hubs`; without it there are no series.
        bucket = self.buckets.get(database + (f"/{select['policy']}" if select["policy"] else ""), Bucket([]))
        return _selected(bucket, select)


def _selected(bucket: Bucket, select: re.Match[str]) -> Iterator[dict[str, Any]]:
    """The series of an answer, each with all of its values."""
    fields = re.findall(r'"(\w+)"', select["fields"])
    grouped = re.findall(r'"(\w+)"', select["tags"] or "")
    times = [(sign, int(time)) for sign, time in _TIME.findall(select["conditions"] or "")]
    tags = {tag: re.sub(r"\\(.)", r"\1", text) for tag, text in _TAG.findall(select["conditions"] or "")}
    backwards = bool(select["last"])
    found = []
    for series, points in bucket.points.get(select["measurement"], {}).items():
        own = dict(series)
        rows = [
            [time, *(_number(values.get(name)) for name in fields)]
            for time, values in sorted(points.items(), reverse=backwards)
            if all(time >= bound if sign == ">=" else time < bound for sign, bound in times)
            and any(name in values for name in fields)
        ]
        if rows and all(own.get(tag, "") == value for tag, value in tags.items()):
            found.append(([own.get(tag, "") for tag in grouped], rows))
    for values, rows in sorted(found, reverse=backwards):
        yield {
            "name": select["measurement"],
            "tags": dict(zip(grouped, values, strict=True)),
            "columns": ["time", *fields],
            "values": rows[: int(select["limit"])] if select["limit"] else rows,
        }


def _chunks(found: list[dict[str, Any]], size: int) -> Iterator[bytes]:
    """A line of JSON for every `size` rows of a series; all but the last are marked as partial."""
    pieces = [
        (series | {"values": series["values"][first : first + size]}, first + size < len(series["values"]))
        for series in found
        for first in range(0, len(series["values"]), size)
    ]
    for number, (series, is_cut) in enumerate(pieces):
        result = {"statement_id": 0, "series": [series | ({"partial": True} if is_cut else {})]}
        if number < len(pieces) - 1:
            result["partial"] = True
        yield json.dumps({"results": [result]}).encode() + b"\n"
    if not pieces:
        yield b'{"results":[{"statement_id":0}]}\n'


def _number(value: Value | None) -> Value | None:
    """A number as Go writes it: 21.0 is 21, whatever its field's type."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e21 else value


def _json(status: int, content: Mapping[str, Any]) -> Answer:
    return Answer(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


def _error(status: int, code: str, message: str) -> Answer:
    return _json(status, {"code": code, "message": message})
