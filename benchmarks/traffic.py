"""The messages of the throughput benchmark: their shape is an option."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Any, NamedTuple

from benchmarks.ingest import lorawan_estate, uplink
from ingest.decoder import Decoder
from schemas import Estate
from schemas.localtime import NS_A_SECOND, rfc3339
from sensors.registry import Registry
from simulators.messages import TimedMessage as Sent

HUBS, SENSORS = 22, 10
_SECONDS = 3000
"""So old is the oldest reading."""


class Traffic(NamedTuple):
    """What a shape needs: the filter that it comes by, its estate file, and readings in a message."""

    topic_filter: str
    estate: dict[str, Any]
    readings: int


def traffic_of(options: Namespace) -> Traffic:
    """What the messages of a shape need."""
    if options.format == "native":
        return Traffic("hubs/#", {"hubs": [{"id": f"hub-{n}"} for n in range(HUBS)]}, options.readings)
    estate = lorawan_estate()
    now_s = int(time.time())
    decoder = Decoder(Registry(Estate.model_validate(estate)), clock_ns=lambda: now_s * NS_A_SECOND)
    return Traffic("v3/#", estate, len(decoder.decode([uplink(0, now_s)]).lines))


def messages_of(options: Namespace, round_number: int) -> list[Sent]:
    """Messages of the last minutes, those of a sensor in their order; of native sensors that no other round has."""
    now_s = int(time.time())
    if options.format == "tts":
        uplinks = (uplink(n, now_s) for n in range(options.messages))
        return [Sent(0, message.topic.decode(), message.payload) for message in uplinks]
    texts = [
        f'"{rfc3339(time_s * NS_A_SECOND)}"' if options.times == "rfc3339" else str(time_s)
        for time_s in range(now_s - _SECONDS, now_s)
    ]
    sent = []
    for n in range(options.messages):
        first = n // (HUBS * SENSORS) * options.readings
        parts = [
            f'{{"time": {texts[(first + at) % _SECONDS]}, "value": {18 + n % 7}.{(n + at) % 10}}}'
            for at in range(options.readings)
        ]
        payload = parts[0] if options.readings == 1 else f"[{', '.join(parts)}]"
        sensor = f"s-{round_number}-{n // HUBS % SENSORS}"
        sent.append(Sent(0, f"hubs/hub-{n % HUBS}/temperature/{sensor}", payload.encode()))
    return sent
