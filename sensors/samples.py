"""What a payload format answers: the samples of each message, or why it was refused."""

from __future__ import annotations

from typing import NamedTuple

from schemas.readings import Rejection

Fields = dict[str, int | float]


class Sample(NamedTuple):
    """One reading as the device sent it, not yet validated. `time_ns` is None where the device named no time."""

    time_ns: int | None
    fields: Fields


Parsed = list[Sample] | Rejection
"""What became of one message."""
