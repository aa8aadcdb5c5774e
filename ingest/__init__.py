"""From the broker to the store: receive, decode, buffer durably, write. `pipeline` draws the way and wires it."""

from typing import TYPE_CHECKING

from schemas.lazy import lazy_names

if TYPE_CHECKING:
    from ingest.buffer import Buffer, BufferDamagedError, BufferFullError, BufferReader
    from ingest.ledger import Ledger
    from ingest.pipeline import Ingest
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "buffer": "Buffer BufferDamagedError BufferFullError BufferReader",
            "ledger": "Ledger",
            "pipeline": "Ingest",
        },
    )

__all__ = ["Buffer", "BufferDamagedError", "BufferFullError", "BufferReader", "Ingest", "Ledger"]
