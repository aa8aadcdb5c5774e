"""Vendors' JavaScript: what it returns, and what it can't do, whatever it tries."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schemas.plugins import PluginError
from schemas.readings import Rejection
from sensors.decoders import find_decoder
from sensors.decoders.codec_process import CodecProcess
from sensors.decoders.codecs import Answer, CodecDecoder, codec_of
from sensors.formats import Item, NoReading, Uplink
from sensors.times import text_ns

pytest.importorskip("py_mini_racer", reason="the extra `codecs` is not installed")

GOOD = "function decodeUplink(input) { return {data: {co2: input.bytes[0] * 256 + input.bytes[1]}}; }"
AT = text_ns("2026-05-12T11:00:00Z")


@pytest.fixture(scope="module")
def process() -> Iterator[CodecProcess]:
    process = CodecProcess()
    yield process
    process.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "acme.js"


def uplink(frame: bytes, *, device: str = "24e124710c401234", port: int = 85) -> Uplink:
    return Uplink(device, (), port, frame, AT)


def decode(process: CodecProcess, file: Path, source: str, *frames: bytes) -> list[Answer]:
    file.write_text(source)
    return CodecDecoder(file, process).decode_uplinks([uplink(frame) for frame in frames or (b"\x02\x64",)])


def fields(answer: Answer) -> list[dict[str, float]]:
    assert isinstance(answer, list)
    return [item.fields for item in answer if isinstance(item, Item)]


def refusal(answer: Answer) -> str:
    assert isinstance(answer, Rejection)
    return answer.detail


RETURNS = (
    "function decodeUplink(input) { return {data: {supply: 3600, gates: [{no: 2, in: '7'}, {no: input.bytes[0]}]}}; }"
)
MAPPING = "each: gates\nline: 'no'\nfields: {entries_total: in, battery_v: {path: $.supply, scale: 0.001}}\n"


def test_a_mapping_beside_the_codec_says_what_its_names_are(process: CodecProcess, file: Path) -> None:
    file.with_suffix(".yaml").write_text(MAPPING)
    found = decode(process, file, RETURNS, b"\x01")[0]

    assert isinstance(found, list)
    assert [(item.line, item.fields) for item in found if isinstance(item, Item)] == [
        *((2, {"entries_total": 7}), (2, {"battery_v": 3.6}), (1, {"battery_v": 3.6}))
    ]
    [refused] = decode(process, file, RETURNS.replace("'7'", "'x'"), b"\x01")
    assert isinstance(refused, list)
    assert [item.detail for item in refused if isinstance(item, Rejection)] == [
        "entries_total: 'x' is not a whole number"
    ]
    [nothing] = decode(process, file, GOOD)
    assert "there is no array at gates" in refusal(nothing)


def test_an_edited_mapping_is_taken_and_a_bad_one_leaves_the_one_before(process: CodecProcess, file: Path) -> None:
    file.write_text(GOOD.replace("co2", "channel_1"))
    mapping = file.with_suffix(".yaml")
    decoder = CodecDecoder(file, process)

    def read() -> list[dict[str, float]]:
        return fields(decoder.decode_uplinks([uplink(b"\x02\x64")])[0])

    mapping.write_text("fields: {co2_ppm: channel_1}\n")
    assert read() == [{"co2_ppm": 612.0}]
    with capture_logs() as logs:
        mapping.write_text("fields: {co2_ppm: channel_1, co3: x}\n")
        assert read() == [{"co2_ppm": 612.0}]
    assert [log["event"] for log in logs] == ["codec_rejected"]
    assert "acme.yaml:1: fields.co3" in logs[0]["error"]
    mapping.write_text("fields: {entries: channel_1}\n")
    assert read() == [{"entries": 612}]
    assert "acme.yaml:1" in str(_problem_of(process, file, "nonsense"))


def _problem_of(process: CodecProcess, file: Path, mapping: str) -> str | None:
    file.with_suffix(".yaml").write_text(mapping)
    return CodecDecoder(file, process).problem


@pytest.mark.parametrize(
    "source",
    [
        GOOD,
        "const decodeUplink = ({bytes, fPort}) => ({data: fPort === 85 ? {CO2: bytes[0] << 8 | bytes[1]} : {}})",
        "function Decoder(bytes, port) { return port === 85 && {co2_ppm: bytes[0] << 8 | bytes[1]}; }",
        "function Decode(fPort, bytes, variables) { return {co2: {value: fPort && (bytes[0] << 8 | bytes[1])}}; }",
        "module.exports = {decodeUplink: function (i) { return {data: {co2: (i.bytes[0] << 8) + i.bytes[1]}}; }};",
        f"{GOOD} 6n",
        f"{GOOD} // no line ends here",
        "function decodeUplink(i) { return {data: [{co2: i.bytes.slice(0, 2).reduce((a, b) => a * 256 + b)}]}; }",
    ],
)
def test_every_form_of_codec_is_run(process: CodecProcess, file: Path, source: str) -> None:
    [answer] = decode(process, file, source)

    assert fields(answer) == [{"co2_ppm": 612.0}]


def test_time_stands_still_at_the_message_and_nothing_is_random(process: CodecProcess, file: Path) -> None:
    source = """function decodeUplink(input) {
        var same = Date.now() === +input.recvTime && +new Date() === Date.now() && Date() === new Date().toString();
        return {data: {co2: same && typeof Math.random === 'undefined' ? Date.now() / 1e10 : 0}};
    }"""
    first, second = decode(process, file, source, b"1", b"2")

    assert fields(first) == fields(second) == [{"co2_ppm": AT / 1e16}]


def test_what_a_codec_reports_is_its_word(process: CodecProcess, file: Path) -> None:
    source = """function decodeUplink(input) {
        if (input.bytes[0] === 1) return {errors: ['unknown FPort']};
        return input.bytes[0] === 2 ? {data: {}} : {warnings: ['old'], data: {co2: 612}};
    }"""
    error, nothing, warned = decode(process, file, source, b"\1", b"\2", b"\3")

    assert "the codec says: 'unknown FPort'" in refusal(error)
    assert isinstance(nothing, NoReading)
    assert fields(warned) == [{"co2_ppm": 612.0}]


ATTACKS = {
    "throws": ("throw new Error('no such port')", "no such port"),
    "throws nothing": ("throw undefined", "undefined"),
    "throws what can't be shown": ("throw {toString() { throw 1; }}", "it failed"),
    "loops": ("for (;;);", "50 ms"),
    "regexp bomb": ("return /^(a+)+$/.test('a'.repeat(50) + 'b')", "50 ms"),
    "memory bomb": ("var a = []; for (;;) a.push(new Array(1e5).fill(1))", ""),
    "buffer bomb": ("var a = []; for (;;) a.push(new Uint8Array(1e7).fill(1))", ""),
    "number bomb": ("var n = 3n; for (;;) n *= n", ""),
    "huge output": ("return {data: new Array(1e5).fill({co2: 1})}", "more than 1000 values"),
    "wide output": ("var o = {}; for (var i = 0; i < 5000; i++) o['k' + i] = i; return {data: o}", "more than 1000"),
    "deep output": ("var o = {}, p = o; for (var i = 0; i < 999; i++) p = p.o = {}; return {data: o}", "nested deeper"),
    "output without end": ("var o = {}; o.o = o; return {data: o}", "nested deeper"),
    "endless proxy": ("return {data: new Proxy({}, {ownKeys() { for (;;); }})}", "50 ms"),
    "promise": ("return Promise.resolve({data: {co2: 612}})", ""),
    "no object": ("return 7", "no object"),
    "text as data": ("return {data: 'co2=612'}", "no object"),
    "random": ("return {data: {co2: Math.random()}}", "Math.random is not a function"),
    "timer": ("setTimeout(function () {}, 1)", "setTimeout is not a function"),
    "file": ("return {data: require('fs').readFileSync('/etc/passwd')}", "require is not defined"),
    "environment": ("return {data: process.env}", "process is not defined"),
    "network": ("return fetch('http://127.0.0.1/')", "fetch is not defined"),
    "worker": ("return new Worker('x')", "Worker is not defined"),
    "module": ("return eval('import(\"fs\")')", ""),
    "web assembly": ("return new WebAssembly.Memory({initial: 65536})", "WebAssembly is not defined"),
}


@pytest.mark.claim("S-85")
@pytest.mark.parametrize("name", ATTACKS)
def test_a_codec_that_misbehaves_refuses_that_frame_and_no_other(name: str, process: CodecProcess, file: Path) -> None:
    body, says = ATTACKS[name]
    source = f"function decodeUplink(input) {{ if (input.bytes[0] === 9) {{ {body} }} return {{data: {{co2: 612}}}}; }}"

    before, attacked, after = decode(process, file, source, b"\1", b"\x09", b"\2")

    assert isinstance(attacked, (Rejection, NoReading)), attacked
    if says:
        assert says in refusal(attacked)
    assert fields(before) == fields(after) == [{"co2_ppm": 612.0}]


@pytest.mark.parametrize(
    "data, expected",
    [
        ("{co2: NaN, temperature: 21}", [{"temperature_c": 21.0}]),
        ("{co2: Infinity, temperature: 21}", [{"temperature_c": 21.0}]),
        ("{get co2() { for (;;); }, temperature: 21}", [{"temperature_c": 21.0}]),
        ("{co2: 10n, temperature: 21}", [{"temperature_c": 21.0}]),
        ("{temperature: 21, toJSON() { throw new Error('no'); }}", [{"temperature_c": 21.0}]),
        ("{temperature: '21', text: 'x'.repeat(1e6)}", [{"temperature_c": 21.0}]),
        ("Object.assign(Object.create({co2: 5}), {temperature: 21})", [{"temperature_c": 21.0}]),
    ],
)
def test_what_is_no_value_becomes_none(data: str, expected: object, process: CodecProcess, file: Path) -> None:
    [answer] = decode(process, file, f"function decodeUplink(input) {{ return {{data: {data}}}; }}")

    assert fields(answer) == expected


def test_a_codec_that_changes_the_language_changes_it_for_itself_alone(process: CodecProcess, file: Path) -> None:
    source = """
        Object.prototype.toJSON = function () { return {co2: 1}; };
        Array.prototype.push = Array.prototype.map = JSON.parse = JSON.stringify = Reflect.apply = null;
        String.prototype.slice = Object.keys = Array.isArray = parseInt = Date = null;
        Object.defineProperty(Object.prototype, 'co2', {get() { return 2; }, set() { throw 1; }});
        globalThis.runner = null;
        function decodeUplink(input) { return {data: {temperature: input.bytes[1]}}; }
    """
    [answer] = decode(process, file, source)
    other = file.with_name("other.js")

    assert fields(answer) == [{"temperature_c": 100.0}]
    [answer] = decode(process, other, GOOD)
    assert fields(answer) == [{"co2_ppm": 612.0}]


def test_what_a_codec_leaves_running_costs_no_other_frame(process: CodecProcess, file: Path) -> None:
    source = """function decodeUplink(input) {
        if (input.bytes[0] === 9) (async () => { for (;;) await 0; })();
        return {data: {co2: 612}};
    }"""
    answers = decode(process, file, source, b"\1", b"\x09", b"\2", b"\3")

    assert [fields(answers[number]) for number in (0, 2, 3)] == [[{"co2_ppm": 612.0}]] * 3


def test_after_five_failures_in_a_row_a_device_is_not_run_until_the_file_changes(
    process: CodecProcess, file: Path
) -> None:
    source = "function decodeUplink(input) { if (input.bytes[0]) throw 'no'; return {data: {co2: 612}}; }"
    file.write_text(source)
    codec = CodecDecoder(file, process)
    bad, good = b"\1", b"\0"
    codec.decode_uplinks([uplink(bad)] * 4)
    assert fields(codec.decode_uplinks([uplink(good)])[0])

    with capture_logs() as logs:
        answers = codec.decode_uplinks([uplink(bad)] * 5 + [uplink(good), uplink(good, device="another")])
    later = codec.decode_uplinks([uplink(good)])

    assert "kept undecoded until the file changes" in refusal(answers[5])
    assert fields(answers[6])
    assert "kept undecoded" in refusal(later[0])
    assert [entry["event"] for entry in logs] == ["codec_stopped"]
    file.write_text(source.replace("'no'", "'never'"))
    assert fields(codec.decode_uplinks([uplink(good)])[0])


def test_an_edit_is_taken_and_a_bad_one_leaves_the_codec_before_in_force(process: CodecProcess, file: Path) -> None:
    file.write_text(GOOD)
    codec = CodecDecoder(file, process)
    assert fields(codec.decode(b"\2\x64", 85)) == [{"co2_ppm": 612.0}]

    file.write_text("function decodeUplink(input) { return {data: {co2: 700}} ")
    with capture_logs() as logs:
        assert fields(codec.decode(b"\2\x64", 85)) == [{"co2_ppm": 612.0}]
        file.write_text("function decodeUplink(input) { return {data: {co2: 700}} }")
        assert fields(codec.decode(b"\2\x64", 85)) == [{"co2_ppm": 700.0}]

    assert [entry["event"] for entry in logs] == ["codec_rejected", "codec_reloaded"]


@pytest.mark.parametrize(
    "source, why",
    [
        ("function (", "SyntaxError"),
        ("var x = 1;", "none of decodeUplink"),
        ("for (;;);", "1000 ms"),
        ("throw new Error('licence')", "licence"),
        ("\xff\0", "SyntaxError"),
    ],
)
def test_a_codec_that_cannot_be_loaded_is_named(source: str, why: str, process: CodecProcess, file: Path) -> None:
    [answer] = decode(process, file, source)

    assert why in refusal(answer)
    assert "acme.js" in refusal(answer)


def test_a_codec_that_is_not_there_yet_is_taken_once_it_is(process: CodecProcess, file: Path) -> None:
    codec = CodecDecoder(file, process)
    assert "it can't be read (No such file" in refusal(codec.decode(b"\2\x64", 85))

    file.write_text(GOOD)

    assert fields(codec.decode(b"\2\x64", 85)) == [{"co2_ppm": 612.0}]


def test_a_model_of_javascript_is_a_file_beside_the_estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_decoder("js/acme", tmp_path) is codec_of(tmp_path / "acme.js")
    monkeypatch.setattr("sensors.decoders.codecs.find_spec", lambda _name: None)
    with pytest.raises(PluginError, match=r"pip install 'hubpulse\[codecs\]'"):
        codec_of(tmp_path / "other.js")
