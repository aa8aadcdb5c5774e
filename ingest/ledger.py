"""The ledger: what came in, what became of it. It balances after every commit, and anyone can read it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, computed_field

LEDGER_COLUMNS = (
    "messages_received",
    "messages_accepted",
    "messages_refused",
    "messages_no_reading",
    "readings_accepted",
    "readings_refused",
    "readings_stored",
    "readings_store_rejected",
)


class Ledger(BaseModel):
    """Counts since the buffer was made; a message that the broker delivers twice counts twice, here and only here.

    `messages_refused` are messages of which nothing was taken; `messages_no_reading` are those that carry none by their
    nature, such as a device joining its network; `readings_refused` are single readings refused out of messages that
    were otherwise taken.
    """

    model_config = ConfigDict(frozen=True)

    messages_received: int
    messages_accepted: int
    messages_refused: int
    messages_no_reading: int
    readings_accepted: int
    readings_refused: int
    readings_stored: int
    readings_store_rejected: int
    readings_pending: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def balanced(self) -> bool:
        """Whether both equations hold."""
        return (
            self.messages_received == self.messages_accepted + self.messages_refused + self.messages_no_reading
            and self.readings_accepted == self.readings_stored + self.readings_store_rejected + self.readings_pending
        )
