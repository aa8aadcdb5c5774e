"""Which addresses notices of alerts may go to.

An address is an Apprise URL. It holds passwords and tokens, so it is a secret: no problem, log or page quotes one.
Settings read them at the start of every command, so what only an estate file needs is in `schemas.notices`.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from schemas.errors import HubpulseError

SCHEMES = (
    *("mailto", "mailtos", "ntfy", "ntfys", "slack", "workflow", "workflows", "matrix", "matrixs", "pover"),
    *("tgram", "gotify", "gotifys", "mmost", "mmosts", "rocket", "rockets", "discord", "gchat", "signal", "signals"),
    *("webex", "wxteams", "zulip", "pagerduty", "opsgenie", "json", "jsons", "form", "forms", "xml", "xmls"),
)
"""What may be told: mail, messengers and web hooks. Others of Apprise write to the machine itself (syslog, dbus), show
something on it, or cost money by the message."""
_READS_FILES = {"template", "attach", "pgpkey", "keyfile", "privkey"}
"""What makes Apprise read a file of this machine."""
_FILE_BYTES_MAX = 64 * 1024


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
