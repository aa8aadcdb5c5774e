"""Each part that reads a stranger's bytes, as a function of bytes that raises where a property does not hold.

The first line of a message is its topic, the rest its payload; of a frame, its first byte is the port; of packets, the
first byte says version and where the stream is cut; of a request, the first line is path and query, the rest headers.
"""

import html
import io
import json
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from datetime import UTC, datetime
from unittest import mock
from urllib.parse import unquote_to_bytes

from structlog.testing import capture_logs

import cli.quarantine
from cli.broker_accounts import rights
from ingest.quarantine_rows import row_of
from mqtt.messages import KEPT_BYTES, Message
from mqtt.packets import MalformedPacketError, PacketSplitter
from schemas import HubpulseError, Reason, Refusal
from schemas.ids import is_id
from schemas.kinds import FIELDS, KINDS, Kind
from schemas.readings import Rejection
from sensors.decoders import find_decoder
from sensors.estate_file import parse_estate
from sensors.formats import Item, NoReading, Uplink, readings_max
from sensors.model_file import PROBLEMS_MAX, ModelFileError
from sensors.registry import Registry
from sensors.uplinks import read_uplinks
from stores.lines import parse
from tests.fuzz.given import NOW_NS, ask_board, codec_of_source, decoder_of, hubs, models

MAC = b"a4c1380b1c2d"
"""A person's device: wherever it comes in, it comes out nowhere."""
DETAIL_CHARS_MAX = 20_000
OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_YEAR_NS = 366 * 86_400 * 10**9

Target = Callable[[bytes], None]


def _message(data: bytes) -> Message:
    topic, _, payload = data.partition(b"\n")
    return Message(topic[:65_535], payload, retained=payload[:1] == b"r")


def message(data: bytes) -> None:
    """A message of any topic: what it becomes, and what is kept of it."""
    sent = _message(data)
    with capture_logs() as logs:
        batch = decoder_of(sent.topic).decode([sent])
    assert batch.messages == 1
    assert (batch.messages_refused == 1) + len(batch.no_reading) + bool(batch.lines) == 1
    assert len(batch.lines) <= readings_max(sent)
    for line in batch.points:
        check_line(line)
    kept = [json.dumps(logs, default=repr).encode(), *(line.encode() for line in batch.points)]
    for refused in batch.refused:
        _, topic, payload, _, reason, detail, *_ = row_of(refused)
        assert reason in Reason.__members__.values()
        assert detail
        assert len(detail) <= DETAIL_CHARS_MAX
        assert len(payload) <= len(sent.payload) * 2
        # What the device's own identity is in, its format says; there nothing is masked.
        is_own = refused.identity.topic or any(key.encode() in sent.payload for key in refused.identity.keys)
        kept += [] if is_own else [topic.encode(), payload, detail.encode()]
    assert not any(map(holds_the_mac, kept))


def check_line(line: str) -> None:
    """A line that ingest makes is a reading of a hub of the estate, within the ranges of its kind."""
    point = parse(line)
    spec = KINDS[Kind(point.measurement)]
    assert point.tags["hub"] in hubs()
    assert is_id(point.tags["sensor"])
    assert 0 < point.time_ns < NOW_NS + _YEAR_NS
    assert "\n" not in line
    fields = dict(point.fields)
    for flag in ("suspect", "maybe_repeated"):
        assert fields.pop(flag, True) is True
    assert fields
    ranges = {field.name: field for field in spec.fields}
    for name, value in fields.items():
        field = ranges[name.removeprefix("raw_")]  # as it was before the sensor's calibration
        assert type(value) is field.number
        assert math.isfinite(value)
        assert name not in ranges or field.low <= value <= min(field.high, field.stored_high)


_ESCAPE = re.compile(rb"\\+u([0-9a-fA-F]{4})|\\+x([0-9a-fA-F]{2})")
_RUN = re.compile(rb"[0-9a-f]{2}(?:([:._ -])[0-9a-f]{2}(?:\1[0-9a-f]{2})*)")
_EUI_64 = MAC[:6] + b"fffe" + MAC[6:]
_BARE = re.compile(
    rb"(?<![0-9a-z])(?:0x)?(?:%b|%b|a4c1([:._ -])380b\1(?:)1c2d|%b[:-]%b)(?![0-9a-z])"
    % (MAC, _EUI_64, MAC[:6], MAC[6:])
)


def holds_the_mac(kept: bytes) -> bool:
    """Whether the address can be read from a text, by another way than the product's own.

    Twelve digits within a longer word are none, nor six octets of a run of eight: that is the EUI of a device.
    """
    for _ in range(4):
        plain = kept.lower().replace(b"\0", b"")
        runs = (re.split(rb"[:._ -]", found[0]) for found in _RUN.finditer(plain))
        joined = any(MAC in b"".join(run) for run in runs if len(run) != 8)
        if joined or _BARE.search(plain) or b"a4:c1:38:b:1c:2d" in plain:
            return True
        before = kept
        kept = _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)).encode(errors="replace"), kept)
        kept = html.unescape(unquote_to_bytes(kept).decode("latin-1")).encode("latin-1", errors="replace")
        if kept == before:
            return False
    return False


def frame(data: bytes) -> None:
    """A LoRaWAN frame, to the decoder of every model."""
    f_port, sent = data[:1], data[1:256]
    for model in models():
        found = find_decoder(model).decode(sent, f_port[0] if f_port else 0)
        if isinstance(found, (NoReading, Rejection)):
            continue
        assert len(found) <= 256
        for item in found:
            if isinstance(item, Item):
                names = {field.name for field in KINDS[item.kind].fields}
                assert item.fields.keys() <= names
                assert 1 <= item.line <= 999
                for name, value in item.fields.items():
                    assert FIELDS[name].low <= value <= FIELDS[name].high


def codec(data: bytes) -> None:
    """A vendor's JavaScript, and a frame for it: items or a refusal."""
    source, _, sent = data.partition(b"\0")
    uplink = Uplink("24e124710c401234", (), 85, sent[:255], NOW_NS)
    for found in read_uplinks([uplink], codec_of_source(source)):
        assert isinstance(found, (list, NoReading, Rejection))
        if isinstance(found, Rejection):
            assert len(found.detail) <= DETAIL_CHARS_MAX


def packets(data: bytes) -> None:
    """A broker's stream: the same messages however it is cut, and no more held than is allowed."""
    head, stream = data[:1] or b"\0", data[1:]
    version_5, step = bool(head[0] & 1), max(1, head[0] >> 1)
    whole = _fed([stream], version_5=version_5)
    pieces = _fed([stream[at : at + step] for at in range(0, len(stream), step)], version_5=version_5)
    assert whole == pieces
    bounded = _fed([stream], version_5=version_5, payload_bytes_max=128)
    for found in bounded[0]:
        assert len(found.payload) <= max(128, KEPT_BYTES) or not found.cut_from_bytes
    if not whole[2] and not bounded[2]:
        assert [m.payload_bytes for m in bounded[0]] == [m.payload_bytes for m in whole[0]]


def _fed(
    pieces: Sequence[bytes], *, version_5: bool, **limits: int
) -> tuple[list[Message], list[tuple[int, int]], bool]:
    """Messages, answers, and whether the stream was broken."""
    others: list[bytes] = []

    def hand_over(_head: int, body: bytes) -> int:
        others.append(body)
        return 0

    splitter = PacketSplitter(version_5=version_5, hand_over=hand_over, **limits)
    messages: list[Message] = []
    broken = False
    for piece in pieces:
        try:
            splitter.feed(piece)
        except MalformedPacketError:
            broken = True
        messages += splitter.take_messages()
        if broken:
            break
    return messages, [*splitter.take_answers(), *((0, len(body)) for body in others)], broken


def estate(data: bytes) -> None:
    """An estate file: one that holds, or a bounded number of sentences, each on a line of its own."""
    try:
        found = parse_estate(data)
    except ModelFileError as error:
        check_problems(error.problems)
        return
    Registry(found)
    try:
        allowed = rights(found)
    except HubpulseError as error:
        check_problems([f"estate.yaml:{error}"])
        return
    check_rights(allowed)


def check_problems(problems: Sequence[str]) -> None:
    """Sentences for an operator: few, short, and each on a line of its own."""
    assert 0 < len(problems) <= PROBLEMS_MAX + 1
    for problem in problems:
        assert problem.startswith("estate.yaml:")
        assert problem.isprintable()
        assert len(problem) <= DETAIL_CHARS_MAX


def check_rights(allowed: str) -> None:
    """A hub may write below its own topics and read nothing, whatever the estate file has in it."""
    user = ""
    for line in allowed.splitlines():
        word, _, rest = line.partition(" ")
        assert word in ("user", "topic", "#", "")
        if word == "user":
            user = rest
        elif word == "topic" and user.startswith("hub-"):
            assert rest == f"write hubs/{user[4:]}/#"


def board(data: bytes) -> None:
    """A request: an answer that a stranger may see, whatever was asked."""
    target, *lines = data.split(b"\n")
    headers = {b"host": b"localhost"}
    for line in lines[:20]:
        name, _, value = line.partition(b":")
        if re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", name):
            headers[name.lower()] = re.sub(rb"[\0\n\r]", b"", value.strip()[:1000])
    answer = ask_board(b"/" + target, list(headers.items()))
    assert answer.status in (200, 303, 304, 307, 400, 401, 403, 404, 405, 421), answer
    assert len(answer.body) < 8 * 1024**2
    if answer.status != 421:
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert b"Traceback" not in answer.body
    assert b"<script>fuzz" not in answer.body


def quarantine(data: bytes) -> None:
    """A refused message, shown and listed: nothing that a terminal obeys."""
    sent = _message(data)
    reading = mock.Mock()
    refusal = Refusal(
        id=1,
        received_at=datetime(2026, 5, 12, tzinfo=UTC),
        topic=sent.topic.decode(errors="backslashreplace"),
        payload=sent.payload,
        retained=False,
        reason=Reason.BAD_PAYLOAD,
        detail=sent.payload.decode(errors="replace")[:200],
    )
    reading.quarantine.get.return_value = refusal
    reading.quarantine.find.return_value = [refusal]
    reading.quarantine.counts.return_value = {"bad_payload": 1}
    shown = io.StringIO()
    with (
        mock.patch.object(cli.quarantine, "BufferReader", return_value=reading),
        mock.patch.object(cli.quarantine, "load_settings", mock.Mock()),
        redirect_stdout(shown),
    ):
        for as_json in (False, True):
            cli.quarantine.show(1, as_json=as_json)
            cli.quarantine.list_refusals(as_json=as_json)
    assert all(char in "\n\t" or unicodedata.category(char) not in OBEYED for char in shown.getvalue())


TARGETS: dict[str, Target] = {
    "message": message,
    "frame": frame,
    "codec": codec,
    "packets": packets,
    "estate": estate,
    "board": board,
    "quarantine": quarantine,
}
