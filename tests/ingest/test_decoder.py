"""What messages become: lines for the store, refusals with a reason, days to be computed again."""

import itertools
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ingest.decoder
from ingest.validate import OLDEST_NS
from mqtt.messages import KEPT_BYTES, Message
from schemas import KINDS, Kind, Reason
from schemas.kinds import INT64_MAX
from schemas.localtime import NS_A_SECOND, rfc3339
from schemas.readings import Rejection
from sensors.registry import Registry
from sensors.times import text_ns
from stores.lines import parse
from tests.ingest.given import AIR, DAY_NS, DOOR, NOW, NOW_NS, Clock, at, estate, make_decoder, message, reasons


def test_a_line_has_measurement_tags_fields_and_time() -> None:
    named = estate({"id": "armley", "sensors": [{"id": "air-1", "zone": "cafe"}, {"id": "door-1", "zone": "hall"}]})

    batch = make_decoder(named).decode(
        [message(AIR, at(NOW)), message(DOOR, f'{{"time": "{NOW}", "exits": 2, "entries": 3}}')]
    )

    assert batch.lines == [
        f"temperature,hub=armley,sensor=air-1,zone=cafe temperature_c=21.5 {NOW_NS}",
        f"footfall,hub=armley,sensor=door-1,zone=hall entries=3i,exits=2i {NOW_NS}",
    ]
    assert batch.messages == 2
    assert batch.refused == []


def test_the_order_of_messages_about_one_point_is_kept() -> None:
    """The store lets the last one win."""
    sent = [message(AIR, at(NOW, value)) for value in (1, 2, 51, 3)]

    values = [parse(line).fields["temperature_c"] for line in make_decoder().decode(sent).lines]

    assert values == [1, 2, 51, 3]


@pytest.mark.parametrize(
    "kind, taken, refused",
    [
        ("temperature", ["-40", "85"], ["-40.001", "85.001", "-1e308"]),
        ("humidity", ["0", "105"], ["-0.001", "105.001"]),
        ("pressure", ["500", "1200"], ["499.999", "1200.001"]),
        ("co2", ["0", "40000"], ["-1", "40000.5"]),
        ("footfall", ['{"entries": 0}', f'{{"exits_total": {INT64_MAX}}}'], ['{"entries": -1}', '{"people": -1}']),
        ("wifi", ['{"clients": 0}', f'{{"rx_bytes_total": {INT64_MAX}}}'], [f'{{"rx_bytes_total": {INT64_MAX + 1}}}']),
        ("device", ['{"rssi_dbm": -200.5}', '{"battery_v": 1e308}'], ['{"battery_v": 1e309}', '{"snr_db": -1e309}']),
    ],
)
def test_limits_are_inclusive(kind: str, taken: list[str], refused: list[str]) -> None:
    batch = make_decoder().decode([message(f"hubs/a/{kind}/s", payload) for payload in [*taken, *refused]])

    assert len(batch.lines) == len(taken)
    assert [r.message.payload.decode() for r in batch.refused] == refused
    assert set(reasons(batch)) == {Reason.OUT_OF_RANGE}


@pytest.mark.parametrize(
    "kind, payload, suspect",
    [
        ("temperature", "50", False),
        ("temperature", "50.1", True),
        ("temperature", "-20.1", True),
        ("humidity", "4.9", True),
        ("humidity", "100", False),
        ("pressure", "869.9", True),
        ("pressure", "1085", False),
        ("co2", "379", True),
        ("co2", "10000.5", True),
        ("footfall", '{"entries": 2000}', False),
        ("footfall", '{"entries": 2001}', True),
        ("footfall", '{"exits": 2001, "entries": 1}', True),
        ("footfall", '{"entries_total": 2001, "people": 5000}', False),
        ("wifi", '{"clients": 5000}', False),
        ("wifi", '{"clients": 5001}', True),
        ("wifi", '{"devices": 65535}', True),
        ("device", '{"battery_pct": 0}', False),
        ("device", '{"battery_pct": -5}', True),
    ],
)
def test_what_is_possible_but_not_plausible_is_marked(kind: str, payload: str, suspect: bool) -> None:
    [line] = make_decoder().decode([message(f"hubs/a/{kind}/s", payload)]).lines

    assert parse(line).fields.get("suspect", False) is suspect


@pytest.mark.parametrize("every, count, suspect", [("1h", 12_000, False), ("1h", 12_001, True), ("1m", 201, True)])
def test_a_plausible_count_scales_with_the_sensors_interval(every: str, count: int, suspect: bool) -> None:
    named = estate({"id": "armley", "sensors": [{"id": "door-1", "every": every}]})

    [line] = make_decoder(named).decode([message(DOOR, f'{{"entries": {count}}}')]).lines

    assert parse(line).fields.get("suspect", False) is suspect


def test_a_bad_reading_of_an_array_leaves_the_others() -> None:
    batch = make_decoder().decode(
        [
            message(
                AIR, f"[{at('2026-05-12T11:00:00Z', 99)}, {at('2026-05-12T11:01:00Z')}, {at('2090-01-01T00:00:00Z')}]"
            )
        ]
    )

    assert [parse(line).time_ns for line in batch.lines] == [text_ns("2026-05-12T11:01:00Z")]
    [refused] = batch.refused
    assert reasons(batch) == [Reason.OUT_OF_RANGE, Reason.CLOCK_AHEAD]
    assert refused.readings == 1
    assert batch.messages_refused == 0


def test_a_message_above_the_limit_is_refused_whole() -> None:
    batch = make_decoder(message_bytes_max=128).decode([message(AIR, "2" * 129), message(AIR, "21.5")])

    assert reasons(batch) == [Reason.TOO_LARGE]
    assert "129 bytes" in batch.refused[0].rejections[0].detail
    assert len(batch.lines) == 1


def test_of_a_message_far_above_the_limit_the_first_bytes_are_kept() -> None:
    batch = make_decoder(message_bytes_max=2000).decode([message(AIR, "2" * 5000)])

    kept = batch.refused[0].message
    assert (kept.payload, kept.cut_from_bytes) == (b"2" * KEPT_BYTES, 5000)


@pytest.mark.parametrize("topic", [AIR, "nowhere/of/ours"])
def test_a_message_that_was_cut_on_its_way_is_refused_whatever_its_first_bytes_say(topic: str) -> None:
    cut = message(topic, "21.5")._replace(cut_from_bytes=200_000_000)

    batch = make_decoder(message_bytes_max=2000).decode([cut])

    assert batch.lines == []
    assert reasons(batch) == [Reason.TOO_LARGE]
    assert batch.refused[0].message == cut
    assert "200000000 bytes: send at most 2000" in batch.refused[0].rejections[0].detail


def test_a_topic_that_is_no_text_is_refused() -> None:
    assert reasons(make_decoder().decode([Message(b"hubs/\xff/co2/a", b"400")])) == [Reason.BAD_TOPIC]


@pytest.mark.parametrize(
    "seconds, reason",
    [(600, None), (601, Reason.CLOCK_AHEAD), (-1, None), (-400 * 86_400, None), (10**10, Reason.CLOCK_AHEAD)],
)
def test_a_time_may_be_ten_minutes_ahead_and_as_late_as_it_likes(seconds: int, reason: Reason | None) -> None:
    batch = make_decoder().decode([message(AIR, at(rfc3339(NOW_NS + seconds * NS_A_SECOND)))])

    assert reasons(batch) == ([] if reason is None else [reason])


def test_what_is_older_than_the_retention_is_too_old() -> None:
    decoder = make_decoder(retention_days=30)
    edge_ns = NOW_NS - 30 * DAY_NS

    assert reasons(decoder.decode([message(AIR, at(rfc3339(edge_ns)))])) == []
    assert reasons(decoder.decode([message(AIR, at(rfc3339(edge_ns - 1)))])) == [Reason.TOO_OLD]


def test_a_clock_that_was_never_set_is_too_old_whatever_the_retention() -> None:
    batch = make_decoder().decode([message(AIR, at(rfc3339(OLDEST_NS - 1))), message(AIR, at(rfc3339(OLDEST_NS)))])

    assert reasons(batch) == [Reason.TOO_OLD]
    assert len(batch.lines) == 1


def test_the_clock_is_looked_at_for_each_batch() -> None:
    clock = Clock()
    decoder = make_decoder(clock=clock)
    ahead = message(AIR, at(rfc3339(NOW_NS + 3600 * NS_A_SECOND)))

    assert reasons(decoder.decode([ahead])) == [Reason.CLOCK_AHEAD]
    clock.forward(3000)
    assert reasons(decoder.decode([ahead])) == []


def test_another_estate_takes_effect_with_the_next_batch_and_times_stay_unique() -> None:
    decoder = make_decoder(estate())
    sent = [message(AIR, "21.5")]
    assert reasons(decoder.decode(sent)) == [Reason.UNKNOWN_HUB]

    decoder.use(Registry(estate({"id": "armley", "sensors": [{"id": "air-1", "zone": "cafe"}]})))
    [with_zone] = decoder.decode(sent).lines
    decoder.use(Registry(estate({"id": "armley"})))
    [without] = decoder.decode(sent).lines

    assert "zone=cafe" in with_zone
    assert "zone" not in without
    assert parse(without).time_ns > parse(with_zone).time_ns


def test_memory_of_topics_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.decoder, "SERIES_MAX", 10)
    decoder = make_decoder()

    for number in range(100):
        hub = f"hub-{number}"
        batch = decoder.decode([message(f"hubs/{hub}/temperature/air-1", "21.5"), message(f"junk/{number}", "1")])
        assert len(batch.lines) == 1
        assert f"hub={hub}," in batch.lines[0]

    assert len(decoder._routes) <= 10
    assert len(decoder._series._days) <= 10


def test_a_batch_across_the_bound_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.decoder, "SERIES_MAX", 3)
    topics = [f"hubs/hub-{number}/temperature/air-1" for number in range(20)]

    batch = make_decoder().decode([message(topic, at("2026-05-01T12:00:00Z")) for topic in topics * 2])

    assert [parse(line).tags["hub"] for line in batch.lines] == [topic.split("/")[1] for topic in topics * 2]
    assert {mark.hub for mark in batch.marks} == {topic.split("/")[1] for topic in topics}


TOPICS = [AIR, DOOR, "hubs/a/wifi/ap", "hubs/a/device/x", "hubs", "hubs/A/co2/x", "x\x00", "hubs/a/co2/" + "y" * 99]
PAYLOADS = [
    b"21",
    b"",
    b"{}",
    b'{"value": 1e308, "unit": "kPa"}',
    b'[{"entries": 1}]',
    at(NOW).encode(),
    b"\xff",
    b"[[[",
]


@given(
    st.lists(
        st.builds(
            Message,
            st.one_of(st.sampled_from(TOPICS).map(str.encode), st.binary(max_size=20)),
            st.one_of(st.sampled_from(PAYLOADS), st.binary(max_size=30)),
            st.integers(0, 3),
            st.booleans(),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_every_message_is_accounted_for_whatever_it_holds(messages: list[Message]) -> None:
    batch = make_decoder().decode(messages)

    alone = [make_decoder().decode([each]) for each in messages]
    assert batch.messages == len(messages)
    assert batch.messages_refused == sum(one.messages_refused for one in alone)
    assert len(batch.lines) == sum(len(one.lines) for one in alone)
    assert sorted(r.message for r in batch.refused) == sorted(r.message for one in alone for r in one.refused)
    for line in batch.lines:
        parse(line)


def test_a_message_may_be_refused_without_being_decoded() -> None:
    rejection = Rejection(reason=Reason.BAD_PAYLOAD, detail="because")

    batch = make_decoder().refuse(message(AIR, "21.5", 3), rejection)

    assert (batch.messages, batch.messages_refused, batch.lines) == (1, 1, [])
    assert batch.refused[0].rejections == [rejection]
    assert [refused.message.packet_id for refused in batch.refused] == [3]


def test_kinds_in_one_batch_do_not_disturb_each_other() -> None:
    bodies = {
        kind: '{"value": 21}' if KINDS[kind].single else f'{{"{KINDS[kind].fields[0].name}": 1}}' for kind in Kind
    }
    bodies |= {Kind.CO2: '{"value": 500}', Kind.PRESSURE: '{"value": 1000}'}
    sent = [message(f"hubs/a/{kind}/s", bodies[kind]) for kind in itertools.chain(Kind, reversed(Kind))]

    batch = make_decoder().decode(sent)

    assert batch.refused == []
    assert sorted(parse(line).measurement for line in batch.lines) == sorted([*Kind, *Kind])


def test_however_many_readings_share_a_time_each_has_its_own_and_is_soon_found() -> None:
    rng = random.Random(5)
    seconds = [1, *range(40), *([1] * 20_000), *rng.choices(range(40), k=2000)]
    items = [{"time": NOW_NS - s, "entries": 1} for s in seconds]
    batch = make_decoder().decode([message("hubs/a/footfall/s", json.dumps(items))])
    times = {parse(line).time_ns for line in batch.lines}
    assert len(times) == len(batch.lines) == len(items)
    assert batch.refused == []
