"""A browser on the machine of the board, which looks at everything without an account."""

from fastapi import FastAPI
from fastapi.testclient import TestClient


def browser_of(board: FastAPI, *, raise_server_exceptions: bool = True) -> TestClient:
    """A client; where an application raises, the test does, if it is not told otherwise."""
    return TestClient(
        board, base_url="http://localhost", client=("127.0.0.1", 50000), raise_server_exceptions=raise_server_exceptions
    )
