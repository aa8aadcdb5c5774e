"""InfluxQL, the query language that InfluxDB 1.x, 2.x and 3 share: our two queries, and reading their answers.

A chunked answer is a line of JSON for each chunk, at most one series in it; numbers come without their type (21.0 is
`21`), which the schema restores. Integers keep all of their 64 bits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from schemas import MEASUREMENTS, FieldType, Measurement, Policy
from schemas.kinds import INT64_MAX
from stores.protocol import Asked, Number, SeriesChunk

CHUNK_POINTS_MAX = 5000

# The times that InfluxDB can hold; it refuses a query that names others.
TIME_MIN_NS = -INT64_MAX + 1
TIME_MAX_NS = INT64_MAX - 1


class QueryError(Exception):
    """The server answered a query with an error, or with something that is no answer."""


def select(asked: Asked) -> str:
    """All fields asked for of the series whose tags equal `where`, series by series; the latest come backwards."""
    known = asked.of_schema
    times, suffix = f"time < {_possible(asked.stop_ns)}", " ORDER BY time DESC LIMIT 1"
    if asked.start_ns is not None:
        times, suffix = between(asked.start_ns, asked.stop_ns), ""
    return (
        f"SELECT {', '.join(map(_name, known.fields))} FROM {_source(known)} "  # noqa: S608 - quoted
        f"WHERE {_conditions(times, dict(asked.where))} GROUP BY {', '.join(map(_name, known.tags))}{suffix}"
    )


def delete(measurement: Measurement, times: str, where: Mapping[str, str]) -> str:
    """Delete points of a 1.x, which takes no retention policy here: a measurement is in one only."""
    return f"DELETE FROM {_name(measurement.name)} WHERE {_conditions(times, where)}"  # noqa: S608 - quoted


def predicate(measurement: Measurement, where: Mapping[str, str]) -> str:
    """Which points a 2.x is to delete, in the language of its API."""
    return predicate_of({"_measurement": measurement.name} | {**where})


def predicate_of(tags: Mapping[str, str]) -> str:
    """The points with these tags, likewise."""
    return " AND ".join(f"{tag}={_name(value)}" for tag, value in tags.items())


def drop_series(hub: str, sensors: Iterable[str]) -> str:
    """Delete every series of some sensors of a hub from a 1.x, in all of its retention policies."""
    names = ", ".join(_name(m.name) for m in MEASUREMENTS.values() if "sensor" in m.tags)
    pattern = "|".join(map(re.escape, sensors))
    return f'DROP SERIES FROM {names} WHERE "hub" = {_text(hub)} AND "sensor" =~ /^(?:{pattern})$/'


def _conditions(times: str, where: Mapping[str, str]) -> str:
    return " AND ".join([times, *(f"{_name(tag)} = {_text(value)}" for tag, value in where.items())])


def between(start_ns: int, stop_ns: int) -> str:
    """The condition start_ns <= time < stop_ns."""
    return f"time >= {_possible(start_ns)} AND time < {_possible(stop_ns)}"


def _possible(time_ns: int) -> int:
    return min(max(time_ns, TIME_MIN_NS), TIME_MAX_NS)


def _source(measurement: Measurement) -> str:
    policy = "" if measurement.policy is Policy.RAW else f"{_name(measurement.policy)}."
    return policy + _name(measurement.name)


def create_policy(database: str, days: int | None) -> str:
    """Make the retention policy of 1.x for figures, which are kept so long; None for ever."""
    policy, database = _name(Policy.USAGE), _name(database)
    # By itself it keeps each week apart, and a look at a year asks all 52. What expires goes by whole shards.
    shard = "" if days else " SHARD DURATION 52w"
    return f"CREATE RETENTION POLICY {policy} ON {database} DURATION {_duration(days)} REPLICATION 1{shard}"


def days_of(duration: str) -> int | None:
    """The whole days of a duration as 1.x shows it, such as `720h0m0s`; None for ever."""
    return int(duration.partition("h")[0]) // 24 if "h" in duration else None


def _duration(days: int | None) -> str:
    return f"{days}d" if days else "INF"


def show_policies(database: str) -> str:
    """The retention policies of a database of 1.x, by name in the first column."""
    return f"SHOW RETENTION POLICIES ON {_name(database)}"


def create_database(name: str, retention_days: int | None) -> str:
    """Make a database of 1.x whose points are kept so long; None for ever."""
    return f"CREATE DATABASE {_name(name)} WITH DURATION {_duration(retention_days)}"


def results(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the series of an answer. Raises QueryError for an error in it, and for what is no answer."""
    is_partial = False
    for line in lines:
        if line.isspace():
            continue
        for result in _chunk(line):
            if "error" in result:
                raise QueryError(str(result["error"]))
            is_partial = bool(result.get("partial"))
            yield from result.get("series", ())
    if is_partial:
        raise QueryError("its answer ends in the middle")


def answers(answer: Any) -> Mapping[int, Sequence[Mapping[str, Any]]]:
    """The series of each statement that was answered, by its number. Raises QueryError where one failed, or was cut."""
    found: dict[int, Sequence[Mapping[str, Any]]] = {}
    try:
        for result in answer["results"]:
            number, series = result["statement_id"], result.get("series", ())
            if number in found:
                raise QueryError("it answers a statement twice")
            if "error" in result or any("partial" in part for part in (result, *series)):
                raise QueryError(str(result.get("error", "its answer is cut")))
            found[number] = series
    except (KeyError, TypeError, AttributeError) as error:
        raise QueryError(f"its answer can't be read ({error!r})") from error
    return found


def _chunk(line: bytes) -> list[dict[str, Any]]:
    try:
        chunk = json.loads(line)
        return [chunk] if "error" in chunk else list(chunk["results"])
    except (ValueError, KeyError, TypeError) as error:
        raise QueryError(f"its answer can't be read ({line[:100]!r})") from error


def series_chunk(measurement: Measurement, series: Mapping[str, Any]) -> SeriesChunk:
    """The points of one series of an answer. Raises QueryError."""
    try:
        columns = dict(zip(series["columns"], zip(*series["values"], strict=True), strict=True))
        tags = {tag: value for tag, value in series.get("tags", {}).items() if value}
        values = {name: _typed(columns[name], kind) for name, kind in measurement.fields.items()}
        return SeriesChunk(tags, columns["time"], values)
    except (ValueError, KeyError, TypeError) as error:
        raise QueryError(f"its answer holds no points of {measurement.name} ({error!r})") from error


def _typed(values: Sequence[Number | None], kind: FieldType) -> Sequence[Number | None]:
    if kind is FieldType.FLOAT:
        return [None if value is None else float(value) for value in values]
    return values


def _name(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
