"""MQTT packets as a broker sends them, byte by byte, for tests that need them exact, split or broken."""

from mqtt.messages import Message

CONNACK_5 = b"\x20\x03\x00\x00\x00"
CONNACK_311 = b"\x20\x02\x00\x00"
PINGRESP = b"\xd0\x00"


def variable_integer(number: int) -> bytes:
    """MQTT 5.0, section 1.5.5."""
    encoded = bytearray()
    while True:
        number, digit = divmod(number, 128)
        encoded.append(digit | (128 if number else 0))
        if not number:
            return bytes(encoded)


def packet(head: int, body: bytes) -> bytes:
    return bytes([head]) + variable_integer(len(body)) + body


def publish(message: Message, *, version_5: bool = True, properties: bytes = b"") -> bytes:
    """The PUBLISH of a message: QoS 1 where it has a packet id, else QoS 0."""
    head = 0x30 | (0x08 if message.dup else 0) | (0x02 if message.packet_id else 0) | (0x01 if message.retained else 0)
    body = len(message.topic).to_bytes(2, "big") + message.topic
    if message.packet_id:
        body += message.packet_id.to_bytes(2, "big")
    if version_5:
        body += variable_integer(len(properties)) + properties
    return packet(head, body + message.payload)


def packets_in(data: bytes) -> list[tuple[int, bytes]]:
    """(first byte, body) of each packet of a whole stream."""
    found = []
    at = 0
    while at < len(data):
        head, at = data[at], at + 1
        length = shift = 0
        while True:
            byte, at = data[at], at + 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        found.append((head, data[at : at + length]))
        at += length
    return found
