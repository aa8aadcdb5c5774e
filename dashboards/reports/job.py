"""Reports as work of the jobs. What makes them is imported with the first plan: most estates have none."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from schemas import Estate
from stores import Store
from usage.jobs import Work

if TYPE_CHECKING:
    from dashboards.alerts.addresses import Address
    from dashboards.reports.shelf import GivenOut

EVERY_S = 600


def report_work(
    data_dir: Path,
    audits: Path,
    told: Callable[[GivenOut], None] = lambda _made: None,
    *,
    addresses: Callable[[Estate], Sequence[Address]] = lambda _estate: (),
    clock_ns: Callable[[], int] = time.time_ns,
) -> Work:
    """Makes the estate file's reports, and sends the notices that it asks for to `addresses`.

    `told` is called with each report that was made.
    """

    def make_due(store: Store, estate: Estate, now_ns: int) -> None:
        if estate.reports:
            from dashboards.reports.notices import tell  # noqa: PLC0415 - numpy is slow to import
            from dashboards.reports.schedule import ReportSchedule  # noqa: PLC0415 - likewise
            from dashboards.reports.shelf import Shelf  # noqa: PLC0415 - likewise

            try:
                ReportSchedule(data_dir, audits, told).make_due(store, estate, now_ns)
            finally:
                tell(store, estate, Shelf(data_dir), addresses, clock_ns)

    return Work("make_reports", EVERY_S, make_due)
