"""How a hub's crossings become visits: what the estate file says is to be left out of what its doors count."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Rule(StrEnum):
    """What is left out of crossings, since it is no visit.

    Visits to museums exclude staff, volunteers, contractors and hire (DCMS, sponsored museums' performance indicators).
    """

    HALVE = "halve"
    """Half of them: a gate that can't tell directions counts a visit on its way in and out."""
    OUTSIDE_OPENING = "outside_opening"
    """Who was counted while the hub was closed: staff before it opens, cleaners."""
    STAFF = "staff"
    VOLUNTEERS = "volunteers"
    CONTRACTORS = "contractors"
    DELIVERIES = "deliveries"
    HIRE = "hire"

    @property
    def has_number(self) -> bool:
        """Whether the rule takes off a number that the file gives, and not one that was counted."""
        return self not in (Rule.HALVE, Rule.OUTSIDE_OPENING)


class VisitRule(BaseModel):
    """One step from crossings to visits. The steps are taken in the order of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    rule: Rule
    """What is left out."""

    entries_day: float | None = Field(default=None, gt=0, le=100_000, examples=[12])
    """How many on each day that the hub opens; 0.6 is three in a week of five days."""

    @model_validator(mode="after")
    def _number_where_one_is_needed(self) -> VisitRule:
        if self.rule.has_number and self.entries_day is None:
            raise ValueError(
                f"{self.rule} needs a number for each open day: write {{rule: {self.rule}, entries_day: 12}}"
            )
        if not self.rule.has_number and self.entries_day is not None:
            raise ValueError(f"{self.rule} goes by what was counted: leave entries_day out")
        return self
