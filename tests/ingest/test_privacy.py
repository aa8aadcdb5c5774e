"""No MAC address survives where it could be kept; what only looks a little like one does."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.macs import mask_macs

octets = st.binary(min_size=6, max_size=6)
separators = st.sampled_from([":", "-", "_"])
# Text around an address must not be octets of the same spelling: eight in a row are a LoRaWAN device.
around = st.text(st.characters(exclude_characters="0123456789abcdefABCDEF\\", exclude_categories=["Cs"]), max_size=10)


def spelled(address: bytes, separator: str, *, upper: bool) -> str:
    text = address.hex(separator, 2 if separator == "." else 1)
    return text.upper() if upper else text


@given(
    before=around, address=octets, separator=st.sampled_from([":", "-", "_", "."]), upper=st.booleans(), after=around
)
def test_no_mac_address_survives(before: str, address: bytes, separator: str, upper: bool, after: str) -> None:
    mac = spelled(address, separator, upper=upper)

    masked = mask_macs(f"{before}{mac}{after}".encode()).decode()

    assert masked == before + re.sub("[0-9a-fA-F]", "*", mac) + after


@given(before=st.text("abcdef0123456789:-_. x", max_size=12), address=octets, separator=separators)
def test_no_mac_address_survives_behind_other_digits(before: str, address: bytes, separator: str) -> None:
    mac = spelled(address, separator, upper=False)

    masked = mask_macs(f"{before}{mac}".encode()).decode()

    assert mac not in masked or re.search(rf"(?:[0-9a-f]{{2}}{separator}){{7}}[0-9a-f]{{2}}$", masked) is not None


@given(st.binary(min_size=8, max_size=8), separators)
def test_the_eui_of_a_lorawan_device_stays(eui: bytes, separator: str) -> None:
    text = f'{{"devEui": "{eui.hex(separator)}", "dotted": "{eui.hex(".", 2)}", "plain": "{eui.hex()}"}}'.encode()

    assert mask_macs(text) == text


documents = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        around,
        octets.map(lambda address: address.hex(":")),
        octets.map(lambda address: address.hex(".", 2)),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab:-.0123", max_size=8), inner, max_size=4),
    max_leaves=10,
)


@given(documents)
def test_json_stays_json_of_the_same_shape(document: object) -> None:
    masked = json.loads(mask_macs(json.dumps(document, ensure_ascii=False).encode()))

    assert shape(masked) == shape(document)


def shape(value: object) -> object:
    match value:
        case dict():
            return {key: shape(inner) for key, inner in value.items()}
        case list():
            return [shape(inner) for inner in value]
        case str():
            return len(value)
        case _:
            return value


@pytest.mark.parametrize(
    "text",
    [
        *("2026-05-12T11:55:00.123456Z", "2026-05-12T11:55:00+01:00", "21.5", "1.25,20.5,1013.25"),
        *("550e8400-e29b-41d4-a716-446655440000", "192.168.100.200", "24e124710c401234", "hubs/armley/co2/air-1"),
        *('{"time":1795000000,"value":21.5}', "12:30:45", "00-11-22"),
    ],
)
def test_what_is_no_mac_address_stays(text: str) -> None:
    assert mask_macs(text.encode()) == text.encode()


def test_bytes_that_are_no_text_are_masked_too() -> None:
    assert mask_macs(b"\xff\x00aa:bb:cc:dd:ee:ff\xfe") == b"\xff\x00**:**:**:**:**:**\xfe"
