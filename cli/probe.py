"""`python -m cli.probe ingest|jobs|board`: is a service of this machine well? Exit code 1 and a line where it is not.

For health checks, which run all the time: it imports the standard library alone, and asks the service's own sign of
life. It reads HUBPULSE_DATA_DIR, HUBPULSE_BOARD__HOST and HUBPULSE_BOARD__PORT from the environment, no .env.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from ingest.heartbeat import problem_of
from schemas.errors import shown

_DEADLINE_S = 5.0
_PORT_MAX = 65535
_SERVICES = ("ingest", "jobs", "board")


def _port_of(text: str) -> int | None:
    """The port that a text names, or None where it names none."""
    try:
        port = int(text)
    except ValueError:
        return None
    return port if 0 <= port <= _PORT_MAX else None


def _problem_of_board(host: str, port_text: str) -> str | None:
    """Whether the board answers; over a bare socket, since an HTTP client takes longer to import than to ask."""
    port = _port_of(port_text)
    if port is None:
        return f"HUBPULSE_BOARD__PORT: {shown(port_text)} is not a port: write a whole number from 0 to {_PORT_MAX}"
    try:
        with socket.create_connection((host, port), timeout=_DEADLINE_S) as connection:
            connection.sendall(f"GET /healthz HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            answer = connection.makefile("rb").readline(100).decode("latin-1").split()
    except OSError as error:
        return f"{host}:{port} can't be reached ({error.strerror or error}): start `hubpulse board`"
    except UnicodeError:
        return f"HUBPULSE_BOARD__HOST: {shown(host)} is not a host: write its name or address"
    return None if answer[1:2] == ["200"] else f"{host}:{port} answers {' '.join(answer) or 'nothing'}: see its log"


def main() -> None:
    """Ask the service that the command line names."""
    service = " ".join(sys.argv[1:])
    if service not in _SERVICES:
        print(f"error: name one service: {', '.join(_SERVICES)}", file=sys.stderr)
        sys.exit(2)
    environment = os.environ
    if service == "board":
        host, port = environment.get("HUBPULSE_BOARD__HOST"), environment.get("HUBPULSE_BOARD__PORT")
        problem = _problem_of_board(host or "127.0.0.1", port or "8080")
    else:
        problem = problem_of(service, Path(environment.get("HUBPULSE_DATA_DIR") or "data"))
    if problem is not None:
        sys.exit(f"{service}: {problem}")


if __name__ == "__main__":
    main()
