r"""Finds MAC addresses, which may be those of people's devices: none is ever stored, logged or recorded.

An address is found however it is written:

    joined       aa:bb:cc:dd:ee:ff, with `:`, `-`, `_`, `.` or a space; at colons also without zeros, 0:1b:2:...;
                 aabb.ccdd.eeff (Cisco), aabb-ccdd-eeff (Huawei), aabbcc-ddeeff (HP)
    bare         aabbccddeeff standing alone, with or without 0x; neither a plain number nor letters alone
    as EUI-64    eight octets with ff:fe in the middle, in any of these ways or at the end of an IPv6 address
    in a UUID    of version 1, whose last part is one
    escaped      any of these behind %3A, \u003a, \x3a, &#58;, in UTF-16, and escaped again, up to three times

Longer runs of joined octets count too, since text before an address may look like octets. Exactly eight without ff:fe
do not: that is the EUI of a LoRaWAN device, which nobody carries about. Where the identity of a sensor looks like an
address all the same, its format says so: see `sensors.formats.identities`.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator

Span = tuple[int, int]

_HEX = rb"[0-9A-Fa-f]"


def _pattern(text: bytes) -> re.Pattern[bytes]:
    """A pattern in which `H` stands for a hex digit."""
    return re.compile(text.replace(b"H", _HEX))


_JOINED = (
    _pattern(rb"HH(?P<joint>[_. -])HH(?:(?P=joint)HH){4,}"),
    _pattern(rb"HH?(?::HH?){5,}"),
    _pattern(rb"H{1,4}:H{0,2}[Ff]{2}:[Ff][Ee]HH:H{1,4}"),
)
_UUID_1 = _pattern(rb"H{8}-H{4}-1H{3}-[89ABab]H{3}-(H{12})(?!H)")
_GROUPED = (
    _pattern(rb"H{4}(?P<joint>[:_. -])H{4}(?:(?P=joint)H{4})+"),
    _pattern(rb"(?<![0-9A-Za-z])H{6}(?:[:-]H{6}|[_. ](?=[0-9]*[A-Fa-f])H{6})(?![0-9A-Za-z])"),
    _pattern(rb"(?<![0-9A-Za-z])(?:0[xX])?(?:H{12}|H{6}[Ff]{3}[Ee]H{6})(?![0-9A-Za-z])"),
)
"""What may also be a part of a UUID or of a number."""

_OTHER = _pattern(
    rb"(?<!H)H{8}-H{4}-H{4}-H{4}-H{12}(?!H)"
    rb"|(?<![0-9A-Za-z_])[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z.:_-])"
)
_PLAIN = re.compile(rb"[1-9][0-9]*[eE]?|[A-Fa-f]*")
"""Twelve digits that are a number or a word."""
_EXPONENT = re.compile(rb"[+-][0-9]")

_ESCAPE = re.compile(
    rb"%([0-9A-Fa-f]{2})|\\+(?:u00|x)([0-9A-Fa-f]{2})|&#[xX]0{,6}([0-9A-Fa-f]{2});|(&#0{,6}[0-9]{2,3};|&[a-z]{3,8};)"
    rb'|\\+(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[nrtbf"/])|\0'
)
_ESCAPING = re.compile(rb"[%\\&\0]")
_ESCAPES_DEEP = 3
_DIGIT_OR_ESCAPE = re.compile(rb"(?P<escape>" + _ESCAPE.pattern + rb")|[0-9A-Fa-f]")
_UNFINISHED = re.compile(rb"[0-9A-Fa-f:._ %\\&#ux;\0-]+\Z")
_JOINING = b":._ -"
_JOINTS = re.compile(rb"[%b]" % _JOINING)
_AS_DIGITS = bytes(ord("0") if chr(byte) in "0123456789abcdefABCDEF" else ord("x") for byte in range(256))
_OCTETS, _SHORTEST, _COLONS_MIN = b"0" * 12, b"0" * 6, 3
_EUI64_DIGITS = 16
_HEX_DIGITS = [bytes((digit,)) for digit in b"0123456789abcdefABCDEF"]
_INSERTED = b"fffe"
_SPELLED_CHARS_MAX = 200


def mask_macs(text: bytes, *, kept: Iterable[Span] = (), is_cut: bool = False) -> bytes:
    """The text with the digits of every MAC address written as asterisks, so that JSON stays JSON.

    What lies in the spans `kept` stays as it is. Where the text `is_cut`, what may be the beginning of an address at
    its end is masked too.
    """
    pieces: list[bytes] = []
    done = 0
    for start, stop in sorted(kept):
        if start >= done:
            pieces += (_masked(text[done:start]), text[start:stop])
            done = stop
    last = _masked(text[done:])
    return b"".join((*pieces, _without_beginning(last) if is_cut else last))


def replace_macs(text: bytes, replacement: Callable[[bytes], bytes]) -> bytes:
    """The text with `replacement(address)` in the place of every MAC address, as it is spelled without escapes."""
    pieces: list[bytes] = []
    done = 0
    for start, stop, address in _found(text):
        pieces += (text[done:start], replacement(address))
        done = stop
    return b"".join((*pieces, text[done:]))


def holds_mac(text: bytes) -> bool:
    """Whether there is a MAC address in the text."""
    return next(_spans(text), None) is not None


def mac_digits(address: bytes) -> bytes:
    """An address without what joins it, in lower case: the same however it is spelled."""
    octets = (octet.zfill(2) for octet in address.split(b":")) if b":" in address else (address,)
    return _JOINTS.sub(b"", b"".join(octets)).lower().removeprefix(b"0x")


def quoted(value: object, chars_max: int = 60) -> str:
    """A value of a message as an error quotes it: without MAC addresses, on one line, cut where it is long."""
    try:
        text = repr(value[: chars_max + _SPELLED_CHARS_MAX] if isinstance(value, str) else value)
    except ValueError:
        return "a number without end"
    masked = mask_macs(text[: chars_max + _SPELLED_CHARS_MAX].encode(errors="backslashreplace")).decode()
    return masked if len(masked) <= chars_max else f"{masked[:chars_max]}..."


def _without_beginning(text: bytes) -> bytes:
    """The text with the digits at its end masked that may be the beginning of an address: no more than one has."""
    end = _UNFINISHED.search(text, max(0, len(text) - _SPELLED_CHARS_MAX))
    if end is None or sum(map(end[0].count, _HEX_DIGITS)) > 2 * _EUI64_DIGITS:
        return text
    return text[: end.start()] + _without_digits(end[0])


def _masked(text: bytes) -> bytes:
    pieces: list[bytes] = []
    done = 0
    for start, stop, _ in _found(text):
        pieces += (text[done:start], _without_digits(text[start:stop]))
        done = stop
    return b"".join((*pieces, text[done:]))


def _without_digits(address: bytes) -> bytes:
    """An address with its digits as asterisks, also those that are escaped; what joins them stays."""

    def hidden(found: re.Match[bytes]) -> bytes:
        escape = found["escape"]
        is_joint = escape and _ESCAPE.sub(_unescaped, escape).translate(_AS_DIGITS) != b"0"
        return escape if is_joint else b"*"

    return _DIGIT_OR_ESCAPE.sub(hidden, address)


def _found(text: bytes) -> list[tuple[int, int, bytes]]:
    """Where addresses are, and how each is spelled without escapes; those that overlap are one."""
    found: list[tuple[int, int, bytes]] = []
    for start, stop, address in sorted(_spans(text), key=lambda span: (span[0], -span[1])):
        if found and start < found[-1][1]:
            first_start, first_stop, first = found[-1]
            found[-1] = first_start, max(first_stop, stop), first
        else:
            found.append((start, stop, address))
    return found


def _spans(text: bytes, deep: int = _ESCAPES_DEEP) -> Iterator[tuple[int, int, bytes]]:
    """Where addresses are, by every pattern, and in the text without escapes."""
    if _may_hold(text):
        yield from _spelled(text)
    if deep and _ESCAPING.search(text) and _ESCAPE.search(text):
        inner = list(_spans(_ESCAPE.sub(_unescaped, text), deep - 1))
        if inner:
            origins = _origins(text)
            for start, stop, address in inner:
                yield origins[start], origins[stop], address


def _may_hold(text: bytes) -> bool:
    """Whether there are enough digits in a row, where nothing but joints is between them: nearly always not."""
    digits = text.translate(_AS_DIGITS, _JOINING)
    return (_SHORTEST if text.count(b":") >= _COLONS_MIN else _OCTETS) in digits


def _spelled(text: bytes) -> Iterator[tuple[int, int, bytes]]:
    for pattern in _JOINED:
        for match in pattern.finditer(text):
            if not _is_eui(match[0]):
                yield *match.span(), match[0]
    for match in _UUID_1.finditer(text):
        yield *match.span(1), match[1]
    grouped = [match for pattern in _GROUPED for match in pattern.finditer(text)]
    others = [other.span() for other in _OTHER.finditer(text)] if grouped else []
    for match in grouped:
        start, stop = match.span()
        is_number = _is_number(match[0], text[stop : stop + 2])
        if not (is_number or _is_eui(match[0]) or _is_within(start, others)):
            yield start, stop, match[0]


def _is_eui(address: bytes) -> bool:
    """Whether these are eight octets that are no MAC address within an EUI-64."""
    digits = mac_digits(address)
    return len(digits) == _EUI64_DIGITS and digits[6:10] != _INSERTED


def _is_number(digits: bytes, after: bytes) -> bool:
    """Whether digits are a plain number or letters alone; with an `e` at its end only where an exponent follows."""
    ends_plain = digits[-1:] not in b"eE" or digits.isalpha() or _EXPONENT.match(after) is not None
    return ends_plain and _PLAIN.fullmatch(digits) is not None


def _is_within(position: int, spans: list[Span]) -> bool:
    """Whether a position is in one of the spans, which follow one another."""
    before = bisect_right(spans, position, key=lambda span: span[0])
    return before > 0 and position < spans[before - 1][1]


def _unescaped(escape: re.Match[bytes]) -> bytes:
    """The character that an escape stands for; what joins no address becomes nothing, or a line feed."""
    digits = escape[1] or escape[2] or escape[3]
    if digits:
        return bytes.fromhex(digits.decode())
    if escape[4]:
        return html.unescape(escape[4].decode()).encode()
    return b"" if escape[0] == b"\0" else b"\n"


def _origins(text: bytes) -> list[int]:
    """For each byte of the text without escapes, and for its end, where it comes from."""
    origins: list[int] = []
    done = 0
    for escape in _ESCAPE.finditer(text):
        origins += range(done, escape.start())
        origins += [escape.start()] * len(_unescaped(escape))
        done = escape.end()
    return [*origins, *range(done, len(text) + 1)]
