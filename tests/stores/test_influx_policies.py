"""What must outlive the readings is kept in a place of its own, and a place that is missing is somebody's to make."""

import pytest
from pydantic import SecretStr

from schemas.kinds import INT64_MAX
from schemas.settings import InfluxSettings
from stores import Accepted, Keep, StoreError
from stores.influx_store import InfluxStore
from stores.lines import by_policy
from tests.servers import Influxd
from tests.stores.fake_influx2 import Bucket, FakeInflux2
from tests.stores.loopback import Answer, Request
from tests.stores.points import Point, co2, lines, read
from tests.stores.scripted import Serve, store_at

DAY = Point("usage_daily", {"hub": "armley"}, 5, {"entries": 12})
MARK = Point("day_marks", {"hub": "armley"}, 5, {"marked_ns": 9})
READING = co2(400.5, 6)


@pytest.fixture
def store_1(influxd: Influxd, influx_database: str) -> InfluxStore:
    return InfluxStore(InfluxSettings(url=influxd.url, bucket=influx_database))


def test_a_batch_of_one_policy_is_passed_on_untouched() -> None:
    readings, figures = lines([READING, co2(500.5, 7)]), lines([DAY, MARK])
    assert [part for _, part in by_policy(readings)] == [readings]
    assert [(policy, part) for policy, part in by_policy(figures)] == [("usage", figures)]


def test_a_mixed_batch_is_parted_in_its_order() -> None:
    earlier = DAY._replace(fields={"entries": 1})
    parts = dict(by_policy(lines([READING, earlier, co2(500.5, 7), DAY, MARK])))
    assert parts == {"raw": lines([READING, co2(500.5, 7)]), "usage": lines([earlier, DAY, MARK])}


def test_roll_ups_are_in_the_policy_usage_of_1_x(influxd: Influxd, influx_database: str, store_1: InfluxStore) -> None:
    assert store_1.write(lines([READING, DAY, MARK])) == Accepted()
    assert read(store_1, "usage_daily") == [DAY]
    assert influxd.query('SELECT entries FROM "usage"."usage_daily"', database=influx_database)
    assert not influxd.query('SELECT entries FROM "usage_daily"', database=influx_database)
    assert influxd.query('SELECT co2_ppm FROM "co2"', database=influx_database)


@pytest.mark.parametrize("days, shard", [(None, "8736h0m0s"), (30, "24h0m0s")])
def test_figures_that_are_kept_for_ever_are_not_cut_into_weeks(
    influxd: Influxd, influx_database: str, days: int | None, shard: str
) -> None:
    settings = InfluxSettings(url=influxd.url, bucket=influx_database)
    InfluxStore(settings, figures_retention_days=days).prepare()
    found = influxd.query(f'SHOW RETENTION POLICIES ON "{influx_database}"', database=influx_database)
    assert {row["name"]: row["shardGroupDuration"] for row in found}["usage"] == shard


def test_roll_ups_are_in_a_bucket_of_their_own_on_2_x(serve: Serve) -> None:
    influx = FakeInflux2()
    store = store_at(serve(influx).url, retention_days=30)
    assert store.write(lines([READING, DAY, MARK])) == Accepted()
    assert set(influx.buckets["hubs"].points) == {"co2"}
    assert set(influx.buckets["hubs/usage"].points) == {"usage_daily", "day_marks"}
    assert read(store, "usage_daily") == [DAY]


def test_a_missing_policy_of_1_x_is_the_operator_s_to_make(
    influxd: Influxd, influx_database: str, store_1: InfluxStore
) -> None:
    """1.x answers a write to it with 500, which is otherwise waited on quietly."""
    store_1.prepare()
    influxd.query(f'DROP RETENTION POLICY "usage" ON "{influx_database}"')

    with pytest.raises(StoreError, match=r"retention policy not found: usage.*CREATE RETENTION POLICY"):
        read(store_1, "usage_daily")
    reader = InfluxStore(InfluxSettings(url=influxd.url, bucket=influx_database))
    with pytest.raises(StoreError, match="CREATE RETENTION POLICY"):
        read(reader, "usage_daily")
    (problem,) = store_1.probe()
    assert problem.startswith(f"{influx_database}/usage: ")
    assert f'CREATE RETENTION POLICY "usage" ON "{influx_database}"' in problem
    assert f"{influx_database}/usage is not made yet" in store_1.check()
    outcome = store_1.write(lines([DAY]))
    assert isinstance(outcome, Keep)
    assert outcome.needs_operator
    assert "retention policy not found" in outcome.detail

    assert store_1.write(lines([DAY])) == Accepted()
    assert read(store_1, "usage_daily") == [DAY]
    assert list(store_1.probe()) == []


def test_a_missing_bucket_of_2_x_is_no_answer_without_figures(serve: Serve) -> None:
    influx = FakeInflux2()
    influx.buckets["hubs"] = Bucket([])
    store = store_at(serve(influx).url)
    with pytest.raises(StoreError, match=r"has no bucket hubs/usage.*influx bucket create"):
        read(store, "usage_daily")
    with pytest.raises(StoreError, match="has no bucket hubs/usage"):
        list(store.latest("usage_changes", before_ns=INT64_MAX))
    assert read(store, "co2") == []

    store.prepare()
    assert read(store, "usage_daily") == []


def test_a_probe_tries_both_places_and_leaves_nothing_behind(serve: Serve) -> None:
    influx = FakeInflux2()
    server = serve(influx)
    store = store_at(server.url)
    store.prepare()
    assert list(store.probe()) == []
    assert [bucket.points for bucket in influx.buckets.values()] == [{}, {}]
    assert [request.query["bucket"] for request in server.asked("/api/v2/write")] == ["hubs", "hubs/usage"]


def test_a_probe_names_the_place_that_a_token_does_not_open_and_the_command(serve: Serve) -> None:
    influx = FakeInflux2()

    def answer(request: Request) -> Answer:
        if request.path == "/api/v2/write" and request.query["bucket"] == "hubs/usage":
            return Answer(403, b'{"code": "forbidden", "message": "insufficient permissions for write"}')
        return influx(request)

    store = store_at(serve(answer).url)
    store.prepare()
    (problem,) = store.probe()
    assert problem.startswith("hubs/usage: ")
    assert "insufficient permissions" in problem
    assert "influx auth create --org hubpulse --read-buckets --write-buckets" in problem
    assert list(store.probe(write=False)) == []


def test_a_probe_with_a_token_that_is_none_says_so_of_both_places(serve: Serve) -> None:
    server = serve(FakeInflux2())
    settings = InfluxSettings(url=server.url, token=SecretStr("wrong"))
    problems = list(InfluxStore(settings).probe(write=False))
    assert [problem.split(":")[0] for problem in problems] == ["hubs", "hubs/usage"]
