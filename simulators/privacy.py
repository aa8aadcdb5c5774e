"""What a recording may hold: no MAC address, which may be that of a person's device."""

from __future__ import annotations

import hashlib
import secrets

from sensors.macs import mac_digits, replace_macs
from simulators.messages import TimedMessage


def holds_mac(message: TimedMessage) -> bool:
    """Whether topic or payload holds what reads as a MAC address."""
    return any(
        replace_macs(part, lambda _address: b"", bare=True) != part
        for part in (message.topic.encode(), message.payload)
    )


class MacHasher:
    """Writes `mac-` and 16 hex digits of a keyed hash for every MAC address.

    The same address gives the same hash, however it is written, so that a recording still counts devices. The key is
    random unless given, and kept nowhere: without it nobody can find the addresses by trying them all.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def hashed(self, message: TimedMessage) -> TimedMessage:
        """The message without MAC addresses, in topic and payload."""
        topic = replace_macs(message.topic.encode(), self._hash, bare=True).decode()
        return TimedMessage(message.time_ns, topic, replace_macs(message.payload, self._hash, bare=True))

    def _hash(self, address: bytes) -> bytes:
        return b"mac-" + hashlib.blake2b(mac_digits(address), key=self._key, digest_size=8).hexdigest().encode()
