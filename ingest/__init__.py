"""From the broker to the store: receive, decode, buffer durably, write. `pipeline` draws the way and wires it."""

from ingest.buffer import Buffer
from ingest.buffer_file import BufferDamagedError, BufferFullError
from ingest.ledger import Ledger
from ingest.pipeline import Ingest

__all__ = ["Buffer", "BufferDamagedError", "BufferFullError", "Ingest", "Ledger"]
