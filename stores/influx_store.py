"""InfluxDB 2.x (the target), 1.x and 3 as a store; which of them it is, the server says.

    /ping -> version    1.x: POST /write, CREATE DATABASE                       \
                        2.x: POST /api/v2/write, bucket of the organisation       > reads: InfluxQL at /query
                        3:   POST /api/v2/write, database made by the first write /

Nothing is asked before it is needed, and the version again after a failure, so that the server may be down when we
start and another version when it comes back.

Everything is in one bucket: with a retention, roll-ups go when the readings of their day go (see docs/stores.md).
"""

from __future__ import annotations

import contextlib
import gzip
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from influxdb_client.client.util.helpers import get_org_query_param
from influxdb_client.rest import ApiException

from schemas import MEASUREMENTS, Measurement
from schemas.settings import InfluxSettings
from stores import influxql
from stores.influx_http import NO_ANSWER, InfluxHttp, RequestError
from stores.protocol import Accepted, Keep, Outcome, SeriesChunk, StoreError

GZIP_LEVEL = 1
DAY_S = 86_400

_LINES = {"Content-Type": "text/plain; charset=utf-8", "Content-Encoding": "gzip"}
# Who may write need not be allowed to look for databases: the write itself will tell.
_MAY_WRITE_YET = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
# SHOW statements say nothing of a database that is missing.
_PROBE = 'SELECT "revision" FROM "usage_daily" LIMIT 1'
_NO_DATABASE = re.compile(r"(database|bucket|retention policy) not found")


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
        now: Callable[[], float] = time.time,
    ) -> None:
        """Connect to nothing yet. `now` gives Unix seconds, for a Retry-After that is a date."""
        self._settings = settings
        self._retention_days = retention_days
        self._http = InfluxHttp(settings, now)
        self._server: _Server | None = None
        self._is_prepared = False

    def prepare(self) -> None:
        """Create the bucket or database, with its retention, where it is missing. Raises StoreError."""
        with self._translated_errors():
            self._prepare()

    def write(self, lines: bytes) -> Outcome:
        """Write a batch. On a 1.x the good lines of a rejected batch are stored; on a 2.x it depends on the fault."""
        if not lines.strip():
            return Accepted()
        try:
            self._prepare_once()
            path, query = self._write_to()
        except RequestError as failure:
            self._forget(failure)
            return failure.keep()
        try:
            self._http.post(path, query, gzip.compress(lines, GZIP_LEVEL), _LINES)
        except RequestError as failure:
            self._forget(failure)
            return failure.outcome()
        return Accepted()

    def read(
        self, measurement: str, *, start_ns: int, stop_ns: int, where: Mapping[str, str] | None = None
    ) -> Iterator[SeriesChunk]:
        known = MEASUREMENTS[measurement]
        return self._chunks(known, influxql.select(known, influxql.between(start_ns, stop_ns), where))

    def latest(
        self, measurement: str, *, before_ns: int, where: Mapping[str, str] | None = None
    ) -> Iterator[SeriesChunk]:
        known = MEASUREMENTS[measurement]
        query = influxql.select(known, influxql.before(before_ns), where) + " ORDER BY time DESC LIMIT 1"
        # With the last point first, the last series comes first, too.
        yield from sorted(self._chunks(known, query), key=lambda chunk: [chunk.tags.get(tag, "") for tag in known.tags])

    def expire(self, before_ns: int) -> None:
        """Do nothing: InfluxDB drops what is older than the bucket's retention by itself."""

    def check(self) -> str:
        with self._translated_errors():
            server = self._known_server()
            what = self._http.name.replace("InfluxDB", f"InfluxDB {server.version}", 1)
            try:
                for _ in self._statement(_PROBE):
                    pass
            except influxql.QueryError as error:
                if not _NO_DATABASE.search(str(error)):
                    raise
                return f"{what}, where {self._settings.bucket} is not made yet, or not for us to read"
            return f"{what}, {self._settings.bucket}"

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

    def _write_to(self) -> tuple[str, dict[str, str]]:
        if self._known_server().major == 1:
            return "/write", {"db": self._settings.bucket, "precision": "ns"}
        return "/api/v2/write", {"org": self._settings.org, "bucket": self._settings.bucket, "precision": "ns"}

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
        make = {1: self._make_database, 2: self._make_bucket}.get(self._known_server().major)
        if make is not None:
            make()
        self._is_prepared = True

    def _make_database(self) -> None:
        try:
            rows = [row for series in self._statement("SHOW DATABASES") for row in series.get("values", ())]
            if [self._settings.bucket] not in rows:
                for _ in self._statement(influxql.create_database(self._settings.bucket, self._retention_days)):
                    pass
        except influxql.QueryError as error:
            reply = self._http.clean(str(error))
            detail = f"{self._http.name} can't make the database {self._settings.bucket}: {reply}"
            raise RequestError(HTTPStatus.FORBIDDEN, detail) from error

    def _make_bucket(self) -> None:
        self._http.call(self._find_or_make_bucket)

    def _find_or_make_bucket(self, client: Any) -> None:
        org_id = get_org_query_param(self._settings.org, client, required_id=True)  # type: ignore[no-untyped-call]
        if self._has_bucket(client, org_id):
            return
        # No rule means for ever.
        rules = [{"type": "expire", "everySeconds": self._retention_days * DAY_S}] if self._retention_days else []
        try:
            client.buckets_api().create_bucket(bucket_name=self._settings.bucket, retention_rules=rules, org=org_id)
        except ApiException:
            # Another process may have made it in between.
            if not self._has_bucket(client, org_id):
                raise

    def _has_bucket(self, client: Any, org_id: str) -> bool:
        try:
            found = client.buckets_api().find_buckets(name=self._settings.bucket, org_id=org_id).buckets
        except ApiException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return False
        # Where there is none of that name, some versions list buckets of the system instead.
        return any(bucket.name == self._settings.bucket for bucket in found)

    def _forget(self, failure: RequestError) -> None:
        """Ask again what a failure may have changed: another server may answer, or one whose bucket is gone."""
        if isinstance(failure.outcome(), Keep):
            self._server = None
        if failure.status in (HTTPStatus.NOT_FOUND, NO_ANSWER):
            self._is_prepared = False

    def _chunks(self, measurement: Measurement, query: str) -> Iterator[SeriesChunk]:
        """Ask, and yield the points; none from a database that nobody has made yet. Raises StoreError."""
        with self._translated_errors():
            try:
                for series in self._statement(query):
                    yield influxql.series_chunk(measurement, series)
            except influxql.QueryError as error:
                if not _NO_DATABASE.search(str(error)):
                    raise

    def _statement(self, statement: str) -> Iterator[dict[str, Any]]:
        form = {
            "db": self._settings.bucket,
            "q": statement,
            "epoch": "ns",
            "chunked": "true",
            "chunk_size": str(influxql.CHUNK_POINTS_MAX),
        }
        return influxql.results(self._http.stream("/query", form))

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except RequestError as failure:
            self._forget(failure)
            raise StoreError(failure.detail) from failure
        except influxql.QueryError as error:
            raise StoreError(f"{self._http.name} did not answer a query: {self._http.clean(str(error))}") from error
