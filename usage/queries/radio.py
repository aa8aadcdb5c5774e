"""The frames of each LoRaWAN device that came, and that the radio lost."""

from __future__ import annotations

from collections import defaultdict

from schemas import Kind
from schemas.localtime import Span
from stores import Store
from usage.radio import LOOK_NS, Frames, count_frames


def read_frames(
    store: Store, span: Span, *, hub: str | None = None, look_ns: int = LOOK_NS
) -> dict[tuple[str, str], Frames]:
    """By hub and sensor; whoever numbers no frames is not there. Frames up to `look_ns` around the span tell of it."""
    numbers: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    for chunk in store.read(
        Kind.DEVICE,
        start_ns=span.start_ns - look_ns,
        stop_ns=span.stop_ns + look_ns,
        where=None if hub is None else {"hub": hub},
    ):
        counted = zip(chunk.times_ns, chunk.columns["frame_count"], strict=True)
        found = {time_ns: int(number) for time_ns, number in counted if number is not None}
        if found:
            numbers[chunk.tags["hub"], chunk.tags["sensor"]].update(found)
    return {sensor: count_frames(found, span) for sensor, found in numbers.items()}
