"""Who is told of alerts, and when not: the `alerts` of the estate file, and which addresses may be used.

An address is an Apprise URL. It holds passwords and tokens, so it is a secret: no problem, log or page quotes one.
"""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from schemas.errors import HubpulseError

SCHEMES = (
    *("mailto", "mailtos", "ntfy", "ntfys", "slack", "workflow", "workflows", "matrix", "matrixs", "pover"),
    *("tgram", "gotify", "gotifys", "mmost", "mmosts", "rocket", "rockets", "discord", "gchat", "signal", "signals"),
    *("webex", "wxteams", "zulip", "pagerduty", "opsgenie", "json", "jsons", "form", "forms", "xml", "xmls"),
)
"""What may be told: mail, messengers and web hooks. Others of Apprise write to the machine itself (syslog, dbus), show
something on it, or cost money by the message."""
ADDRESSES_MAX = 10
_READS_FILES = {"template", "attach", "pgpkey", "keyfile", "privkey"}
"""What makes Apprise read a file of this machine."""
_FILE_BYTES_MAX = 64 * 1024
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


def address_problem(address: str) -> str | None:
    """Why an address can't be used, without quoting it; None where it can."""
    try:
        parts = urlsplit(address)
        options = parse_qs(parts.query, keep_blank_values=True)
    except ValueError:
        return "is no URL: see docs/alerts.md"
    if not re.match("[A-Za-z][A-Za-z0-9]*://.", address) or not address.isprintable():
        return "is no Apprise URL, such as mailto://user:password@example.org"
    if parts.scheme.lower() not in SCHEMES:
        return f"has a scheme that is not allowed: use one of {', '.join(SCHEMES)}"
    if _READS_FILES & {name.lower() for name in options}:
        return f"has an option that reads files: leave out {', '.join(sorted(_READS_FILES))}"
    return None


def read_addresses(path: Path) -> tuple[str, ...]:
    """The addresses of a file, one a line, lines with # left out. Raises HubpulseError."""
    try:
        with path.open("rb") as file:
            text = file.read(_FILE_BYTES_MAX).decode("utf-8-sig")
    except OSError as error:
        raise HubpulseError(f"the file of alerts' addresses {path} can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise HubpulseError(f"the file of alerts' addresses {path} is not UTF-8: one address a line") from error
    found = tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    for number, address in enumerate(found, start=1):
        if (problem := address_problem(address)) is not None:
            raise HubpulseError(f"{path}: address {number} {problem}")
    return found


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
