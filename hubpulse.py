"""Hubpulse's front door: the command line. It wires rooms and owns no logic."""

from __future__ import annotations

from cli.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
