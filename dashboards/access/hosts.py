"""By which names the board may be asked for: a page of somebody else's must not read it through a visitor's browser.

Such a page gives its own name the board's address (DNS rebinding); the browser then sends that name as `Host`. Nobody
else can give out an address as such, a name without a dot, or the names of this machine.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection
from functools import cache

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?", re.ASCII)


def is_host_of_board(header: str, names: Collection[str]) -> bool:
    """Whether a `Host` header is an address, a name without a dot, this machine's name, or one of `names`."""
    found = _HOST.fullmatch(header)
    if found is None:
        return False
    host = (found[1] or found[2]).lower().rstrip(".")
    return _is_address(host) or "." not in host or host.endswith(".localhost") or host in {*names, _own_name()}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@cache
def _own_name() -> str:
    return socket.gethostname().lower()
