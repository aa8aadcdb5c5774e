"""Parsing by the batch is only a way to be quick: it must give what parsing one by one gives, whatever comes."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import Kind
from schemas.readings import Rejection
from sensors.formats.native import Columns, NativeParser, Parsed, Sample

TOKENS = [
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b" ", b"\n,\r", b"},{", b"}\n,\r{", b"\\u007b", b"\xff"),
    *(b'"value"', b'"time"', b'"unit"', b'"Cel"', b'"temperature_c"', b'"entries"', b'"exits"', b'"other"'),
    *(
        b"1",
        b"21.5",
        b"1795000000",
        b"true",
        b"null",
        b"NaN",
        b'"2026-05-12T11:55:00Z"',
        b'{"value":1}',
        b'{"entries":1}',
    ),
]
GOOD = {
    Kind.TEMPERATURE: [
        b'{"time":1795000000,"value":21.5}',
        b'{"value":3,"unit":"K"}',
        b'{"temperature_c":3}',
        b'{"time":"2026-05-12T11:55:00Z","value":-0.0}',
    ],
    Kind.FOOTFALL: [b'{"time":1795000000,"entries":3,"exits":2}', b'{"entries":3}'],
}

soup = st.lists(st.sampled_from(TOKENS), max_size=8).map(b"".join)
braced_soup = soup.map(lambda inside: b"{" + inside + b"}")


@st.composite
def pieces_of_an_array(draw: st.DrawFn) -> list[bytes]:
    """Objects that are fine together, cut where no payload would end: glued again, they would all be good."""
    objects = draw(st.lists(st.sampled_from([*GOOD[Kind.TEMPERATURE], *GOOD[Kind.FOOTFALL]]), min_size=1, max_size=4))
    text = draw(st.sampled_from([b",", b"\n,\r", b" , "])).join(objects)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def pieces_of_a_string(draw: st.DrawFn) -> list[bytes]:
    """Two payloads that end and begin inside of one string, hidden by a key that comes twice."""
    key = draw(st.sampled_from([b"unit", b"time", b"value", b"other"]))
    middle = draw(st.sampled_from([b'"}', b"[{}", b'["}', b'{"a":"}', b'"\\"}']))
    end = draw(st.sampled_from([b'{"', b"{}]", b'{"]', b'{"}', b'{\\""']))
    again = draw(st.sampled_from([b"", b',"unit":"Cel"', b',"time":5', b',"value":1']))
    return [b'{"value":1,"' + key + b'":' + middle, end + again + b',"value":1}']


@st.composite
def batches(draw: st.DrawFn) -> list[bytes]:
    one = st.one_of(st.sampled_from([*GOOD[Kind.TEMPERATURE], *GOOD[Kind.FOOTFALL]]), soup, braced_soup).map(
        lambda payload: [payload]
    )
    groups = draw(st.lists(st.one_of(one, one, pieces_of_an_array(), pieces_of_a_string()), max_size=6))
    filler = draw(st.sampled_from([[], GOOD[Kind.TEMPERATURE] * 20, GOOD[Kind.FOOTFALL] * 40]))
    return [*filler, *(payload for group in groups for payload in group)]


def one_by_one(parser: NativeParser, payloads: list[bytes]) -> list[Parsed]:
    return [parser._parse_one(payload) for payload in payloads]


@pytest.mark.parametrize("kind", [Kind.TEMPERATURE, Kind.FOOTFALL])
@given(payloads=batches())
@example(payloads=[b'{"value":1},{"value":2}', b'{"unit":"}', b'{","unit":"Cel","value":1}'])
@example(payloads=[b'{"value":1},{"value":2}', b'{"unit":"Cel","value":1,"unit":"}', b'{"}'])
@example(payloads=[b'{"value":1},{"value":2}', b'{"time":[{}', b'{}],"time":5,"value":1}'])
@example(payloads=[b'{"value":1}\n,\r{"value":2', b'"time":5}'])
@example(payloads=[b'{"value":1},{"value":2', b'"time":5}'])
@example(payloads=[b'{"value":1}\n,\r{"value":2}', b""])
def test_a_batch_parses_as_its_payloads_one_by_one(kind: Kind, payloads: list[bytes]) -> None:
    parser = NativeParser(kind)

    assert parser.parse(payloads) == one_by_one(parser, payloads)


@given(cuts=st.lists(st.integers(0, 200), max_size=6), kind=st.sampled_from([Kind.TEMPERATURE, Kind.FOOTFALL]))
def test_a_joined_batch_cut_elsewhere_does_not_heal(cuts: list[int], kind: Kind) -> None:
    """The very bytes that a good batch is joined to, cut anywhere else."""
    parser = NativeParser(kind)
    text = b"\n,\r".join(GOOD[kind] * 2)
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    payloads = [text[start:stop] for start, stop in itertools.pairwise(edges)]

    assert parser.parse(payloads) == one_by_one(parser, payloads)


@pytest.mark.parametrize("kind", [Kind.TEMPERATURE, Kind.FOOTFALL])
@given(payloads=batches())
@example(payloads=[b'{"time":1795000000,"value":21,"value":22.5}', b'{"time":"1795000000","value":-0.0}'])
@example(payloads=[b'[{"time":1,"value":2},{"time":2.5,"value":3}]'])
def test_columns_hold_what_is_parsed_one_by_one(kind: Kind, payloads: list[bytes]) -> None:
    parser = NativeParser(kind)
    columns = parser.plain(payloads)
    candidates = [*payloads, b"[" + b",".join(payloads) + b"]"]
    arrays = [payload for payload in candidates if parser.plain_arrays([payload]) is not None]
    together = parser.plain_arrays(arrays)

    if columns is not None:
        assert [[reading] for reading in readings_of(columns)] == one_by_one(parser, payloads)
    if arrays and together is not None:
        times_ns, values, stops = together
        readings = readings_of((times_ns, values))
        parts = [readings[start:stop] for start, stop in itertools.pairwise([0, *stops])]
        assert parts == one_by_one(parser, arrays)
    assert (together is not None) == (kind is Kind.TEMPERATURE)
    assert len(arrays) == len(candidates) or parser.plain_arrays(candidates) is None


def readings_of(columns: Columns) -> list[Sample]:
    return [(time_ns, {"temperature_c": value}) for time_ns, value in zip(*columns, strict=True)]


@pytest.mark.parametrize("time", [b"1795000000", b"1795000000.5", b"1795000000123", b'"2026-05-12T11:55:00Z"'])
def test_readings_with_a_time_are_taken_by_columns(time: bytes) -> None:
    parser, payload = NativeParser(Kind.TEMPERATURE), b'{"time":%b,"value":21}' % time

    assert parser.plain([payload, payload]) is not None
    assert parser.plain_arrays([b"[%b]" % payload]) is not None


def test_a_batch_of_good_payloads_is_never_parsed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = NativeParser(Kind.TEMPERATURE)
    expected = one_by_one(parser, GOOD[Kind.TEMPERATURE] * 100)
    monkeypatch.setattr(parser, "_parse_one", lambda payload: pytest.fail(f"{payload!r} was parsed alone"))

    assert parser.parse(GOOD[Kind.TEMPERATURE] * 100) == expected


def test_one_bad_payload_slows_only_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = NativeParser(Kind.TEMPERATURE)
    alone: list[bytes] = []
    parse_one = parser._parse_one

    def note(payload: bytes) -> Parsed:
        alone.append(payload)
        return parse_one(payload)

    monkeypatch.setattr(parser, "_parse_one", note)
    parsed = parser.parse([GOOD[Kind.TEMPERATURE][0]] * 3000 + [b"{broken}"] + [GOOD[Kind.TEMPERATURE][0]] * 1999)

    assert len(parsed) == 5000
    assert b"{broken}" in alone
    assert len(alone) <= 64


@given(payloads=batches())
def test_without_quotes_the_same_is_taken_and_refused(payloads: list[bytes]) -> None:
    def shape(parsed: list[Parsed]) -> list[object]:
        return [
            one.reason if isinstance(one, Rejection) else [s.reason if isinstance(s, Rejection) else s for s in one]
            for one in parsed
        ]

    brief = NativeParser(Kind.TEMPERATURE, quote=lambda *_: "...")
    assert shape(brief.parse(payloads)) == shape(NativeParser(Kind.TEMPERATURE).parse(payloads))
