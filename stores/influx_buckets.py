"""The buckets of an InfluxDB 2.x. influxdb-client, which takes 0.2 s and 26 MB, is imported where one is to be made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from stores.influx_http import NO_ANSWER, InfluxHttp, RequestError

_DAY_S = 86_400


class Buckets:
    """Those of an organisation, over the connections of `http`. Its methods raise RequestError, and nothing else."""

    def __init__(self, http: InfluxHttp, org: str) -> None:
        self._http, self._org = http, org

    def has(self, name: str) -> bool:
        """Whether there is one of this name."""
        return bool(self.kept_days([name]))

    def kept_days(self, names: Sequence[str]) -> dict[str, int | None]:
        """How many days each of them keeps, None for ever; without those that are not there."""
        org_id = self._org_id()
        return {name: days for name in names for days in self._kept_days(org_id, name)}

    def make(self, days: Mapping[str, int | None]) -> None:
        """Make those that are missing, by name, with the days that they keep; None for ever."""
        org_id = self._org_id()
        for name, kept_days in days.items():
            if not self._kept_days(org_id, name):
                self._make(org_id, name, kept_days)

    def _org_id(self) -> str:
        answer = self._http.get("/api/v2/orgs", {"org": self._org})
        with self._expected():
            return str(answer["orgs"][0]["id"])

    def _kept_days(self, org_id: str, name: str) -> list[int | None]:
        """The days that the bucket of a name keeps; none where there is no such bucket."""
        try:
            answer = self._http.get("/api/v2/buckets", {"name": name, "orgID": org_id})
        except RequestError as failure:
            if failure.status != HTTPStatus.NOT_FOUND:
                raise
            return []
        with self._expected():
            # Where there is none of that name, some versions list buckets of the system instead.
            rules = [bucket["retentionRules"] for bucket in answer["buckets"] if bucket["name"] == name]
            return [max((int(rule["everySeconds"]) for rule in each), default=0) // _DAY_S or None for each in rules]

    @contextlib.contextmanager
    def _expected(self) -> Iterator[None]:
        """Raise RequestError where an answer has another shape."""
        try:
            yield
        except (LookupError, TypeError, ValueError) as error:
            raise self._http.strange_answer() from error

    def _make(self, org_id: str, name: str, kept_days: int | None) -> None:
        from influxdb_client.client.influxdb_client import InfluxDBClient  # noqa: PLC0415 - see above
        from influxdb_client.rest import ApiException  # noqa: PLC0415

        http = self._http
        # Without types: the client's methods have none.
        client: Any = InfluxDBClient(http.url, "", org=self._org)
        client.api_client.default_headers.update(http.headers)
        client.api_client.rest_client.pool_manager = http.pool
        # No rule means for ever.
        rules = [{"type": "expire", "everySeconds": kept_days * _DAY_S}] if kept_days else []
        with http.asking():
            try:
                client.buckets_api().create_bucket(bucket_name=name, retention_rules=rules, org=org_id)
            except ApiException as error:
                # Another process may have made it in between.
                if not self._kept_days(org_id, name):
                    detail = (error.status or NO_ANSWER, error.body, error.reason, error.retry_after)
                    raise http.answered(*detail) from error
            except (TypeError, AttributeError) as error:
                # It takes whatever is answered for the object that it expects.
                raise http.strange_answer() from error
