"""Hosts and networks, as settings name them."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator


def host_name(text: str) -> str:
    """A host's name or address. Raises ValueError for more than that."""
    if not re.fullmatch(
        r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63}){0,9}\.?|[0-9A-Fa-f.]*(:[0-9A-Fa-f.]*){2,8}(%\w+)?", text
    ):
        raise ValueError("holds more than a host: write its name or address alone, the port is a setting of its own")
    return text


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueError("is no address or network: write for example 10.0.0.7 or 10.0.0.0/24") from error


Network = Annotated[str, AfterValidator(_network)]
