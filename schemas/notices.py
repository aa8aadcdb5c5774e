"""Which alerts there are, who is told of them, and when not: the `alerts` of the estate file."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from schemas.alert_rules import RulesInFile
from schemas.notice_addresses import address_problem

ADDRESSES_MAX = 10
_TIME = "([01][0-9]|2[0-3]):([0-5][0-9])"
_QUIET = re.compile(f"{_TIME}-{_TIME}")


class Quiet(BaseModel):
    """When nobody is told of what can wait: local times of day, over midnight where the first is later."""

    model_config = ConfigDict(frozen=True)

    start: time
    stop: time

    def holds(self, now: time) -> bool:
        """Whether it is quiet at a time of day."""
        if self.start <= self.stop:
            return self.start <= now < self.stop
        return now >= self.start or now < self.stop


def _secret_address(value: object) -> object:
    # Checked before it is anything that pydantic would quote.
    if not isinstance(value, str | SecretStr):
        raise ValueError("holds what is no address: write Apprise URLs, each in quotes")  # noqa: TRY004 - pydantic's way
    text = value if isinstance(value, str) else value.get_secret_value()
    if (problem := address_problem(text)) is not None:
        raise ValueError(problem)
    return SecretStr(text)


def _quiet(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _QUIET.fullmatch(value)
    if match is None:
        raise ValueError('is no span of a day: write for example "20:00-07:00"')
    return Quiet(start=time(int(match[1]), int(match[2])), stop=time(int(match[3]), int(match[4])))


def _listed(value: object) -> object:
    # Said here: elsewhere what is no list would be quoted.
    if not isinstance(value, list | tuple):
        raise ValueError("is not a list: write the addresses in brackets, each in quotes")  # noqa: TRY004 - likewise
    return value


def _few(addresses: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if len(addresses) > ADDRESSES_MAX:
        raise ValueError(f"has more than {ADDRESSES_MAX} addresses: tell a group or a channel")
    return addresses


Address = Annotated[
    SecretStr, BeforeValidator(_secret_address), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9]+://"})
]


class AlertsInFile(BaseModel):
    """Who is told of alerts. Without an address they are on the board and in `hubpulse alerts list` alone."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    to: Annotated[tuple[Address, ...], BeforeValidator(_listed), AfterValidator(_few)] = Field(
        default=(), examples=[["mailto://user:password@example.org"]]
    )
    """Apprise URLs. They hold passwords: `to_file` keeps them out of this file."""

    to_file: Path | None = Field(default=None, examples=["/run/secrets/alerts"])
    """A file with one Apprise URL a line."""

    quiet: Annotated[
        Quiet | None, BeforeValidator(_quiet), WithJsonSchema({"type": "string", "pattern": f"^{_QUIET.pattern}$"})
    ] = Field(default=None, examples=["20:00-07:00"])
    """When nobody is told of what can wait until it is over, in the estate's time zone."""

    rules: RulesInFile = Field(default=RulesInFile(), examples=[{"battery": {"under_pct": 20}, "heat": "off"}])
    """What is otherwise of each kind of alert: off, or its severity, how long it waits, and its number."""
