"""What ingest's two threads are doing: each writes what is its own, anybody may read."""

from __future__ import annotations

from collections import Counter

from schemas.progress import Progress
from schemas.settings import Settings

_SLACK_S = 60.0
_REQUESTS_MAX = 4
"""So many requests with their time-outs may be in one turn of the writer."""
SALVAGE_MAX_S = 3600.0
"""How long it may take to read what is whole in a damaged file, or to bring one to this version's layout."""


class Activity:
    """Progress and figures that are nowhere else."""

    def __init__(self, settings: Settings) -> None:
        self.ingest_name = settings.mqtt.ingest_name
        self.receiving = Progress(slack_s=_SLACK_S)
        self.writing = Progress(slack_s=_SLACK_S + _REQUESTS_MAX * settings.influx.timeout_s)
        self.store_errors: Counter[str] = Counter()
        """Batches that the store did not take, by what it answered."""
        self.newest_stored_ns: int | None = None
        """The time of the reading that reached the store last."""

    @property
    def has_begun(self) -> bool:
        """Whether the thread that receives goes round."""
        return self.receiving.has_begun

    def stalled(self) -> str | None:
        """Which of the two makes no progress; None while both do."""
        if self.receiving.is_overdue:
            return "receiving does not go on: see the log of ingest"
        return "writing to the store does not go on: see the log of ingest" if self.writing.is_overdue else None
