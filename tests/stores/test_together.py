"""What is asked in one request is what would be asked one by one."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from schemas.kinds import INT64_MAX
from stores import SeriesChunk, Store, StoreError, bounded_http
from stores.protocol import Asked
from stores.together import asked_together
from tests.servers import LOOPBACK, free_port
from tests.stores.fake_influx2 import Bucket, FakeInflux2
from tests.stores.loopback import Answer, Request
from tests.stores.points import Point, co2, points_of, write
from tests.stores.scripted import Serve, server_of, store_at

DAYS = [
    Point("usage_daily", {"hub": hub}, time_ns, {"entries": 10 * time_ns, "open_minutes": 480.0})
    for hub in ("armley", "otley")
    for time_ns in range(1, 4)
]
READINGS = [
    co2(400.0 + time_ns, time_ns, sensor=sensor, zone=zone)
    for sensor, zone in (("air-1", "hall"), ("air-2", None))
    for time_ns in range(5500)
]
ASKED = [
    Asked.of("usage_daily", INT64_MAX, None, start_ns=0),
    Asked.of("usage_daily", 3, {"hub": "otley"}, start_ns=2, fields=["entries"]),
    Asked.of("usage_notes", INT64_MAX, None, start_ns=0),
    Asked.of("co2", INT64_MAX, None, start_ns=0),
    Asked.of("co2", 4000, None),
    Asked.of("co2", 4000, {"hub": "armley", "sensor": "air-2"}),
    Asked.of("device", INT64_MAX, None),
]


def seen(answers: Mapping[Asked, Sequence[SeriesChunk]]) -> dict[Asked, list[Point]]:
    return {asked: points_of(asked.measurement, chunks) for asked, chunks in answers.items()}


def test_the_answers_to_several_questions_are_those_to_each(store: Store) -> None:
    store.prepare()
    write(store, [*DAYS, *READINGS])
    answers = store.answers(ASKED)
    alone = {asked: list(asked.of_store(store)) for asked in ASKED}
    if answers:  # a file is not asked like that
        assert seen(answers) == seen(alone)
        assert {len(chunks) for chunks in answers.values()} >= {0, 1, 2}
        assert all(type(value) is float for chunk in answers[ASKED[3]] for value in chunk.columns["co2_ppm"])
    assert store.answers([]) == {}


def test_a_store_that_nobody_has_prepared_answers_nothing_together(store: Store) -> None:
    assert not any(store.answers(ASKED).values())


def _twice_and_by_it(store: Store) -> list[Point]:
    """Reads the same twice, and then what depends on it."""
    first = [points_of("co2", store.latest("co2", before_ns=INT64_MAX)) for _ in range(2)]
    assert first[0] == first[1]
    found = list(first[0])
    for point in first[0]:
        where = {"hub": point.tags["hub"], "sensor": point.tags["sensor"]}
        found += points_of("co2", store.read("co2", start_ns=2, stop_ns=4, where=where, fields=("co2_ppm",)))
    list(store.read("usage_daily", start_ns=0, stop_ns=9))
    return found


def test_what_depends_on_an_answer_is_asked_after_it(serve: Serve) -> None:
    influx = FakeInflux2()
    server = serve(influx)
    store = store_at(server.url)
    store.prepare()
    write(store, [*DAYS, *READINGS])
    found = asked_together(store, _twice_and_by_it)
    questions = [request.form["q"].count('SELECT "') for request in server.asked("/query")]
    assert questions == [2, 1, 1]
    assert found == _twice_and_by_it(store)
    assert len(found) == 6


def _only_one(answer: Callable[[Request], Answer], refusal: Answer) -> Callable[[Request], Answer]:
    """A server that refuses several statements."""
    return lambda request: refusal if "; SELECT" in request.form.get("q", "") else answer(request)


@pytest.mark.parametrize(
    "refusal",
    [
        Answer(400, b'{"error": "must provide only one InfluxQl statement per query"}'),
        Answer(200, b'{"results":[{"statement_id":0},{"statement_id":1,"error":"engine is closed"}]}\n'),
        Answer(200, b'{"results":[{"statement_id":0,"partial":true},{"statement_id":1}]}\n'),
        Answer(200, b'{"results":[{"statement_id":0,"series":[{"partial":true}]}]}\n'),
        Answer(200, b'{"results":[{"series":[]}]}\n'),
        Answer(200, b'{"results":[{"statement_id":7}]}\n'),
        Answer(200, b'{"results":[{"statement_id":0},{"statement_id":0},{"statement_id":1}]}\n'),
        Answer(200, b"[]\n"),
    ],
)
def test_where_they_can_not_be_answered_together_each_is_asked_alone(serve: Serve, refusal: Answer) -> None:
    influx = FakeInflux2()
    store = store_at(serve(_only_one(influx, refusal)).url)
    store.prepare()
    write(store, READINGS[::500])
    assert asked_together(store, _twice_and_by_it) == _twice_and_by_it(store)


def test_a_question_without_an_answer_is_asked_alone(serve: Serve) -> None:
    """A server that answers the first statement alone, and says nothing of the others."""
    first = json.dumps({"results": [{"statement_id": 0}]}).encode() + b"\n"
    influx = FakeInflux2()
    store = store_at(serve(_only_one(influx, Answer(200, first))).url)
    store.prepare()
    write(store, DAYS)
    asked = [Asked.of("co2", INT64_MAX, None), Asked.of("usage_daily", INT64_MAX, None, start_ns=0)]
    assert store.answers(asked) == {asked[0]: []}
    found = asked_together(store, lambda read: [list(one.of_store(read)) for one in asked])
    assert [points_of("usage_daily", chunks) for chunks in found] == [[], DAYS]


def test_what_is_too_much_for_one_answer_is_asked_one_by_one(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "WHOLE_BYTES_MAX", 200)
    store = store_at(serve(FakeInflux2()).url)
    store.prepare()
    write(store, READINGS[::500])
    assert store.answers(ASKED) == {}
    assert asked_together(store, _twice_and_by_it) == _twice_and_by_it(store)


def test_a_store_that_does_not_answer_is_asked_once() -> None:
    store = store_at(f"http://{LOOPBACK}:{free_port()}")
    reads = []

    def read(store: Store) -> None:
        reads.append(store)
        list(store.latest("co2", before_ns=5))

    with pytest.raises(StoreError, match="nothing is listening there"):
        asked_together(store, read)
    assert len(reads) == 1, "nobody was asked a second time"


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """What a server waits for that is too slow; at the end it may go."""
    ended = threading.Event()
    yield ended
    ended.set()


def test_what_takes_too_long_together_is_asked_one_by_one(serve: Serve, never: threading.Event) -> None:
    influx = FakeInflux2()

    def slow(request: Request) -> Answer:
        if "; SELECT" in request.form.get("q", ""):
            never.wait()
        return influx(request)

    store = store_at(serve(slow).url, timeout_s=1)
    store.prepare()
    write(store, READINGS[::500])
    assert asked_together(store, _twice_and_by_it) == _twice_and_by_it(store)


def test_a_server_that_hangs_is_waited_for_twice_at_most(serve: Serve, never: threading.Event) -> None:
    def hangs(_request: Request) -> Answer:
        never.wait()
        return Answer(204)

    server = serve(hangs)
    with pytest.raises(StoreError, match=r"did not answer within 0\.3 s"):
        asked_together(store_at(server.url, timeout_s=0.3), _twice_and_by_it)
    assert len(server.asked("/query")) == 2


def test_a_missing_bucket_of_2_x_is_no_answer_without_figures(serve: Serve) -> None:
    influx = FakeInflux2()
    influx.buckets["hubs"] = Bucket([])
    with pytest.raises(StoreError, match="has no bucket hubs/usage"):
        store_at(serve(influx).url).answers(ASKED)


def test_a_fault_of_the_reader_is_raised_from_the_answers(serve: Serve) -> None:
    store = store_at(serve(server_of("2", Answer(204))).url)

    def read(_store: Store) -> None:
        raise StoreError("nobody knows that hub")

    with pytest.raises(StoreError, match="nobody knows that hub"):
        asked_together(store, read)
