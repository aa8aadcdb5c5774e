"""What a recording may hold: no MAC address, which may be that of a person's device."""

from __future__ import annotations

import hashlib
import re
import secrets

from simulators.messages import Message

_MAC = re.compile(
    # Octets joined by colons, hyphens or underscores, six or more: in doubt it is an address.
    rb"(?P<run>[0-9A-Fa-f]{2}(?P<joint>[:_-])[0-9A-Fa-f]{2}(?:(?P=joint)[0-9A-Fa-f]{2}){4,}"
    # Groups of four joined by dots, three or more.
    rb"|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2,})"
    # Twelve hex digits that stand alone and are neither a plain number, nor a word, nor the end of a UUID.
    rb"|(?<![0-9A-Za-z])(?<![0-9A-Fa-f]{4}-)(?=[0-9]*[A-Fa-f])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
)
_JOINTS = re.compile(rb"[:._-]")
_EUI64_DIGITS = 16
"""Eight octets are the EUI-64 of a sensor, not of a phone or a laptop."""


def holds_mac(message: Message) -> bool:
    """Whether topic or payload holds what reads as a MAC address."""
    parts = (message.topic.encode(), message.payload)
    return any(_is_mac(match) for part in parts for match in _MAC.finditer(part))


class MacHasher:
    """Writes `mac-` and 16 hex digits of a keyed hash for every MAC address.

    The same address gives the same hash, however it is written, so that a recording still counts devices. The key is
    random unless given, and kept nowhere: without it nobody can find the addresses by trying them all.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def hashed(self, message: Message) -> Message:
        """The message without MAC addresses, in topic and payload."""
        topic = _MAC.sub(self._replacement, message.topic.encode()).decode()
        return Message(message.time_ns, topic, _MAC.sub(self._replacement, message.payload))

    def _replacement(self, match: re.Match[bytes]) -> bytes:
        if not _is_mac(match):
            return match[0]
        address = _JOINTS.sub(b"", match[0]).lower()
        return b"mac-" + hashlib.blake2b(address, key=self._key, digest_size=8).hexdigest().encode()


def _is_mac(match: re.Match[bytes]) -> bool:
    return match["run"] is None or len(_JOINTS.sub(b"", match[0])) != _EUI64_DIGITS
