"""A format of another package, through decoder, ledger, quarantine and redrive."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.buffer import Buffer, BufferReader
from ingest.explain import explain
from ingest.pipeline import Ingest
from ingest.redrive import redrive
from mqtt.messages import Message
from schemas import Estate, Reason, Settings
from sensors.formats import Answer
from sensors.formats.native import NativeFormat
from sensors.registry import Registry
from stores.lines import parse
from tests.ingest.given import AIR, DOOR, NOW, NOW_NS, at, estate, make_decoder, reasons
from tests.sensors.plugin import install, uninstall

EUI = "24e124710c401234"
TOPIC = b"acme/1"
SOURCES = [{"topic": "acme/#", "format": "acme-envelope"}]
ARMLEY = {"id": "armley", "sensors": [{"id": "air", "device": EUI, "zone": "cafe"}]}
KNOWN = {"hubs": [ARMLEY], "sources": SOURCES}

# {"device": ..., "items": [[kind, line, time, fields]]}, {"join": ...}; other keys make it misbehave.
SOURCE = """
import json
from schemas import Reason, Rejection
from sensors.formats import Decoded, Item, NoReading
from sensors.formats.identities import Identity

class Format:
    identity = Identity(keys=("device",))

    def decode(self, messages):
        answers = [self.answer(message.payload) for message in messages]
        if any(b"exits" in message.payload for message in messages):
            raise SystemExit("usage: ...")
        if any(b"empties" in message.payload for message in messages):
            messages.clear()
        return answers[1:] if any(b"lost" in message.payload for message in messages) else answers

    def answer(self, payload):
        try:
            sent = json.loads(payload)
        except ValueError as error:
            return Rejection(reason=Reason.BAD_PAYLOAD, detail=f"not JSON: {error}")
        if "join" in sent:
            return NoReading("a device joins")
        if "faulty" in sent:
            return Rejection(reason=Reason.BAD_PAYLOAD, detail=f"a fault of {sent['faulty']}")
        if "odd" in sent:
            return sent["odd"]
        if "gateway" in sent:
            return [part for inner in sent["gateway"] for part in self.answer(json.dumps(inner))]
        cut = [Rejection(reason=Reason.BAD_PAYLOAD, detail="cut short")] if "cut" in sent else []
        return [Decoded(sent["device"], [Item(*item) for item in sent["items"]] + cut)]
"""


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    install(folder, monkeypatch, SOURCE, "[hubpulse.formats]\nacme-envelope = acme_hubpulse:Format\n")


@pytest.fixture
def buffer(tmp_path: Path) -> Iterator[Buffer]:
    opened = Buffer(tmp_path, clock_ns=lambda: NOW_NS)
    yield opened
    opened.close()


def sent(*items: list[Any], device: str = EUI, **more: Any) -> Message:
    return Message(TOPIC, json.dumps({"device": device, "items": items, **more}).encode())


def known() -> Estate:
    return Estate.model_validate(KNOWN)


def test_a_device_s_readings_belong_to_its_sensor_and_each_line_to_its_own() -> None:
    batch = make_decoder(known()).decode(
        [
            sent(["co2", 1, NOW_NS, {"co2_ppm": 600}], ["footfall", 2, NOW_NS, {"entries": 3}]),
            sent(["temperature", 1, NOW_NS, {"temperature_c": 60.0}]),
        ]
    )

    assert batch.refused == []
    assert batch.lines == [
        f"co2,hub=armley,sensor=air,zone=cafe co2_ppm=600.0 {NOW_NS}",
        f"footfall,hub=armley,sensor=air-line2,zone=cafe entries=3i {NOW_NS}",
        f"temperature,hub=armley,sensor=air,zone=cafe temperature_c=60.0,suspect=true {NOW_NS}",
    ]


def test_readings_without_a_time_get_the_receive_time_and_never_share_a_point() -> None:
    item = ["co2", 1, None, {"co2_ppm": 600}]
    batch = make_decoder(known()).decode([sent(item, item), sent(item)])

    assert [parse(line).time_ns for line in batch.lines] == [NOW_NS, NOW_NS + 1, NOW_NS + 2]


def test_a_retained_message_without_a_time_is_refused() -> None:
    retained = sent(["co2", 1, None, {"co2_ppm": 600}])._replace(retained=True)

    assert reasons(make_decoder(known()).decode([retained])) == [Reason.BAD_SCHEMA]


@pytest.mark.claim("S-75")
@pytest.mark.parametrize(
    "item, reason",
    [
        (["co2", 1, NOW_NS, {"co2_ppm": 99_999}], Reason.OUT_OF_RANGE),
        (["co2", 1, NOW_NS + 10**13, {"co2_ppm": 600}], Reason.CLOCK_AHEAD),
        (["noise", 1, NOW_NS, {"db": 60}], Reason.BAD_PAYLOAD),
        (["co2", 1, NOW_NS, {"ppm": 600}], Reason.BAD_PAYLOAD),
        (["co2", 1, NOW_NS, {"co2_ppm": "600"}], Reason.BAD_PAYLOAD),
        (["co2", 1, NOW_NS, {"co2_ppm": True}], Reason.BAD_PAYLOAD),
        (["co2", 1, NOW_NS, {}], Reason.BAD_PAYLOAD),
        (["co2", 1, "now", {"co2_ppm": 600}], Reason.BAD_PAYLOAD),
        (["footfall", 1, NOW_NS, {"entries": 1.5}], Reason.BAD_PAYLOAD),
        (["co2", 1, NOW_NS], Reason.BAD_PAYLOAD),
        (["co2", 0, NOW_NS, {"co2_ppm": 600}], Reason.BAD_PAYLOAD),
        (["co2", 1000, NOW_NS, {"co2_ppm": 600}], Reason.BAD_PAYLOAD),
    ],
)
def test_a_fault_of_one_message_leaves_the_others(item: list[Any], reason: Reason) -> None:
    good = sent(["co2", 1, NOW_NS, {"co2_ppm": 600}])
    batch = make_decoder(known()).decode([good, sent(item), good])

    assert reasons(batch) == [reason]
    assert len(batch.lines) == 2
    assert reason is not Reason.BAD_PAYLOAD or "format acme-envelope" in batch.refused[0].rejections[0].detail


ITEMS = [["co2", 1, NOW_NS, {"co2_ppm": 600}]]


@pytest.mark.parametrize(
    "odd",
    [
        *({"odd": 5}, {"odd": None}, {"odd": [1]}, {"odd": ["ab"]}, {"lost": 1, "join": 1}),
        *({"device": None, "items": ITEMS}, {"device": [], "items": ITEMS}, {"empties": 1, "join": 1}),
        {"exits": 1, "join": 1},
    ],
)
def test_a_format_that_answers_nonsense_refuses_that_message_by_name(odd: dict[str, Any]) -> None:
    good = sent(["co2", 1, NOW_NS, {"co2_ppm": 600}])
    batch = make_decoder(known()).decode([good, Message(TOPIC, json.dumps(odd).encode()), good])

    assert reasons(batch) == [Reason.BAD_PAYLOAD]
    assert "fault in format acme-envelope (" in batch.refused[0].rejections[0].detail
    assert len(batch.lines) == 2


def test_a_refusal_that_quotes_what_is_no_text_is_kept_all_the_same(buffer: Buffer) -> None:
    buffer.commit(make_decoder(known()).decode([Message(TOPIC, rb'{"faulty": "\ud800"}')]))

    assert buffer.quarantine.get(1).detail == r"a fault of \ud800"


def test_a_message_cut_short_keeps_what_was_read_before() -> None:
    batch = make_decoder(known()).decode([sent(["co2", 1, NOW_NS, {"co2_ppm": 600}], cut=True)])

    assert reasons(batch) == [Reason.BAD_PAYLOAD]
    assert (batch.refused[0].readings, batch.messages_refused, len(batch.lines)) == (1, 0, 1)


def test_a_join_is_neither_accepted_nor_refused_and_the_ledger_balances(buffer: Buffer) -> None:
    item = ["co2", 1, NOW_NS, {"co2_ppm": 600}]
    joins = [Message(TOPIC, b'{"join": 1}'), sent()]
    buffer.commit(make_decoder(known()).decode([sent(item), *joins, Message(TOPIC, b"?")]))
    ledger = buffer.ledger.read()

    assert ledger.balanced
    assert (ledger.messages_received, ledger.messages_accepted, ledger.messages_refused) == (4, 1, 1)
    assert ledger.messages_no_reading == 2


def test_an_unknown_device_waits_until_a_hub_names_it(buffer: Buffer, tmp_path: Path) -> None:
    stranger = estate({"id": "armley"}, sources=SOURCES)
    buffer.commit(make_decoder(stranger).decode([sent(["co2", 1, None, {"co2_ppm": 600}])]))
    [refusal] = BufferReader(tmp_path).quarantine.find(limit=9)
    [result] = redrive(Settings(data_dir=tmp_path), known(), clock_ns=lambda: NOW_NS + 10**12)

    assert refusal.reason is Reason.UNKNOWN_SENSOR
    assert EUI in refusal.detail
    assert (result.readings, result.refused_again) == (1, False)
    assert buffer.ledger.read().balanced
    assert BufferReader(tmp_path).quarantine.counts() == {}


def test_a_device_whose_identity_looks_like_an_address_is_adopted_from_what_was_masked(
    buffer: Buffer, tmp_path: Path
) -> None:
    """Its own identity stays, in the message and in what is said of it; the address of a phone beside it does not."""
    eui, phone = "a4c138fffe0b1c2d", "3c:22:fb:a1:b2:c3"
    stranger = estate({"id": "armley"}, sources=SOURCES)
    buffer.commit(make_decoder(stranger).decode([sent(ITEMS[0], device=eui, seen=phone, clients=[phone])]))
    [refusal] = BufferReader(tmp_path).quarantine.find(limit=9)
    hub = {"id": "armley", "sensors": [{"id": "air", "device": eui}]}
    [result] = redrive(Settings(data_dir=tmp_path), estate(hub, sources=SOURCES), clock_ns=lambda: NOW_NS + 10**12)

    assert eui in refusal.detail
    assert json.loads(refusal.payload) == {"device": eui, "items": ITEMS, "seen": "**:**:**:**:**:**", "clients": []}
    assert (result.readings, result.refused_again) == (1, False)


def test_the_identities_of_a_format_that_is_not_installed_are_kept_until_it_is(
    buffer: Buffer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninstall(monkeypatch, "shelly")
    topic = b"shellyplusht-a4c1380b1c2d/events/rpc"
    payload = b'{"src":"shellyplusht-a4c1380b1c2d","params":{"sys":{"mac":"A4C1380B1C2D"}}}'
    other = Message(b"other/a4c1380b1c2d", b"A4C1380B1C2D")
    later = estate(sources=[{"topic": "+/events/rpc", "format": "shelly"}])
    buffer.commit(make_decoder(later).decode([Message(topic, payload), other]))
    masked, shelly = BufferReader(tmp_path).quarantine.find(limit=9)

    assert (shelly.topic.encode(), shelly.payload) == (topic, payload.replace(b"A4C1380B1C2D", b"*" * 12))
    assert (masked.topic, masked.payload) == ("other/************", b"*" * 12)


def test_what_a_gateway_s_message_gave_before_is_not_counted_twice_when_its_other_device_is_known(
    buffer: Buffer, tmp_path: Path
) -> None:
    other = "24e124710c409999"
    one = estate({"id": "armley", "sensors": [{"id": "door", "device": other}]}, sources=SOURCES)
    entries = {"items": [["footfall", 1, None, {"entries": 3}]]}
    gateway = json.dumps({"gateway": [{"device": EUI, **entries}, {"device": other, **entries}]}).encode()
    both = estate(
        {"id": "armley", "sensors": [{"id": "air", "device": EUI}, {"id": "door", "device": other}]}, sources=SOURCES
    )
    buffer.commit(make_decoder(one).decode([Message(TOPIC, gateway)]))
    list(redrive(Settings(data_dir=tmp_path), both, clock_ns=lambda: NOW_NS))

    points = {line for row in buffer.pending.oldest(9) for line in row.lines.splitlines() if b"sensor=door" in line}
    assert len(points) == 1


def test_a_refused_message_that_turns_out_to_carry_no_reading_leaves_the_quarantine(
    buffer: Buffer, tmp_path: Path
) -> None:
    missing = estate(ARMLEY, sources=[{"topic": "acme/#", "format": "tts"}])
    buffer.commit(make_decoder(missing).decode([Message(TOPIC, b'{"join": 1}')]))
    [result] = redrive(Settings(data_dir=tmp_path), known(), clock_ns=lambda: NOW_NS)
    ledger = buffer.ledger.read()

    assert (result.readings, result.refused_again, result.detail) == (0, False, "no reading: a device joins")
    assert (ledger.messages_refused, ledger.messages_no_reading, ledger.balanced) == (0, 1, True)
    assert BufferReader(tmp_path).quarantine.counts() == {}


def test_explain_says_what_a_message_without_a_reading_is() -> None:
    def explained(payload: bytes) -> tuple[Any, ...]:
        registry = Registry(known())
        return explain("acme/1", payload, registry=registry, settings=Settings(), clock_ns=lambda: NOW_NS)

    assert explained(b'{"join": 1}') == ([], [], "a device joins")
    assert explained(sent().payload) == ([], [], "nothing in it")


def test_ingest_logs_which_source_can_not_be_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall(monkeypatch, "tts")
    file = tmp_path / "estate.yaml"
    file.write_text("sources: [{topic: 'hubs/#'}, {topic: 'v3/#', format: tts}]")
    with structlog.testing.capture_logs() as logs:
        Ingest(Settings(data_dir=tmp_path, estate=file))

    [entry] = logs
    assert entry["event"] == "format_unavailable"
    assert entry["error"].startswith("sources[1].format: format 'tts' is not installed")


class PlainNative:
    """The native format by the path of every other."""

    def __init__(self) -> None:
        self.native = NativeFormat()

    def decode(self, messages: Sequence[Message]) -> Sequence[Answer]:
        return self.native.decode(messages)


DAYS = ["2026-02-03T10:00:00Z", "2026-02-03T11:00:00Z", "2026-02-04T11:00:00Z"]
TODAY = ["2026-05-12T10:00:00Z", "2026-05-12T11:00:00.5Z", NOW]
PAYLOADS = [
    *(b"21", b"", b"{}", b"[]", b"[[[", b"\xff", b'{"value": 1e308, "unit": "kPa"}', b'[{"entries": 1}, {"exits": 2}]'),
    *(at(NOW).encode(), f"[{at(NOW, 60)}, {at(NOW, 99)}, {at('2090-01-01T00:00:00Z')}]".encode(), b'{"entries": 1}'),
    *(at(DAYS[0]).encode(), at(NOW, 1e6).encode(), at(NOW, -60).encode(), at("2090-01-01T00:00:00Z").encode()),
    *(
        f"[{', '.join(map(at, times))}]".encode()
        for times in ([NOW], DAYS, DAYS[1:], DAYS[:2], [NOW, NOW], [NOW, *DAYS], TODAY, TODAY[::-1])
    ),
]
ARRAYS = [payload for payload in PAYLOADS if payload.startswith(b'[{"time"')]
TOPICS = [AIR, DOOR, "hubs/a/wifi/ap", "hubs/a/device/x", "hubs", "hubs/A/co2/x", "x\x00"]


@given(
    topic=st.sampled_from(TOPICS),
    payloads=st.one_of(*(st.lists(st.sampled_from(some), max_size=3) for some in (PAYLOADS, ARRAYS))),
    retained=st.booleans(),
    past_days_max=st.sampled_from([1, 400]),
)
@example(topic=AIR, payloads=PAYLOADS, retained=False, past_days_max=1)
@example(topic=AIR, payloads=ARRAYS, retained=False, past_days_max=1)
@example(topic=AIR, payloads=ARRAYS[-2:] * 100, retained=False, past_days_max=1)
def test_the_short_way_of_native_messages_gives_what_the_protocol_gives(
    topic: str, payloads: list[bytes], retained: bool, past_days_max: int
) -> None:
    both = []
    for is_plain in (False, True):
        registry = Registry(
            Estate.model_validate({"hubs": [{"id": "armley"}, {"id": "a"}], "sources": [{"topic": "#"}]})
        )
        if is_plain:
            registry._formats["native"] = PlainNative()
        decoder = make_decoder(past_days_max=past_days_max)
        decoder.use(registry)
        batch = decoder.decode([Message(topic.encode(), payload, retained=retained) for payload in payloads])
        refusals = [(refused.rejections, refused.readings) for refused in batch.refused]
        both.append((batch.lines, batch.marks, refusals, batch.no_reading, batch.more_readings))

    assert both[0] == both[1]
