"""Hubpulse's front door: the command line. It wires rooms and owns no logic."""

from __future__ import annotations

import gc
import os
import signal
import sys

INTERRUPTED = 130
COLLECT_AFTER_OBJECTS = 50_000
"""What is imported stays: at Python's 700 objects, looking for garbage among it takes a tenth of a short command."""


def main() -> None:
    """Run the command line. Ctrl-C never shows a traceback, not even while the rooms load."""
    # Pydantic would look through every installed package for plugins, which takes longer than most commands.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.set_threshold(COLLECT_AFTER_OBJECTS)
    ctrl_c = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from cli.app import main as run

    signal.signal(signal.SIGINT, ctrl_c)
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        # Nor is it looked through once more as the process ends, which gives all of it back.
        gc.freeze()


if __name__ == "__main__":
    main()
