"""The root of every error that an operator may see: one line that says what happened, where, and what to do next."""

from __future__ import annotations


class HubpulseError(Exception):
    """Something foreseeable went wrong; the command line prints the message alone and exits with 1."""
