"""The drill of docs/operations.md, on a small estate: what was backed up is there again, and goes on."""

from pathlib import Path

import pytest

from benchmarks.recovery import recover
from tests.real_parts import REPOSITORY


@pytest.mark.needs("mosquitto")
def test_hubpulse_is_back_on_an_empty_machine_by_the_documented_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recover(tmp_path, days=1)

    said = capsys.readouterr().out
    for step in ("hubpulse backup", "hubpulse restore, on an empty machine", "from the empty machine to the first"):
        assert step in said


def test_the_page_names_the_command_that_measures_it() -> None:
    page = (REPOSITORY / "docs/operations.md").read_text(encoding="utf-8")

    assert "python -m benchmarks.recovery" in page
