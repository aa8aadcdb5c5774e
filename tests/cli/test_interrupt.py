"""Ctrl-C before a command has its own way to stop: it ends without a word."""

import subprocess
import sys

import pytest

from tests.real_parts import REPOSITORY

# Sends itself Ctrl-C the moment that a module is imported, or that the command line is put together.
INTERRUPTED_AT = """
import os, signal, sys

module, sys.argv = sys.argv[1], ["hubpulse", "ledger"]

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, CtrlC())
import hubpulse
hubpulse.main()
"""


@pytest.mark.parametrize("module", ["cli.app", "schemas", "pydantic", "ingest.quarantine"])
def test_ctrl_c_while_modules_load_shows_no_traceback(module: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT, module], cwd=REPOSITORY, capture_output=True, timeout=60, check=False
    )
    assert ended.returncode in {130, -2}
    assert b"Traceback" not in ended.stderr
