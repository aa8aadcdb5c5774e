"""Reports as work of the jobs. What makes them is imported with the first plan: most estates have none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from schemas import Estate
from stores import Store
from usage.jobs import Work

if TYPE_CHECKING:
    from dashboards.reports.shelf import GivenOut

EVERY_S = 600


def report_work(data_dir: Path, audits: Path, told: Callable[[GivenOut], None] = lambda _made: None) -> Work:
    """Makes the estate file's reports. `told` is called with each that was made, such as to send word of it."""

    def make_due(store: Store, estate: Estate, now_ns: int) -> None:
        if estate.reports:
            from dashboards.reports.schedule import ReportSchedule  # noqa: PLC0415 - numpy is slow to import

            ReportSchedule(data_dir, audits, told).make_due(store, estate, now_ns)

    return Work("make_reports", EVERY_S, make_due)
