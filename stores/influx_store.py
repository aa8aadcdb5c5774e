"""InfluxDB 2.x (the target), 1.x and 3 as a store; which of them it is, the server says.

    /ping -> version    1.x: POST /write, CREATE DATABASE                        \
                        2.x: POST /api/v2/write, buckets of the organisation       > reads: InfluxQL at /query
                        3:   POST /api/v2/write, databases made by the first write /

Nothing is asked before it is needed, and the version again after a failure, so that the server may be down when we
start and another version when it comes back.

Readings are in the bucket or database `hubs` and go with its retention. What must outlive them (`Policy.USAGE`) is in
its retention policy `usage`, on 2.x the bucket `hubs/usage`, which InfluxQL knows by the same name on both.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from schemas import MEASUREMENTS, Policy
from schemas.localtime import rfc3339
from schemas.settings import InfluxSettings
from stores import influxql
from stores.influx_http import NO_ANSWER, NOT_THERE, InfluxHttp, LateAnswerError, RequestError
from stores.lines import by_policy
from stores.overwritten import RecentReadings
from stores.protocol import Accepted, Asked, Keep, Outcome, Rejected, SeriesChunk, StoreError, TooLarge

if TYPE_CHECKING:
    from stores.influx_buckets import Buckets

FORGOTTEN_AT_ONCE = 200

_CAN_DELETE = (1, 2)
_JSON = {"Content-Type": "application/json"}
# Who may write need not be allowed to look for databases: the write itself will tell.
_MAY_WRITE_YET = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
# SHOW statements say nothing of a database that is missing.
_PROBES = {
    Policy.RAW: 'SELECT "co2_ppm" FROM "co2" LIMIT 1',
    Policy.USAGE: 'SELECT "revision" FROM "usage"."usage_daily" LIMIT 1',
}
_COMMENT_ALONE = b"# a comment: nothing is stored"
_NO_DATABASE = re.compile(r"(database|bucket) not found")


@dataclass(frozen=True, slots=True)
class _Server:
    """What answers at the address: `1.6.7` and its major version."""

    version: str
    major: int


class InfluxStore:
    """The bucket (or database) of an InfluxDB that the settings name."""

    def __init__(
        self,
        settings: InfluxSettings,
        *,
        retention_days: int | None = None,
        figures_retention_days: int | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Connect to nothing yet. `now` gives Unix seconds, for a Retry-After that is a date."""
        self._settings = settings
        self._days = {Policy.RAW: retention_days, Policy.USAGE: figures_retention_days}
        self._http = InfluxHttp(settings, now)
        self._server: _Server | None = None
        self._is_prepared = self._has_usage_bucket = False
        self._recent = RecentReadings()

    def prepare(self) -> None:
        """Create the bucket or database, with its retention, where it is missing. Raises StoreError."""
        with self._translated_errors():
            self._prepare()

    def write(self, lines: bytes) -> Outcome:
        """Write a batch. On a 1.x the good lines of a rejected batch are stored; on a 2.x it depends on the fault."""
        if not lines.strip():
            return Accepted()
        outcomes = (self._write(policy, part) for policy, part in by_policy(lines))
        refused = next((outcome for outcome in outcomes if not isinstance(outcome, Accepted)), None)
        return refused or Accepted(self._recent.take(lines))

    def _write(self, policy: Policy, lines: bytes) -> Outcome:
        try:
            self._prepare_once()
            path, query = self._write_to(policy)
        except RequestError as failure:
            self._forget(failure)
            return failure.keep()
        try:
            self._http.post_lines(path, query, lines)
        except RequestError as failure:
            self._forget(failure)
            return failure.outcome()
        return Accepted()

    def read(
        self,
        measurement: str,
        *,
        start_ns: int,
        stop_ns: int,
        where: Mapping[str, str] | None = None,
        fields: Collection[str] | None = None,
    ) -> Iterator[SeriesChunk]:
        return self._chunks(Asked.of(measurement, stop_ns, where, start_ns=start_ns, fields=fields))

    def latest(
        self, measurement: str, *, before_ns: int, where: Mapping[str, str] | None = None
    ) -> Iterator[SeriesChunk]:
        asked = Asked.of(measurement, before_ns, where)
        yield from _in_order(asked, self._chunks(asked))

    def answers(self, asked: Sequence[Asked]) -> Mapping[Asked, Sequence[SeriesChunk]]:
        """Of a server that takes one statement at a time, as InfluxDB 3 does, nothing; where one fails, neither.

        Nor where all take too long: each alone may not. A server that hangs is waited for twice then, and no longer.
        """
        if not asked:
            return {}
        known = {number: one.of_schema for number, one in enumerate(asked)}
        with self._translated_errors():
            try:
                answer = self._http.whole("/query", self._form("; ".join(map(influxql.select, asked))))
                found = {
                    number: [influxql.series_chunk(known[number], each) for each in series]
                    for number, series in influxql.answers(answer).items()
                }
                usage = [chunks for number, chunks in found.items() if known[number].policy is Policy.USAGE]
            except (influxql.QueryError, KeyError):
                return {}
            except RequestError as failure:
                if isinstance(failure, LateAnswerError) or isinstance(failure.outcome(), Rejected | TooLarge):
                    return {}
                raise
            if usage and not any(usage):
                self._require_usage_bucket()
        return {asked[number]: _in_order(asked[number], chunks) for number, chunks in found.items()}

    def delete(self, measurement: str, *, start_ns: int, stop_ns: int, where: Mapping[str, str]) -> bool:
        known = MEASUREMENTS[measurement]
        with self._translated_errors():
            major = self._known_server().major
            if major == 1:
                for _ in self._statement(influxql.delete(known, influxql.between(start_ns, stop_ns), where)):
                    pass
            elif major == 2:  # noqa: PLR2004 - InfluxDB 2
                # Both ends are among what is deleted.
                asked = {"start": rfc3339(start_ns), "stop": rfc3339(stop_ns - 1)}
                asked["predicate"] = influxql.predicate(known, where)
                place = {"org": self._settings.org, "bucket": self._place(known.policy)}
                self._http.post("/api/v2/delete", place, asked, _JSON)
        return major in _CAN_DELETE

    def expire(
        self, before_ns: int, policy: Policy = Policy.RAW, *, goes_on: Callable[[], bool] = lambda: True
    ) -> None:
        """Do nothing: InfluxDB drops what is older than the bucket's retention by itself."""

    def forget(self, hub: str, sensors: Collection[str], *, goes_on: Callable[[], bool] = lambda: True) -> bool:
        with self._translated_errors():
            major = self._known_server().major
            forget = {1: self._drop_series, 2: self._delete_sensor}.get(major)
            names, at_once = sorted(sensors), FORGOTTEN_AT_ONCE if major == 1 else 1
            for start in range(0, len(names) if forget else 0, at_once):
                forget(hub, names[start : start + at_once])  # type: ignore[misc] # there is none without it
                if not goes_on():
                    break
        return major in _CAN_DELETE

    def _drop_series(self, hub: str, sensors: Sequence[str]) -> None:
        for _ in self._statement(influxql.drop_series(hub, sensors)):
            pass

    def _delete_sensor(self, hub: str, sensors: Sequence[str]) -> None:
        asked = {"start": rfc3339(influxql.TIME_MIN_NS), "stop": rfc3339(influxql.TIME_MAX_NS)}
        for policy in Policy:
            for sensor in sensors:
                asked["predicate"] = influxql.predicate_of({"hub": hub, "sensor": sensor})
                self._http.post(
                    "/api/v2/delete", {"org": self._settings.org, "bucket": self._place(policy)}, asked, _JSON
                )

    def kept_days(self) -> Mapping[Policy, int | None]:
        with self._translated_errors():
            major = self._known_server().major
            if major == 1:
                durations = {row[0]: row[1] for row in self._rows(influxql.show_policies(self._settings.bucket))}
                # A database has one policy beside ours that is the default one, called `autogen` where we made it.
                raw = next((durations[name] for name in durations if name != Policy.USAGE), None)
                found = {Policy.RAW: raw, Policy.USAGE: durations.get(Policy.USAGE)}
                return {policy: influxql.days_of(text) for policy, text in found.items() if text is not None}
            if major != 2:  # noqa: PLR2004 - InfluxDB 2
                return {}
            days = self._buckets().kept_days([self._place(policy) for policy in Policy])
            return {policy: days[self._place(policy)] for policy in Policy if self._place(policy) in days}

    def require(self) -> None:
        missing = self._missing()
        if missing:
            raise StoreError(
                f"{self._http.name} has no {missing}, or not for us to read: check HUBPULSE_INFLUX__BUCKET"
            )

    def check(self) -> str:
        missing = self._missing()
        with self._translated_errors():
            server = self._known_server()
            what = self._http.name.replace("InfluxDB", f"InfluxDB {server.version}", 1)
        if missing:
            return f"{what}, where {missing} is not made yet, or not for us to read"
        known = f"{what}, {self._settings.bucket}"
        if server.major in _CAN_DELETE:
            return known
        return f"{known}; it deletes no points: a figure that turns out unknown keeps its old value"

    def probe(self, *, write: bool = True) -> Iterator[str]:
        for policy in Policy:
            problem = self._probe(policy, write=write)
            if problem is not None:
                yield f"{self._place(policy)}: {problem}"

    def _probe(self, policy: Policy, *, write: bool) -> str | None:
        try:
            for _ in self._statement(_PROBES[policy]):
                pass
            if write:
                path, query = self._write_to(policy)
                self._http.post_lines(path, query, _COMMENT_ALONE)
        except (RequestError, influxql.QueryError) as error:
            # What is refused for holding no line was let in.
            if isinstance(error, RequestError) and isinstance(error.outcome(), Rejected):
                return None
            return f"{self._http.clean(str(error))}; {self._hint()}"
        return None

    def _missing(self) -> str:
        with self._translated_errors():
            return " and ".join(self._place(policy) for policy in Policy if not self._is_there(policy))

    def _is_there(self, policy: Policy) -> bool:
        try:
            for _ in self._statement(_PROBES[policy]):
                pass
        except influxql.QueryError as error:
            if not NOT_THERE.search(str(error)):
                raise
            return False
        return True

    def _place(self, policy: Policy) -> str:
        return self._settings.bucket if policy is Policy.RAW else f"{self._settings.bucket}/{policy}"

    def _hint(self) -> str:
        """The command that makes what is missing, and the rights to use it."""
        bucket = self._settings.bucket
        with contextlib.suppress(RequestError):
            self._known_server()
        if self._server is not None and self._server.major == 1:
            create = influxql.create_policy(bucket, self._days[Policy.USAGE])
            return f'as an administrator: {create}, then GRANT ALL ON "{bucket}" TO the user'
        return (
            f"a missing bucket: `influx bucket create --org {self._settings.org} --name NAME`; a token for both: "
            f"`influx auth create --org {self._settings.org} --read-buckets --write-buckets` (Grafana only reads)"
        )

    def close(self) -> None:
        self._http.close()

    def _known_server(self) -> _Server:
        if self._server is None:
            version = self._http.headers_of("/ping").get("X-Influxdb-Version")
            if version is None:
                detail = f"{self._http.name} does not say that it is one: check HUBPULSE_INFLUX__URL"
                raise RequestError(NO_ANSWER, detail, needs_operator=True)
            number = re.match(r"v?(\d+)", version)
            self._server = _Server(version.removeprefix("v"), int(number[1]) if number else 2)
        return self._server

    def _write_to(self, policy: Policy) -> tuple[str, dict[str, str]]:
        if self._known_server().major == 1:
            place = {"rp": policy.value} if policy is Policy.USAGE else {}
            return "/write", {"db": self._settings.bucket, **place, "precision": "ns"}
        return "/api/v2/write", {"org": self._settings.org, "bucket": self._place(policy), "precision": "ns"}

    def _prepare_once(self) -> None:
        if self._is_prepared:
            return
        try:
            self._prepare()
        except RequestError as failure:
            if failure.status not in _MAY_WRITE_YET:
                raise
            self._is_prepared = True

    def _prepare(self) -> None:
        make = {1: self._make_database, 2: self._make_buckets}.get(self._known_server().major)
        if make is not None:
            make()
        self._is_prepared = True

    def _make_database(self) -> None:
        name = self._settings.bucket
        try:
            if name not in self._names("SHOW DATABASES"):
                self._names(influxql.create_database(name, self._days[Policy.RAW]))
            if Policy.USAGE not in self._names(influxql.show_policies(name)):
                self._names(influxql.create_policy(name, self._days[Policy.USAGE]))
        except influxql.QueryError as error:
            detail = f"{self._http.name} can't make {name} and {self._place(Policy.USAGE)}"
            raise RequestError(
                HTTPStatus.FORBIDDEN, f"{detail} ({self._http.clean(str(error))}): {self._hint()}"
            ) from error

    def _names(self, statement: str) -> list[str]:
        """The first column of a statement's answer."""
        return [row[0] for row in self._rows(statement)]

    def _rows(self, statement: str) -> list[list[Any]]:
        return [row for series in self._statement(statement) for row in series.get("values", ())]

    def _make_buckets(self) -> None:
        self._buckets().make({self._place(policy): days for policy, days in self._days.items()})

    def _buckets(self) -> Buckets:
        from stores.influx_buckets import Buckets  # noqa: PLC0415 - see there

        return Buckets(self._http, self._settings.org)

    def _forget(self, failure: RequestError) -> None:
        """Ask again what a failure may have changed: another server may answer, or one whose bucket is gone."""
        if isinstance(failure.outcome(), Keep):
            self._server = None
        if failure.status in (HTTPStatus.NOT_FOUND, NO_ANSWER):
            self._is_prepared = False

    def _chunks(self, asked: Asked) -> Iterator[SeriesChunk]:
        """Ask, and yield the points; none from a database that nobody has made yet. Raises StoreError."""
        known = asked.of_schema
        with self._translated_errors():
            found = False
            try:
                for series in self._statement(influxql.select(asked)):
                    found = True
                    yield influxql.series_chunk(known, series)
            except influxql.QueryError as error:
                if not _NO_DATABASE.search(str(error)):
                    raise
                return
            if known.policy is Policy.USAGE and not found:
                self._require_usage_bucket()

    def _require_usage_bucket(self) -> None:
        """No figures may only mean none yet where there is a place for them: some 2.x answer nothing without."""
        if not self._has_usage_bucket and self._known_server().major == 2:  # noqa: PLR2004 - InfluxDB 2
            name = self._place(Policy.USAGE)
            if not self._buckets().has(name):
                detail = f"{self._http.name} has no bucket {name}, or not for us to read: {self._hint()}"
                raise RequestError(HTTPStatus.NOT_FOUND, detail)
        self._has_usage_bucket = True

    def _statement(self, statement: str) -> Iterator[dict[str, Any]]:
        chunks = {"chunked": "true", "chunk_size": str(influxql.CHUNK_POINTS_MAX)}
        return influxql.results(self._http.stream("/query", {**self._form(statement), **chunks}))

    def _form(self, query: str) -> dict[str, str]:
        return {"db": self._settings.bucket, "q": query, "epoch": "ns"}

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except RequestError as failure:
            self._forget(failure)
            raise StoreError(failure.detail) from failure
        except influxql.QueryError as error:
            detail = f"{self._http.name} did not answer a query: {self._http.clean(str(error))}"
            raise StoreError(f"{detail}; {self._hint()}" if NOT_THERE.search(str(error)) else detail) from error


def _in_order(asked: Asked, chunks: Iterable[SeriesChunk]) -> Sequence[SeriesChunk]:
    """The latest points in order of their series: with the last point first, the last series comes first, too."""
    if asked.start_ns is not None:
        return list(chunks)
    return sorted(chunks, key=lambda chunk: [chunk.tags.get(tag, "") for tag in MEASUREMENTS[asked.measurement].tags])
