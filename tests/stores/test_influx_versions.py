"""What is asked of which InfluxDB: its version, its bucket or database, the way to write."""

import json
import subprocess
import sys

import pytest
from pydantic import SecretStr

from schemas import Policy
from schemas.settings import InfluxSettings
from stores import Accepted, Keep, Rejected, StoreError
from stores.influx_store import InfluxStore
from tests.real_parts import REPOSITORY
from tests.servers import LOOPBACK, Influxd
from tests.stores.fake_influx2 import ORG_ID, TOKEN, Bucket, FakeInflux2
from tests.stores.loopback import Answer, Request
from tests.stores.points import co2, lines, read
from tests.stores.scripted import BATCH, VERSIONS, WRITES, Serve, server_of, store_at


@pytest.mark.parametrize("major", VERSIONS)
def test_the_server_says_which_way_to_write(serve: Serve, major: str) -> None:
    server = serve(server_of(major, Answer(204)))
    store = store_at(server.url)
    assert store.write(BATCH) == Accepted()
    assert store.write(BATCH) == Accepted()
    first, _ = server.asked(WRITES[major])
    assert first.body == BATCH
    assert first.query["precision"] == "ns"
    assert first.query["db" if major == "1" else "bucket"] == "hubs"
    assert len(server.asked("/ping")) == 1
    assert VERSIONS[major].removeprefix("v") in store.check()


@pytest.mark.parametrize("host, encoding", [(LOOPBACK, None), ("0.0.0.0", "gzip")])  # noqa: S104 - as another name of it
@pytest.mark.parametrize("major", VERSIONS)
def test_what_leaves_the_machine_is_gzipped(serve: Serve, major: str, host: str, encoding: str | None) -> None:
    server = serve(server_of(major, Answer(204)))
    assert store_at(server.url.replace(LOOPBACK, host)).write(BATCH) == Accepted()
    [request] = server.asked(WRITES[major])
    assert request.headers.get("Content-Encoding") == encoding
    assert request.body == BATCH


def test_another_version_may_come_back_after_a_failure(serve: Serve) -> None:
    server = serve(server_of("1", Answer(503)))
    store = store_at(server.url)
    assert isinstance(store.write(BATCH), Keep)
    server.answer = server_of("2", Answer(204))
    assert store.write(BATCH) == Accepted()
    assert len(server.asked(WRITES["2"])) == 1


def test_a_bad_batch_does_not_raise_doubts_about_the_server(serve: Serve) -> None:
    server = serve(server_of("2", Answer(422)))
    store = store_at(server.url)
    for _ in range(3):
        assert isinstance(store.write(BATCH), Rejected)
    assert len(server.asked("/ping")) == 1
    assert [request.query["name"] for request in server.asked("/api/v2/buckets")] == ["hubs", "hubs/usage"]


@pytest.mark.parametrize("retention_days, rules", [(None, []), (90, [{"type": "expire", "everySeconds": 90 * 86_400}])])
def test_a_missing_bucket_is_made_with_its_retention(
    serve: Serve, retention_days: int | None, rules: list[dict[str, object]]
) -> None:
    influx = FakeInflux2()
    store = store_at(serve(influx).url, retention_days=retention_days)
    store.prepare()
    assert influx.buckets["hubs"].rules == rules
    assert influx.buckets["hubs/usage"].rules == []
    assert store.kept_days() == {Policy.RAW: retention_days, Policy.USAGE: None}


def test_figures_have_a_retention_of_their_own(serve: Serve, influxd: Influxd, influx_database: str) -> None:
    influx = FakeInflux2()
    settings = store_at(serve(influx).url)._settings
    for known in (settings, InfluxSettings(url=influxd.url, bucket=influx_database)):
        store = InfluxStore(known, figures_retention_days=400)
        store.prepare()
        assert store.kept_days() == {Policy.RAW: None, Policy.USAGE: 400}
        store.close()


def test_a_bucket_that_is_there_is_left_as_it_is(serve: Serve) -> None:
    influx = FakeInflux2()
    there = {"hubs": Bucket([{"type": "expire", "everySeconds": 3600}]), "hubs/usage": Bucket([])}
    influx.buckets |= there
    store_at(serve(influx).url, retention_days=90).prepare()
    assert influx.buckets == there


def test_another_bucket_listed_in_place_of_a_missing_one_is_not_taken_for_it(serve: Serve) -> None:
    """Some versions of 2.x answer with the system's own buckets where none has the name."""
    influx = FakeInflux2()
    system = json.dumps({"buckets": [{"id": "a" * 16, "name": "_tasks", "retentionRules": []}]}).encode()
    server = serve(
        lambda request: (
            Answer(200, system) if (request.method, request.path) == ("GET", "/api/v2/buckets") else influx(request)
        )
    )
    store_at(server.url).prepare()
    assert "hubs" in influx.buckets


def test_a_bucket_that_another_process_makes_meanwhile_is_fine(serve: Serve) -> None:
    influx = FakeInflux2()

    def answer(request: Request) -> Answer:
        if (request.method, request.path) == ("POST", "/api/v2/buckets"):
            influx.buckets["hubs"] = Bucket([])
        return influx(request)

    store_at(serve(answer).url).prepare()


def test_a_bucket_that_can_not_be_made_is_reported(serve: Serve) -> None:
    influx = FakeInflux2()
    refusal = Answer(422, b'{"code": "unprocessable entity", "message": "no more buckets"}')
    server = serve(
        lambda request: refusal if (request.method, request.path) == ("POST", "/api/v2/buckets") else influx(request)
    )
    with pytest.raises(StoreError, match="no more buckets"):
        store_at(server.url).prepare()


def test_an_organisation_that_is_not_there_is_reported(serve: Serve) -> None:
    server = serve(FakeInflux2())
    store = InfluxStore(InfluxSettings(url=server.url, token=SecretStr(TOKEN), org="nobody"))
    with pytest.raises(StoreError, match="nobody"):
        store.prepare()
    outcome = store.write(BATCH)
    assert isinstance(outcome, Keep)
    assert outcome.needs_operator


def test_a_bucket_is_made_again_after_it_was_missed(serve: Serve) -> None:
    influx = FakeInflux2()
    store = store_at(serve(influx).url)
    assert store.write(BATCH) == Accepted()
    influx.buckets.clear()
    outcome = store.write(BATCH)
    assert isinstance(outcome, Keep)
    assert outcome.needs_operator
    assert 'bucket "hubs" not found' in outcome.detail
    assert store.write(BATCH) == Accepted()
    assert len(read(store, "co2")) == 2


@pytest.mark.parametrize("status", [401, 403, 404])
def test_who_may_write_need_not_be_allowed_to_look_for_buckets(serve: Serve, status: int) -> None:
    influx = FakeInflux2()
    influx.buckets["hubs"] = Bucket([])
    server = serve(
        lambda request: Answer(status) if request.path in ("/api/v2/buckets", "/api/v2/orgs") else influx(request)
    )
    store = store_at(server.url)
    for _ in range(3):
        assert store.write(BATCH) == Accepted()
    assert len(server.asked("/api/v2/orgs")) == 1


def test_the_organisation_s_own_bucket_is_asked_for(serve: Serve) -> None:
    server = serve(FakeInflux2())
    store_at(server.url).prepare()
    assert server.asked("/api/v2/buckets")[0].query["orgID"] == ORG_ID


def test_a_1_x_database_is_made_with_its_retention_and_made_again(influxd: Influxd, influx_database: str) -> None:
    settings = InfluxSettings(url=influxd.url, bucket=influx_database)
    store = InfluxStore(settings, retention_days=30)
    store.prepare()
    policies = influxd.query(f'SHOW RETENTION POLICIES ON "{influx_database}"')
    durations = {policy["name"]: (policy["duration"], policy["default"]) for policy in policies}
    assert durations == {"autogen": ("720h0m0s", True), "usage": ("0s", False)}
    assert store.kept_days() == {Policy.RAW: 30, Policy.USAGE: None}
    InfluxStore(settings, retention_days=90).prepare()
    assert influxd.query(f'SHOW RETENTION POLICIES ON "{influx_database}"') == policies

    influxd.query(f'DROP DATABASE "{influx_database}"')
    now = lines([co2(400.5, 1_700_000_000_000_000_000)])
    outcome = InfluxStore(settings).write(now)
    assert outcome == Accepted()
    policies = influxd.query(f'SHOW RETENTION POLICIES ON "{influx_database}"')
    assert {policy["duration"] for policy in policies} == {"0s"}

    store = InfluxStore(settings)
    store.prepare()
    influxd.query(f'DROP DATABASE "{influx_database}"')
    assert isinstance(store.write(now), Keep)
    assert store.write(now) == Accepted()


def test_the_good_lines_of_a_rejected_batch_are_stored_on_1_x(influxd: Influxd, influx_database: str) -> None:
    store = InfluxStore(InfluxSettings(url=influxd.url, bucket=influx_database))
    assert isinstance(store.write(BATCH + b"\ngarbage"), Rejected)
    assert len(read(store, "co2")) == 2


WRITE = """
import sys
from schemas.settings import InfluxSettings
from stores.influx_store import InfluxStore
InfluxStore(InfluxSettings(url=sys.argv[1], token=sys.argv[2])).write(sys.argv[3].encode())
print("influxdb_client" in sys.modules)
"""


@pytest.mark.parametrize("is_made", [True, False])
def test_the_client_library_is_for_making_buckets_alone(serve: Serve, is_made: bool) -> None:
    influx = FakeInflux2()
    influx.buckets |= {"hubs": Bucket([]), "hubs/usage": Bucket([])} if is_made else {}
    command = [sys.executable, "-c", WRITE, serve(influx).url, TOKEN, BATCH.decode()]
    said = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True).stdout

    assert said.strip() == str(not is_made)
    assert influx.buckets["hubs"].points
