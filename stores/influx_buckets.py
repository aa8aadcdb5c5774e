"""The buckets of an InfluxDB 2.x, by influxdb-client: imported for a 2.x alone, since it takes 0.2 s and 20 MB."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.util.helpers import get_org_query_param
from influxdb_client.rest import ApiException

from stores.influx_http import NO_ANSWER, InfluxHttp, RequestError

_DAY_S = 86_400


class Buckets:
    """Those of an organisation, over the connections of `http`. Its methods raise RequestError, and nothing else."""

    def __init__(self, http: InfluxHttp, org: str) -> None:
        self._http, self._org = http, org
        # Without types: the client's methods have none.
        self._client: Any = InfluxDBClient(http.url, "", org=org)
        self._client.api_client.default_headers.update(http.headers)
        connections: Any = self._client.api_client.rest_client
        connections.pool_manager = http.pool

    def has(self, name: str) -> bool:
        """Whether there is one of this name."""
        with self._asking():
            return self._has(self._org_id(), name)

    def make(self, days: Mapping[str, int | None]) -> None:
        """Make those that are missing, by name, with the days that they keep; None for ever."""
        with self._asking():
            org_id = self._org_id()
            for name, kept_days in days.items():
                if not self._has(org_id, name):
                    self._make(org_id, name, kept_days)

    def kept_days(self, names: Sequence[str]) -> dict[str, int | None]:
        """How many days each of them keeps, None for ever; without those that are not there."""
        with self._asking():
            org_id, found = self._org_id(), {}
            for name in names:
                for bucket in self._client.buckets_api().find_buckets(name=name, org_id=org_id).buckets:
                    if bucket.name == name:
                        seconds = max((rule.every_seconds for rule in bucket.retention_rules), default=0)
                        found[name] = seconds // _DAY_S or None
            return found

    def _make(self, org_id: str, name: str, kept_days: int | None) -> None:
        # No rule means for ever.
        rules = [{"type": "expire", "everySeconds": kept_days * _DAY_S}] if kept_days else []
        try:
            self._client.buckets_api().create_bucket(bucket_name=name, retention_rules=rules, org=org_id)
        except ApiException:
            # Another process may have made it in between.
            if not self._has(org_id, name):
                raise

    def _org_id(self) -> Any:
        return get_org_query_param(self._org, self._client, required_id=True)  # type: ignore[no-untyped-call]

    def _has(self, org_id: str, name: str) -> bool:
        try:
            found = self._client.buckets_api().find_buckets(name=name, org_id=org_id).buckets
        except ApiException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return False
        # Where there is none of that name, some versions list buckets of the system instead.
        return any(bucket.name == name for bucket in found)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        http = self._http
        with http.asking():
            try:
                yield
            except ApiException as error:
                raise http.answered(error.status or NO_ANSWER, error.body, error.reason, error.retry_after) from error
            except InfluxDBError as error:
                raise RequestError(HTTPStatus.NOT_FOUND, f"{http.name}: {http.clean(error.message)}") from error
            except (TypeError, AttributeError) as error:
                # It takes whatever is answered for the object that it expects.
                raise http.strange_answer() from error
