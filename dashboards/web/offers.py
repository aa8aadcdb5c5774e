"""What the forms that ask for a report offer: periods, hubs, formats."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from fastapi import Request

from dashboards.access.gate import visitor_of
from dashboards.reports.files import Format
from dashboards.web import ranges
from dashboards.web.snapshot import Snapshot
from schemas.texts import N_, _
from usage.queries import DateRange, Period

_PERIODS = (
    (Period.MONTH, 13, N_("Months")),
    (Period.WEEK, 9, N_("Weeks")),
    (Period.QUARTER, 5, N_("Quarters")),
    (Period.HALF, 3, N_("Half-years")),
    (Period.YEAR, 2, N_("Years")),
)
"""How many periods of each kind are offered."""
_FORMATS = {
    Format.PDF: N_("PDF, to print and hand round"),
    Format.HTML: N_("HTML, to read on a screen"),
    Format.XLSX: N_("Excel, to work on"),
    Format.CSV: N_("CSV, for programs"),
}


def of_reports(request: Request, snapshot: Snapshot) -> dict[str, Any]:
    """What a template with `report_fields` needs, with what the address chose beforehand."""
    today = snapshot.now.date()
    return {
        "periods": [(_(label), _latest(kind, count, today)) for kind, count, label in _PERIODS],
        "chosen": request.query_params.get("period", DateRange.of(Period.MONTH, today).before().name),
        "all_hubs": visitor_of(request).hubs is None,
        "chosen_hub": request.query_params.get("hub", ""),
        "hubs": [(hub.id, hub.name or hub.id) for hub in snapshot.states],
        "formats": [(form.value, _(label)) for form, label in _FORMATS.items()],
    }


def _latest(kind: Period, count: int, today: date) -> list[tuple[str, str]]:
    """The latest periods that have a whole day, by name and in words."""
    found = [DateRange.of(kind, today - timedelta(days=1))]
    while len(found) < count:
        found.append(found[-1].before())
    return [(each.name, ranges.label(each, today)) for each in found]
