"""What is thrown at each target: things nearly right, and things that are nothing at all."""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz.given import EUI, samples, words
from tests.fuzz.targets import MAC
from tests.mqtt.packets import packet, variable_integer
from tests.real_parts import REPOSITORY

SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    str.upper,
    lambda digits: ":".join(digits[at : at + 2] for at in range(0, 12, 2)),
    lambda digits: "-".join(digits[at : at + 2] for at in range(0, 12, 2)).upper(),
    lambda digits: " ".join(digits[at : at + 2] for at in range(0, 12, 2)),
    lambda digits: "%3A".join(digits[at : at + 2] for at in range(0, 12, 2)),
    lambda digits: "%253a".join(digits[at : at + 2] for at in range(0, 12, 2)),
    lambda digits: "&#x3a;".join(digits[at : at + 2] for at in range(0, 12, 2)),
    lambda digits: ".".join(digits[at : at + 4] for at in range(0, 12, 4)),
    lambda digits: "-".join(digits[at : at + 6] for at in range(0, 12, 6)),
    lambda digits: f"{digits[:6]}fffe{digits[6:]}",
    lambda digits: f"0x{digits}",
    lambda digits: "".join(f"\\u00{ord(digit):02x}" for digit in digits),
    "\0".join,
    lambda _: "a4:c1:38:b:1c:2d",
)
mac = st.sampled_from([spell(MAC.decode()) for spell in SPELLINGS])
_TIMES = (
    "2026-05-12T11:59:00Z",
    "2026-05-12T11:59:00.5+01:00",
    1_778_580_000,
    1_778_580_000_000,
    -1,
    10**30,
    "now",
    "",
)
word = st.sampled_from(words())
numbers = st.one_of(
    st.integers(-10, 70_000), st.integers(), st.floats(), st.sampled_from([2**63, -(2**63), 1e308, 0.1, 65_535, -0.0])
)
frames = st.binary(max_size=60)
scalars = st.one_of(
    numbers,
    st.none(),
    st.booleans(),
    st.text(max_size=12),
    st.sampled_from(_TIMES),
    frames.map(lambda raw: base64.b64encode(raw).decode()),
    frames.map(bytes.hex),
    st.sampled_from([EUI, EUI.upper(), f"{1:016x}", "armley/air"]),
    word,
    numbers.map(str),
    mac,
)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(word, inner, max_size=6), max_leaves=25
)


def _damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """The same, cut, doubled, or with some bytes changed; or as it is."""
    how = draw(st.integers(0, 7))
    if how == 0:
        return data[: draw(st.integers(0, len(data)))]
    if how == 1:
        at = draw(st.integers(0, len(data)))
        return data[:at] + draw(st.binary(max_size=8)) + data[at:]
    if how == 2 and data:
        at = draw(st.integers(0, len(data) - 1))
        return data[:at] + draw(st.binary(max_size=3)) + data[at + 1 :]
    if how == 3:
        return data + data
    return data


_SAMPLES = list(samples())


def _changed(draw: st.DrawFn, document: Any) -> Any:
    """A JSON document with one of its values taken away, or another in its place."""
    if isinstance(document, dict) and document:
        key = draw(st.sampled_from(sorted(document)))
        rest = {name: value for name, value in document.items() if name != key}
        how = draw(st.integers(0, 5))
        if how == 0:
            return rest
        return rest | {draw(word) if how == 1 else key: draw(scalars) if how == 2 else _changed(draw, document[key])}
    if isinstance(document, list) and document:
        at = draw(st.integers(0, len(document) - 1))
        return [*document[:at], _changed(draw, document[at]), *document[at + draw(st.integers(0, 1)) :]]
    return draw(scalars | documents)


def _as_json(draw: st.DrawFn, document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=draw(st.booleans())).encode(errors="replace")


_levels = st.one_of(
    st.text(max_size=12), word, mac, st.sampled_from(["armley", "beeston", "hubs", "co2", "+", "#", "$SYS", EUI])
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Most are a sample with something changed; some are nothing that anybody would send."""
    topic, payload = draw(st.sampled_from(_SAMPLES))
    kind = draw(st.integers(0, 7))
    if kind == 0:
        payload = draw(st.binary(max_size=200))
    elif kind == 1:
        values = {draw(word): draw(scalars) for _ in range(draw(st.integers(0, 4)))}
        payload = _as_json(draw, values | draw(st.sampled_from([{}, {"time": _TIMES[0]}, {"mac": MAC.decode()}])))
    elif kind == 2:
        payload = f"{draw(st.text(max_size=20))}{draw(mac)}{draw(st.text(max_size=20))}".encode(errors="replace")
    elif kind == 3:
        payload = _as_json(draw, draw(documents))
    else:
        with suppress(ValueError):
            payload = _as_json(draw, _changed(draw, json.loads(payload)))
    levels = topic.split("/")
    how = draw(st.integers(0, 5))
    if how == 0:
        topic = draw(st.lists(_levels, max_size=8).map("/".join))
    elif how == 1:
        levels[draw(st.integers(0, len(levels) - 1))] = draw(_levels)
        topic = "/".join(levels)
    return topic.replace("\n", "").encode(errors="replace") + b"\n" + _damaged(draw, payload[:4096])


@st.composite
def one_frame(draw: st.DrawFn) -> bytes:
    return bytes([draw(st.sampled_from([0, 1, 2, 3, 5, 10, 85, 199, 223]))]) + _damaged(draw, draw(frames))


@st.composite
def one_packet(draw: st.DrawFn) -> bytes:
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return draw(st.binary(max_size=20))
    if kind == 1:
        return packet(draw(st.integers(0, 255)), draw(st.binary(max_size=12)))
    topic, payload = draw(st.binary(max_size=8)), draw(st.binary(max_size=200))
    properties = draw(
        st.sampled_from([b"", b"\x0b\x01", b"\x01\x01\x0b\x80\x01", b"\x26\0\1a\0\1b"]) | st.binary(max_size=6)
    )
    body = len(topic).to_bytes(2, "big") + topic + draw(st.sampled_from([b"\0\1", b"\xff\xff", b"\0\0", b""]))
    body += variable_integer(len(properties)) + properties + payload
    return packet(draw(st.sampled_from([0x32, 0x3A, 0x33, 0x30, 0x34])), body)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    first = bytes([draw(st.integers(0, 255))])
    return first + _damaged(draw, b"".join(draw(st.lists(one_packet(), max_size=6))))


_ESTATES = [
    path.read_bytes()[:6000] for path in (REPOSITORY / "estate.example.yaml", REPOSITORY / "deploy/estate/estate.yaml")
]
_KEYS = sorted(
    {line.split(":")[0].strip(" -#") for text in _ESTATES for line in text.decode().splitlines() if ":" in line}
)
_estate_scalars = st.one_of(
    st.sampled_from(
        [
            "armley",
            "Europe/London",
            "09:00-17:00",
            "mon-fri",
            "5m",
            "native",
            "hubs/#",
            "2026-12-25..2027-01-01",
            "24:00",
        ]
    ),
    st.integers(-1, 70_000),
    st.text(max_size=10),
    st.none(),
    st.booleans(),
    st.sampled_from(["a" * 5000, "\x1b[2J", "#", "*x", "&x y", "!!python/object:os.system", "${HOME}", "hubs/a b/#"]),
)
_estate_keys = st.sampled_from(_KEYS) | st.text(max_size=6)
_structures = st.recursive(
    _estate_scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_estate_keys, inner, max_size=6),
    max_leaves=20,
)


@st.composite
def estates(draw: st.DrawFn) -> bytes:
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return _damaged(draw, draw(st.sampled_from(_ESTATES)))
    if kind == 1:
        return draw(st.binary(max_size=120))
    if kind == 2:
        hub = {"id": draw(st.sampled_from(["armley", "a b", "x\ny"]) | st.text(max_size=8))} | draw(
            st.dictionaries(
                st.sampled_from(["opening", "closures", "sensors", "name", "timezone"]), _structures, max_size=2
            )
        )
        content: Any = {"hubs": [hub]} | draw(st.dictionaries(_estate_keys, _structures, max_size=3))
    else:
        content = draw(_structures)
    return yaml.safe_dump(content, allow_unicode=True).encode(errors="replace")


_paths = st.sampled_from(
    [
        "",
        "hubs/armley",
        "hubs/beeston",
        *(f"api/v1/{name}" for name in ("usage/daily", "usage/hourly", "usage/periods", "readings", "hubs", "changes")),
        "healthz",
        "static/board.css",
        "static/../board.py",
        "metrics",
        "readyz",
    ]
)
_dates = st.sampled_from(
    ["2026-05-01", "2026-05-12", "0001-01-01", "9999-12-31", "2026-13-01", "1e400", "\u0662\u0660"]
)
_parameters = st.dictionaries(
    st.sampled_from(["from", "to", "hub", "per", "format", "token", "limit", "offset", "kind"]) | st.text(max_size=6),
    _dates | st.text(max_size=20) | st.sampled_from(["armley", "<script>fuzz</script>", "' OR 1=1", "x" * 70, "\0"]),
    max_size=4,
)
_headers = st.dictionaries(
    st.sampled_from(
        ["host", "accept-encoding", "cookie", "authorization", "x-forwarded-host", "range", "if-none-match"]
    ),
    st.sampled_from(["localhost", "evil.example", "gzip", "[::1]:80", "a" * 999, "<script>fuzz</script>"])
    | st.text(max_size=20),
    max_size=4,
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    path = draw(_paths) + draw(
        st.sampled_from(["", "", "/", "/<script>fuzz</script>", "%2e%2e"]) | st.text(max_size=10)
    )
    query = "&".join(f"{name}={value}" for name, value in draw(_parameters).items())
    lines = [f"{path}?{query}", *(f"{name}: {value}" for name, value in draw(_headers).items())]
    return "\n".join(line.replace("\n", " ") for line in lines).encode(errors="replace")


shown = st.one_of(
    messages(),
    st.lists(
        st.sampled_from(
            ["\x1b[2J", "\x9b", "\u202e", "\r", "\x07", "[bold]", "[/]", "\\", "\ud83d", "a", "\n", "\u2028"]
        )
        | st.text(max_size=4),
        max_size=12,
    ).map(lambda parts: "".join(parts).encode(errors="surrogatepass")),
)

_BODIES = (
    "return {data: {co2: input.bytes[0]}}",
    "return {data: {people_in: -1, temperature: 1e999, humidity: '50', battery: NaN}}",
    "throw input",
    "return input",
    "return {data: [input, {air: {co2: {value: {}}}}], errors: []}",
    "return {errors: [{}, null]}",
    "return {data: Object.create(null)}",
    "return {data: new Proxy({co2: 1}, {getOwnPropertyDescriptor() { throw 1; }})}",
    "return {data: {['\\ud800']: '\\udfff', line_2_total_in: 2 ** 70}}",
    "return [[]]",
)
codecs = st.tuples(
    st.sampled_from(_BODIES).map(lambda body: f"function decodeUplink(input) {{ {body} }}".encode())
    | st.sampled_from(_BODIES).map(lambda body: f"var Decoder = (bytes, input) => {{ {body} }}".encode())
    | st.binary(max_size=40),
    frames,
).map(b"\0".join)

STRATEGIES: dict[str, SearchStrategy[bytes]] = {
    "message": messages(),
    "frame": one_frame(),
    "codec": codecs,
    "packets": streams(),
    "estate": estates(),
    "board": requests(),
    "quarantine": shown,
}
CORPUS = Path(__file__).parent / "corpus"
