"""The MQTT core over paho that ingest and the simulators share.

    broker -> client (packets) -> connection -> subscriber -> whoever decodes, commits and acknowledges
    source -> publisher (window) -> connection -> client -> broker

A `connection` is used once, `subscriber` and `publisher` outlive it; `protocol` is the fallback from MQTT 5 to 3.1.1.
A command that only needs `Message` does not load paho.
"""

from typing import TYPE_CHECKING

from schemas.lazy import lazy_names

if TYPE_CHECKING:
    from mqtt.messages import Message
    from mqtt.publisher import Publisher
    from mqtt.subscriber import Subscriber
else:
    __getattr__ = lazy_names(__name__, {"messages": "Message", "publisher": "Publisher", "subscriber": "Subscriber"})

__all__ = ["Message", "Publisher", "Subscriber"]
