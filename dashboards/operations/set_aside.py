"""What ingest set aside in its data folder: devices that wait to be adopted, and refused messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Final

from ingest.buffer import BufferReader
from ingest.onboarding import PendingDevice, pending_devices
from schemas import HubpulseError, Refusal, Settings
from schemas.localtime import NS_AN_HOUR, from_ns

LOOKED_AT_MAX: Final = 200
"""So many of the newest refusals are looked at."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The newest refusal of each reason, and how many of the newest LOOKED_AT_MAX came within the last hour."""

    examples: Mapping[str, Refusal]
    last_hour: Mapping[str, int]

    @property
    def there_may_be_more(self) -> bool:
        """Whether more may have come within the hour than were looked at."""
        return sum(self.last_hour.values()) >= LOOKED_AT_MAX


def pending(settings: Settings) -> list[PendingDevice] | None:
    """Devices that wait to be adopted; None where no ingest works on this folder, or it can't be read."""
    try:
        return pending_devices(settings)
    except HubpulseError:
        return None


def refused(settings: Settings, now_ns: int) -> Refused | None:
    """What was refused; None where no ingest works on this folder, or it can't be read."""
    since = from_ns(now_ns - NS_AN_HOUR)
    try:
        with closing(BufferReader(settings.data_dir)) as reader:
            newest = list(islice(reader.quarantine.find(reason=None, limit=LOOKED_AT_MAX), LOOKED_AT_MAX))
    except HubpulseError:
        return None
    examples: dict[str, Refusal] = {}
    for refusal in newest:
        examples.setdefault(refusal.reason, refusal)
    return Refused(examples, Counter(refusal.reason.value for refusal in newest if refusal.received_at >= since))
