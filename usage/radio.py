"""How many frames of a LoRaWAN device the radio lost, by the numbers that it gives them.

A device numbers its frames one by one, and its network server passes the number on with each that a gateway heard: what
is left out between two of them was lost. Source: LoRaWAN 1.0.4, 4.3.1.5 (FCntUp); 1.0.3 has the bound of a gap.

- A number that falls is a restart (the device joined again), and what it sent before its first frame is not known. It
  is the end of a counter of 16 bits where so few frames are left out that the device can have sent them.
- The frames that were lost are spread evenly over the time between those that came, so that a gap over midnight belongs
  to both days.
- The same number again is the same frame again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from schemas.localtime import NS_AN_HOUR, Span

LOOK_NS = 7 * 24 * NS_AN_HOUR
"""So far around a span are frames looked for that tell what is missing in it."""
_NUMBERS = 2**16
_GAP_MAX = 16_384
"""MAX_FCNT_GAP: a network server takes no frame that is further ahead."""
_PACE_MAX = 2
"""A device sends at most so many times as often as it usually does."""


class Frames(NamedTuple):
    """The frames of a device in a span that are known of."""

    received: int
    lost: int

    @property
    def lost_share(self) -> float | None:
        """The share that the radio lost, 0 to 1; None where no frame tells."""
        sent = self.received + self.lost
        return self.lost / sent if sent else None


NO_FRAMES: Mapping[tuple[str, str], Frames] = MappingProxyType({})


def count_frames(numbers: Mapping[int, int], span: Span) -> Frames:
    """How many frames came and were lost in a span; `numbers` has each frame's by its time in UTC nanoseconds."""
    received = lost = 0
    for start_ns, stop_ns, ahead in _steps(sorted(numbers.items())):
        received += span.start_ns <= stop_ns < span.stop_ns
        lost += _missing_before(span.stop_ns, start_ns, stop_ns, ahead)
        lost -= _missing_before(span.start_ns, start_ns, stop_ns, ahead)
    return Frames(received, lost)


def _steps(frames: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """From each frame to the next: when, and how many numbers further. Restarts and repetitions are left out."""
    rising = [
        (after[0] - before[0], ahead) for before, after in pairwise(frames) if (ahead := after[1] - before[1]) > 0
    ]
    usual_ns = sum(took_ns for took_ns, _ in rising) / sum(ahead for _, ahead in rising) if rising else 0.0
    for (start_ns, before), (stop_ns, after) in pairwise(frames):
        ahead = after - before
        rolled = ahead + _NUMBERS
        if ahead < 0 and before < _NUMBERS and usual_ns and rolled * usual_ns <= _PACE_MAX * (stop_ns - start_ns):
            ahead = rolled
        if 0 < ahead <= _GAP_MAX:
            yield start_ns, stop_ns, ahead


def _missing_before(until_ns: int, start_ns: int, stop_ns: int, ahead: int) -> int:
    """How many of the frames that are missing between two would have come before an instant."""
    due = -(-(until_ns - start_ns) * ahead // (stop_ns - start_ns)) - 1
    return min(max(due, 0), ahead - 1)
