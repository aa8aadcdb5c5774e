"""Every text of a report, in each format, and of a notice stands in the catalogue."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from dashboards.alerts.history import Alert, Key
from dashboards.alerts.notice import Notice
from dashboards.alerts.rules import RULES
from dashboards.reports.evidence import Evidence
from dashboards.reports.files import Format
from dashboards.reports.formats import write
from dashboards.reports.gather import gather
from dashboards.reports.model import Report, Since
from dashboards.reports.pdf import data_of
from dashboards.reports.schedule import changes_in_words
from dashboards.reports.sections import document
from dashboards.reports.shelf import Figures
from schemas import Estate, Reason
from schemas.localtime import midnight_ns, to_ns
from schemas.measures import PeopleState
from stores.lines import encode
from tests.dashboards.conftest import LONDON, Filled, day_line, hub
from tests.dashboards.test_texts import Reader, Shifted, faulty, words_of
from tests.dashboards.test_texts import extracted as extracted  # noqa: PLC0414 - a fixture
from tests.dashboards.test_texts import shifted as shifted  # noqa: PLC0414 - likewise
from usage import Queries
from usage.attention.doubts import Doubt, Witness
from usage.audits import Audit
from usage.estimates import Estimate
from usage.health.cases import CaseKind
from usage.publishing.publications import BetterEstimate, publish
from usage.together import HourOfWeek
from usage.visits import visits

NOW = datetime(2026, 12, 2, 9, tzinfo=UTC)
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
ESTATE_FILE: dict[str, Any] = {
    "name": "Leeds",
    "timezone": "Europe/London",
    "hubs": [
        hub("armley", "Armley", closures=["2026-11-16..2026-11-17"], targets={"entries_month": 2000})
        | {"visits": [{"rule": "halve"}, {"rule": "staff", "entries_day": 3}, {"rule": "outside_opening"}]},
        hub("otley", "Otley"),
        hub("pudsey", "Pudsey"),
    ],
}
ESTATE = Estate.model_validate(ESTATE_FILE)
ZONE_ROWS: dict[CaseKind, dict[str, float]] = {
    CaseKind.FROST: {"frost_minutes_closed": 90.0, "temperature_min_c": 1.0},
    CaseKind.MOULD: {"mould_index": 3.0, "damp_minutes": 100.0},
    CaseKind.CO2: {"co2_minutes_over_limit": 200.0, "co2_max_ppm": 1900.0},
    CaseKind.COLD: {"cold_minutes": 400.0, "temperature_mean_c": 12.0},
    CaseKind.HEAT: {"heat_minutes": 100.0, "temperature_max_c": 30.0},
    CaseKind.DAMP: {"damp_minutes": 900.0, "damp_minutes_closed": 500.0},
}
ENTRIES = {
    "people": 181,
    "missed": 3,
    "extra": 1,
    "loss": 0.01,
    "low": -0.02,
    "high": 0.04,
    "factor": [1.01, 0.98, 1.04],
}
RESULT = {"verdict": "pass", "entries": ENTRIES, "valid_until": "2027-11-05"}
AUDIT = Audit("a1", "armley", "door-1", 0, 1, 0.05, 181, 3, 300, "", RESULT)


@pytest.fixture
def stored(filled: Filled) -> Filled:
    """Eleven weeks of two hubs, the last three of one of them, and of nobody at the third; every kind of case."""
    lines = []
    for back in range(2, 80):
        day = NOW.date() - timedelta(days=back)
        closed = day.weekday() == 6 or day in (date(2026, 11, 16), date(2026, 11, 17))
        more: dict[str, Any] = {"open_minutes": 0.0 if closed else 480.0}
        state = PeopleState.CLOSED if closed else PeopleState.PARTIAL if day.day == 12 else PeopleState.COUNTED
        more |= {"people_state": int(state), "footfall_completeness": 0.4 if day.day == 12 else 1.0}
        more |= {"co2_minutes_over_1500": 200.0, "damp_minutes": 500.0, "frost_minutes_closed": 60.0}
        lines.append(day_line("armley", day, 0 if closed else 400 if day < FIRST else 90, **more))
        if day > date(2026, 11, 9):
            lines.append(day_line("otley", day, None if day.day == 20 else 50, final=day < LAST, peak_occupancy=20))
        for kind, row in ZONE_ROWS.items():
            tags = {"hub": "armley", "zone": str(list(CaseKind).index(kind))}
            told = row if day < date(2026, 11, 20) or kind is not CaseKind.HEAT else dict.fromkeys(row, 0.0)
            told = told | {"environment_completeness": 1.0}
            lines.append(encode("usage_daily_zone", tags, told, midnight_ns(day, LONDON)))
    filled.put(*lines)
    return filled


def whole(filled: Filled) -> Report:
    """A report with all that one may say, in the language in use."""
    now_ns = to_ns(NOW)
    with closing(filled.open()) as store:
        queries = Queries(store, ESTATE, now_ns=now_ns)
        content = publish(queries, ESTATE, "2026-11", now_ns=now_ns)
        days = [{**row, "entries": 9999} if row["date"] == "2026-11-03" else row for row in content["days"]]
        sums = [{**row, "days": 1, "entries_low": 1, "peak_occupancy": 1, "method": "none"} for row in content["sums"]]
        evidence = Evidence([AUDIT], [{**content, "days": days, "sums": sums}])
        rows = [day.figures for day in queries.daily(FIRST, LAST, hub="armley")]
        found = gather(queries, ESTATE, "2026-11", now_ns=now_ns, evidence=evidence)
    assert found.restatement is not None
    doubts = (Doubt("armley", "door-1", FIRST, LAST, None, -0.3, (Witness.WIFI, Witness.CO2)).sentence(LAST),)
    quality = replace(
        found.quality,
        doubts=doubts,
        refused={str(reason): 3 for reason in Reason},
        ingests=2,
        unbalanced=("1",),
    )
    better = BetterEstimate("armley", "2026-11", (1, 0, 2), (3, 2, 4))
    before: Figures = {"armley": {"counted": 1, "days_counted": 2, "days_missing": 3}}
    return replace(
        found,
        quality=quality,
        since=Since(1, "1", changes_in_words(found, before, {})),
        total=replace(found.total, estimated=9, low=1, high=20, method="hours+weekday+weekday_sister+transfer?"),
        hours=tuple(HourOfWeek(weekday, 10, 2.5, 4) for weekday in (0, 5)),
        visits=(visits(ESTATE.hubs[0].visits, "armley", rows, Estimate(9, 1, 20, "weekday+transfer?")),),
        restatement=replace(found.restatement, code="1", estimates=(better,)),
    )


def read_html(report: Report) -> Iterator[str]:
    reader = Reader()
    reader.feed(write(report, Format.HTML).content.decode())
    yield from reader.read


def read_pdf(report: Report) -> Iterator[str]:
    """What the typesetter is given: texts, and the charts' own."""

    def texts(value: object) -> Iterator[str]:
        match value:
            case dict():
                reader = Reader()
                reader.feed(value.get("svg", ""))
                yield from reader.read
                for key, part in value.items():
                    if key not in ("svg", "kind", "id", "lang"):
                        yield from texts(part)
            case list():
                for part in value:
                    yield from texts(part)
            case str():
                yield value.replace("\u200b", "")

    yield from texts(data_of(document(report)))


def read_xlsx(report: Report) -> Iterator[str]:
    content = io.BytesIO(write(report, Format.XLSX).content)
    book = load_workbook(content)
    yield from book.sheetnames
    yield from (str(cell.value) for sheet in book for row in sheet for cell in row if cell.data_type == "s")
    with ZipFile(content) as parts:
        for name in parts.namelist():
            if "/charts/" in name or "/drawings/drawing" in name:
                for text in re.finditer(r'<a:t>([^<]*)<|descr="([^"]*)"', parts.read(name).decode()):
                    yield text[1] or text[2]


def read_csv(report: Report) -> Iterator[str]:
    """What stands in cells that are no code."""
    for row in csv.DictReader(io.StringIO(write(report, Format.CSV).content.decode())):
        yield row["value"]
        yield "" if row["section"] == "refused" else row["item"]


READERS = {Format.HTML: read_html, Format.PDF: read_pdf, Format.XLSX: read_xlsx, Format.CSV: read_csv}


def test_no_text_of_a_report_escapes_the_catalogue(stored: Filled, shifted: Shifted, extracted: set[str]) -> None:
    report = whole(stored)
    assert len({case.what for case in report.cases}) == len(ZONE_ROWS)
    assert all(line.startswith("Armley, door-1: ") for line in report.quality.audits)
    assert all((report.quality.audits, report.comparisons, report.targets, report.visits))
    names = set(words_of(ESTATE_FILE))
    found = [f"{form}: {text}" for form, read in READERS.items() for text in faulty(read(report), names)]
    assert not found, "\n".join(found)
    assert shifted.asked - extracted == set()


def test_no_text_of_a_notice_of_alerts_escapes_the_catalogue(shifted: Shifted, extracted: set[str]) -> None:
    now_ns = to_ns(NOW)
    opened = [Alert(Key(rule, "armley", subject), now_ns, now_ns, 12.5) for rule in RULES for subject in ("1", "2")]
    over = [replace(alert, fine_ns=now_ns, over_ns=now_ns) for alert in opened]
    read = []
    for new, ended, others in ((opened[:60], (), 3), (opened[60:], over[:20], 1), ((), over[20:], 0)):
        notice = Notice(tuple(new), tuple(ended))
        # What stands between ` is a command, the same in every language.
        read += [notice.title(ESTATE), re.sub("`[^`]*`", "", notice.text(ESTATE, others))]
    assert faulty(read, set(words_of(ESTATE_FILE))) == []
    assert shifted.asked - extracted == set()
