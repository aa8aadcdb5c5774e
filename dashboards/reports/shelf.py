"""What was given out by itself: `reports.json` of the data folder names each report, its files and its figures.

A file that was given out is never written over: what changes later is a new version beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dashboards.reports.files import ReportFile
from schemas import HubpulseError
from schemas.report_plans import ReportPlan

FILE_NAME = "reports.json"
BEGUN = 0
"""The version of the period before a plan's first: nothing was made of it."""
Figures = Mapping[str, Mapping[str, int | None]]
"""People and days by hub and name."""
KEPT_MAX = 2000
"""So many reports are remembered; the oldest are forgotten first, their files stay."""


@dataclass(frozen=True, slots=True)
class GivenOut:
    """A report that was made by itself: `files` are its paths, `figures` each hub's people by name.

    `made_ns` is when, `looked_ns` when it was last held against what is known, both in UTC nanoseconds.
    """

    every: str
    to: str
    hub: str | None
    period: str
    version: int
    made_ns: int
    looked_ns: int
    files: tuple[str, ...]
    figures: Figures

    @property
    def series(self) -> tuple[str, str, str | None]:
        """What it has in common with those of other periods."""
        return self.every, self.to, self.hub


def series_of(plan: ReportPlan) -> tuple[str, str, str | None]:
    """What the reports of a plan have in common."""
    return plan.every, plan.to, plan.hub


class Shelf:
    """The reports of a data folder, written by one process, read by any."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FILE_NAME

    def all(self) -> list[GivenOut]:
        """Every report, in the order in which they were made. Raises HubpulseError where the file can't be read."""
        try:
            rows = json.loads(self.path.read_text("utf-8"))
            return [GivenOut(**(row | {"files": tuple(row["files"])})) for row in rows]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise HubpulseError(
                f"{self.path} can't be read ({error}): move it away, and reports go on from the next period"
            ) from error

    def given_out(self) -> list[GivenOut]:
        """Those of which there are files. Raises HubpulseError."""
        return [each for each in self.all() if each.version != BEGUN]

    def put(self, made: GivenOut) -> None:
        """Remember a report, in place of what was known of the same version. Raises HubpulseError."""
        same = (made.series, made.period, made.version)
        others = [each for each in self.all() if (each.series, each.period, each.version) != same]
        text = json.dumps([asdict(each) for each in [*others, made][-KEPT_MAX:]], ensure_ascii=False, indent=1)
        fresh = self.path.with_suffix(".new")
        try:
            with fresh.open("w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
        except OSError as error:
            raise HubpulseError(f"could not write {self.path}: {error.strerror}") from error


def give_out(folder: Path, files: Sequence[ReportFile]) -> tuple[str, ...]:
    """Write files whole, and none over another. Raises HubpulseError; one of the name that is there stays."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            fresh = folder / f".{file.name}.new"
            fresh.write_bytes(file.content)
            try:
                os.link(fresh, folder / file.name)
            finally:
                fresh.unlink()
    except OSError as error:
        raise HubpulseError(
            f"no report can be put into {folder} ({error.strerror}): check `to` under `reports` in the estate file"
        ) from error
    return tuple(str((folder / file.name).absolute()) for file in files)
