"""Where readings rest: one `Store` protocol, with SQLite (the embedded default) and InfluxDB 1.x, 2.x and 3 behind it.

`lines` is the line protocol that every store takes, `protocol` the interface and its outcomes. A contract suite,
tests/stores/test_contract.py, holds every store to the same behaviour.
"""

from stores.opening import open_store
from stores.protocol import Accepted, Keep, Outcome, Rejected, SeriesChunk, Store, StoreError, TooLarge

__all__ = [
    "Accepted",
    "Keep",
    "Outcome",
    "Rejected",
    "SeriesChunk",
    "Store",
    "StoreError",
    "TooLarge",
    "open_store",
]
