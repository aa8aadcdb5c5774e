"""What may be otherwise of each kind of alert: `rules` below `alerts` in the estate file.

What a rule is without them stands in `dashboards.alerts.rules`, which `hubpulse alerts rules` shows.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidatorFunctionWrapHandler, WrapValidator

from schemas.durations import DurationS
from schemas.errors import shown

_WAIT_S_MAX = 86_400
_OFF = "off"


def _a_day(wait_s: int) -> int:
    if wait_s > _WAIT_S_MAX:
        raise ValueError("is more than a day: write 24h or less")
    return wait_s


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class RuleInFile(_Part):
    """What is otherwise of a rule; `off` in its place turns it off."""

    severity: Literal["warning", "critical"] | None = None
    """How bad it is."""


class LiveInFile(RuleInFile):
    """What is otherwise of a rule that is looked at each minute."""

    wait_s: Annotated[DurationS, AfterValidator(_a_day)] | None = Field(default=None, alias="wait", examples=["30m"])
    """How long it must be so before it is an alert, a day at most."""


class BatteryInFile(LiveInFile):
    """What is otherwise of the rule of batteries."""

    under_pct: float | None = Field(default=None, ge=1, le=40, allow_inf_nan=False, examples=[20])
    """Under how many per cent a battery is low, 40 at most; it is well again from twice as much on."""


class BufferInFile(LiveInFile):
    """What is otherwise of the rule of readings that wait for the store."""

    over_minutes: float | None = Field(default=None, ge=1, le=10_080, allow_inf_nan=False, examples=[15])
    """For more than how many minutes the oldest has waited."""


class DiskInFile(LiveInFile):
    """What is otherwise of the rule of an ingest's disk."""

    under_gib: float | None = Field(default=None, ge=0.1, le=100_000, allow_inf_nan=False, examples=[5])
    """Under how many GiB free it is nearly full; it is well again from twice as much on."""


class QuarantineInFile(LiveInFile):
    """What is otherwise of the rule of refused messages."""

    over_pct: float | None = Field(default=None, ge=0, lt=100, allow_inf_nan=False, examples=[5])
    """More than how many per cent of an ingest's messages of the last hour were refused."""

    at_least: int | None = Field(default=None, ge=1, le=1_000_000_000, examples=[50])
    """So many refused messages of the last hour, at least."""


def _or_off(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    if value is None or value is False or value == _OFF:
        return None
    if not isinstance(value, dict | BaseModel):
        text = "write off, or what is otherwise, such as {severity: critical}"
        raise ValueError(f"{shown(value)} is not known: {text}")  # noqa: TRY004 - pydantic's way
    return handler(value)


def _input(model: type[BaseModel]) -> WrapValidator:
    return WrapValidator(_or_off, json_schema_input_type=model | Literal["off"])


Plain = Annotated[RuleInFile | None, _input(RuleInFile)]
Live = Annotated[LiveInFile | None, _input(LiveInFile)]


class RulesInFile(_Part):
    """What is otherwise of each kind of alert; None for one that is off. Its names are those of docs/alerts.md."""

    store_away: Live = Field(default=LiveInFile(), alias="store-away")
    """The store can't be read."""

    ledger: Live = LiveInFile()
    """A ledger does not balance."""

    ingest: Live = LiveInFile()
    """An ingest is not connected, or reports nothing."""

    estate_silent: Live = Field(default=LiveInFile(), alias="estate-silent")
    """No hub reports."""

    disk: Annotated[DiskInFile | None, _input(DiskInFile)] = DiskInFile()
    """An ingest's disk is nearly full."""

    buffer: Annotated[BufferInFile | None, _input(BufferInFile)] = BufferInFile()
    """Readings wait for the store."""

    session_lost: Plain = Field(default=RuleInFile(), alias="session-lost")
    """The broker lost the session of an ingest."""

    quarantine: Annotated[QuarantineInFile | None, _input(QuarantineInFile)] = QuarantineInFile()
    """Many messages are refused."""

    hub_silent: Live = Field(default=LiveInFile(), alias="hub-silent")
    """No sensor of a hub reports."""

    sensor_silent: Live = Field(default=LiveInFile(), alias="sensor-silent")
    """A sensor missed three readings."""

    frost: Plain = RuleInFile()
    """A zone was near frost."""

    mould: Plain = RuleInFile()
    """Mould is likely to grow in a zone."""

    co2: Plain = RuleInFile()
    """A zone's air is poor while open."""

    cold: Plain = RuleInFile()
    """A zone is too cold while open."""

    overheating: Plain = RuleInFile()
    """A zone overheats by CIBSE TM52."""

    heat: Plain = RuleInFile()
    """A zone is hot while open."""

    damp: Plain = RuleInFile()
    """A zone is damp enough for mould."""

    doubt: Plain = RuleInFile()
    """A counter counts otherwise than before."""

    battery: Annotated[BatteryInFile | None, _input(BatteryInFile)] = BatteryInFile()
    """A sensor's battery is low."""

    doors: Plain = RuleInFile()
    """The doors of a hub count in part; of Grafana alone."""

    def of(self, name: str) -> RuleInFile | None:
        """What is otherwise of the rule of that name; None where it is off."""
        found: RuleInFile | None = getattr(self, name.replace("-", "_"))
        return found
