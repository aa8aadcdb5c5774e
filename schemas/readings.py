"""What a message becomes: readings, or a refusal with one reason of a closed list."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.dataclasses import dataclass

from schemas.ids import Id
from schemas.kinds import Kind


class Reason(StrEnum):
    """Why a message, or one reading of it, was refused."""

    BAD_TOPIC = "bad_topic"
    BAD_PAYLOAD = "bad_payload"
    BAD_SCHEMA = "bad_schema"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_HUB = "unknown_hub"
    UNKNOWN_SENSOR = "unknown_sensor"
    CLOCK_AHEAD = "clock_ahead"
    TOO_OLD = "too_old"
    TOO_LARGE = "too_large"
    STORE_REJECTED = "store_rejected"


def _encodable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()  # half a surrogate pair, which JSON may name, is no text


class Reading(BaseModel):
    """One reading as people see it. `time` is UTC with up to nine decimals; `suspect` is present only when true."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hub: Id
    sensor: Id
    kind: Kind
    zone: Id | None = None
    time: str
    fields: dict[str, int | float]
    suspect: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why something was refused, in a word and in a sentence that says what to do."""

    reason: Reason
    detail: Annotated[str, AfterValidator(_encodable)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(Rejection):
    """A refused message, whole, as the quarantine keeps it."""

    id: int
    received_at: datetime
    topic: str
    payload: bytes
    """The message's bytes, unchanged."""
    retained: bool = False
