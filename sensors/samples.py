"""What a payload format answers: the samples of each message, or why it was refused."""

from __future__ import annotations

from schemas.readings import Rejection

Fields = dict[str, int | float]

Sample = tuple[int | None, Fields]
"""One reading as the device sent it, not yet validated: UTC nanoseconds (None where it named no time), fields."""

Parsed = list[Sample] | Rejection
"""What became of one message."""
