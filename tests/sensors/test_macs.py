"""MAC addresses are found however they are spelled, and what only looks like one is left."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.formats.identities import Identity, without_client_lists
from sensors.macs import holds_mac, mac_digits, mask_macs, quoted, replace_macs

OCTETS = bytes.fromhex("a4c1390b1c5e")
octets = st.binary(min_size=6, max_size=6)
around = st.text('xyz/"{} ,', max_size=10)


def joined(address: bytes, joint: str) -> str:
    return address.hex(":").replace(":", joint)


def in_groups(address: bytes, size: int, joint: str) -> str:
    digits = address.hex()
    return joint.join(digits[start : start + size] for start in range(0, len(digits), size))


SPELLINGS: dict[str, Callable[[bytes], str]] = {
    "colons": lambda address: joined(address, ":"),
    "hyphens": lambda address: joined(address, "-").upper(),
    "spaces": lambda address: joined(address, " "),
    "dots": lambda address: joined(address, "."),
    "without zeros": lambda address: ":".join(f"{octet:x}" for octet in address),
    "Cisco": lambda address: in_groups(address, 4, "."),
    "Huawei": lambda address: in_groups(address, 4, "-"),
    "HP": lambda address: in_groups(address, 6, "-"),
    "percent": lambda address: joined(address, "%3A"),
    "percent twice": lambda address: joined(address, "%253a"),
    "JSON": lambda address: joined(address, "\\u003a"),
    "JSON in JSON": lambda address: joined(address, "\\\\u003a"),
    "JSON digits": lambda address: "".join(f"\\u00{ord(digit):02x}" for digit in joined(address, ":")),
    "hexadecimal": lambda address: joined(address, "\\x2d"),
    "HTML": lambda address: joined(address, "&#58;"),
    "HTML name": lambda address: joined(address, "&colon;"),
    "UTF-16": lambda address: "\0".join(joined(address, ":")),
    "UTF-32": lambda address: "\0\0\0".join(joined(address, ":")),
    "EUI-64": lambda address: joined(address[:3] + b"\xff\xfe" + address[3:], ":"),
    "EUI-64 bare": lambda address: (address[:3] + b"\xff\xfe" + address[3:]).hex(),
    "IPv6": lambda address: in_groups(address[:3] + b"\xff\xfe" + address[3:], 4, ":"),
    "UUID": lambda address: f"550e8400-e29b-11d4-a716-{address.hex()}",
}


@pytest.mark.claim("S-70")
@pytest.mark.parametrize("spelling", SPELLINGS)
@given(before=around, address=octets, after=around)
def test_no_address_survives_in_any_spelling(spelling: str, before: str, address: bytes, after: str) -> None:
    spelled = SPELLINGS[spelling](address)
    text = f'{before}"{spelled}"{after}'.encode()

    assert holds_mac(text)
    assert spelled.encode() not in mask_macs(text)
    assert spelled.encode() not in replace_macs(text, lambda _: b"x")
    left = mask_macs(text).decode().removeprefix(before).removesuffix(after)
    for escape in (*re.findall(r"%[0-9a-fA-F]{2}|&#58;|&colon;|\\+u003a|\\+x2d", left), "550e8400-e29b-11d4-a716-"):
        left = left.replace(escape, "")
    assert not re.search("[0-9a-f]", left.replace("%25**", ""))


@pytest.mark.parametrize("text", ["a4c1380b1c2d", "A4C1380B1C2D", "0xa4c1380b1c2d", "001122334455", "00163e123456"])
@pytest.mark.parametrize(
    "before", ["", "hubs/", "phone-", "ap_", '{"mac":"', "a\\n", "wifi.client.", "\\ud7fc", "\\\\u20ac", "\\U0001f6aa"]
)
def test_a_bare_address_is_found_where_it_stands_alone(before: str, text: str) -> None:
    assert mask_macs(f"{before}{text}".encode()) == f"{before}{re.sub('[0-9a-fA-F]', '*', text)}".encode()


@pytest.mark.parametrize(
    "text",
    [
        *("24e124710c401234", "24:e1:24:71:0c:40:12:34", "24e1-2471-0c40-1234", "24 e1 24 71 0c 40 12 34"),
        *("123456789012", "deadbeefcafe", "0.012345678901", "1.23456789012e-05", "12345678901e+5", "123456.123456"),
        *(
            "550e8400-e29b-41d4-a716-446655440000",
            "2026-05-12T11:55:00.123456+01:00",
            "[1,2,3,4,5,6]",
            "10:20:30:40:50",
        ),
        *("123.4567e8", "0123456789abcdef0123456789abcdef", "zaabbccddeeff", "fe80::1", "100%25", "&amp;"),
    ],
)
def test_what_is_no_address_is_left_alone(text: str) -> None:
    assert mask_macs(text.encode()) == text.encode()


@given(st.floats(allow_nan=False), st.integers())
def test_a_number_of_json_is_never_masked(number: float, whole: int) -> None:
    for text in (repr(number), f"{number:.17e}", str(whole)):
        assert mask_macs(text.encode()) == text.encode()


def test_an_address_has_the_same_digits_however_it_is_joined() -> None:
    told = {
        mac_digits(spelled) for spelled in (b"00:1B:02:0c:40:12", b"0:1b:2:c:40:12", b"001b.020c.4012", b"001b020c4012")
    }
    assert told == {b"001b020c4012"}


@pytest.mark.parametrize("chars", range(5, 60))
def test_what_is_quoted_is_masked_before_it_is_cut(chars: int) -> None:
    for spelling in SPELLINGS.values():
        told = quoted("x" * 8 + "," + spelling(OCTETS), chars)
        assert not any(digits in told for digits in ("a4", "c1", "0b", "1c", "5e", "A4", "C1", "1C"))


@pytest.mark.parametrize("kept", range(4, 17))
def test_the_beginning_of_an_address_at_the_end_of_what_was_cut_is_masked(kept: int) -> None:
    assert mask_macs(b"ready " + b"a4:c1:38:0b:1c:2d"[:kept], is_cut=True)[6:].translate(None, b"*:") == b""


def test_digits_without_end_are_no_beginning_of_an_address() -> None:
    assert mask_macs(b"[" + b"1" * 1000, is_cut=True) == b"[" + b"1" * 1000


def test_what_is_the_device_s_own_is_kept_and_the_rest_masked() -> None:
    payload = b'{"src":"shellyht-a4c1380b1c2d","ids":["a4c1380b1c2d"],"mac":"a4c1380b1c2d"}'
    spans = list(Identity(keys=("src", "ids")).spans(payload))
    assert mask_macs(payload, kept=spans) == payload[:-14] + b'************"}'


@pytest.mark.claim("S-71")
@pytest.mark.parametrize(
    "payload, left",
    [
        (b'{"clients":[{"x":"]"},[]],"a":1}', b'{"clients":[],"a":1}'),
        (b'{"sta_table" : {"aa":{"clients":[1]}}, "num_sta":3}', b'{"sta_table" : [], "num_sta":3}'),
        (b'{"clients":12}', b'{"clients":12}'),
        (b'{"clients":[{"name":"Anna\'s ph', b'{"clients":[]'),
    ],
)
def test_lists_of_people_s_devices_are_dropped_unread(payload: bytes, left: bytes) -> None:
    assert without_client_lists(payload) == left
