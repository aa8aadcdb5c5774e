"""Cases of building health in reports: those of the period, as they stood when it ended, held against raw readings."""

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dashboards.reports.files import Format
from dashboards.reports.findings import buildings
from dashboards.reports.formats import write
from dashboards.reports.gather import gather
from dashboards.reports.model import CaseLine, Report
from schemas import Estate, Kind
from schemas.texts import number_text
from stores import Store
from stores.sqlite_store import SqliteStore
from tests.usage import given
from tests.usage.given import HOUR_NS, at, put
from usage import Queries, RollupWriter
from usage.attention.doubts import Doubt, Witness
from usage.attention.rows import doubt_line
from usage.health import CaseKind, CaseNote, cases_within
from usage.health.rows import note_line
from usage.rows import write as write_rows

WEEK, FIRST = "2026-W47", date(2026, 11, 16)
"""Monday 16 to Sunday 22 November."""
SENSORS = [{"id": "hall", "kinds": ["temperature", "humidity", "co2"], "zone": "hall", "every": "1h"}]
HUBS = ("armley", "beeston", "otley", "pudsey", "rothwell")
BEGAN, ENDED = date(2026, 11, 9), date(2026, 12, 4)
CO2 = {date(2026, 11, 17): 3, date(2026, 11, 18): 6, date(2026, 11, 19): 4}
"""Hours at over 1500 ppm from ten on at Armley."""
DAMP = range(17, 19)
"""Days of November with damp air at Beeston."""
COLD_FROM = {"otley": date(2026, 11, 12), "pudsey": date(2026, 11, 25), "rothwell": date(2026, 11, 12)}
SILENT_FROM = {"rothwell": date(2026, 11, 14)}


def readings_of(hub_id: str, day: date, hour: int) -> tuple[float, float, float]:
    """Degrees, percent and ppm."""
    cold = day >= COLD_FROM.get(hub_id, date.max)
    damp = hub_id == "beeston" and day.month == 11 and day.day in DAMP
    stale = hub_id == "armley" and 10 <= hour < 10 + CO2.get(day, 0)
    return 12.0 + day.day / 100 if cold else 20.0, 92.0 if damp else 50.0, 1500.0 + 10 * hour if stale else 600.0


@pytest.fixture(scope="module")
def known() -> Estate:
    opening = {"mon-fri": "09:00-17:00"}
    return given.estate(*(given.hub(name, SENSORS, opening=opening, name=name.title()) for name in HUBS))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, known: Estate) -> Iterator[Store]:
    """Four weeks of raw readings of four halls, rolled up."""
    days = [BEGAN + timedelta(days=n) for n in range((ENDED - BEGAN).days)]
    with closing(SqliteStore(tmp_path_factory.mktemp("cases") / "store.db")) as found:
        found.prepare()
        for hub_id in HUBS:
            by_kind: dict[Kind, list[tuple[int, Mapping[str, float]]]] = {}
            for day in (day for day in days if day < SILENT_FROM.get(hub_id, ENDED)):
                for hour in range(24):
                    celsius, percent, ppm = readings_of(hub_id, day, hour)
                    now_ns = at(day.isoformat()) + hour * HOUR_NS
                    by_kind.setdefault(Kind.TEMPERATURE, []).append((now_ns, {"temperature_c": celsius}))
                    by_kind.setdefault(Kind.HUMIDITY, []).append((now_ns, {"relative_humidity_pct": percent}))
                    by_kind.setdefault(Kind.CO2, []).append((now_ns, {"co2_ppm": ppm}))
            for kind, rows in by_kind.items():
                put(found, kind, rows, hub=hub_id, sensor="hall", zone="hall")
            for _ in RollupWriter(found, known, hub_id, now_ns=at(ENDED.isoformat())).recompute(days):
                pass
        yield found


def report(
    store: Store, known: Estate, made: str = "2026-11-23T09:00", period: str = WEEK, hub: str | None = None
) -> Report:
    now_ns = at(made)
    return gather(Queries(store, known, now_ns=now_ns), known, period, hub=hub, now_ns=now_ns)


def spans(found: Report) -> list[tuple[str, str, date, date | None]]:
    return sorted((case.hub, case.what, case.since, case.over) for case in found.cases)


def of(found: Report, hub_id: str) -> CaseLine:
    (case,) = [each for each in found.cases if each.hub == hub_id]
    return case


def test_a_report_has_the_cases_that_were_open_on_a_day_of_its_period(store: Store, known: Estate) -> None:
    found = report(store, known)
    assert spans(found) == [
        ("armley", "poor air", date(2026, 11, 17), date(2026, 11, 20)),
        ("beeston", "damp", date(2026, 11, 17), date(2026, 11, 19)),
        ("otley", "cold", COLD_FROM["otley"], None),
        ("rothwell", "cold", COLD_FROM["rothwell"], None),
    ]
    assert [case.over for case in found.cases[:2]] == [None, None], "what was open as the week ended comes first"
    assert buildings(found)[0] == (
        "4 cases of building health were open in this period; 2 still were on 22 November 2026."
    )


def test_the_worst_day_is_that_of_the_raw_readings_of_the_period(store: Store, known: Estate) -> None:
    found = report(store, known)
    worst = max(CO2, key=lambda day: CO2[day])
    ppm = max(readings_of("armley", worst, hour)[2] for hour in range(24))
    told = " ".join(of(found, "armley").worst.split())
    expected = f"{CO2[worst]} h while open, highest of the whole day {number_text(ppm)} ppm (18 November 2026)"
    assert told == " ".join(f"CO₂ over 1 500 ppm for {expected}".split())
    coldest = min(readings_of("otley", FIRST + timedelta(days=n), 12)[0] for n in range(5))
    assert of(found, "otley").worst.startswith(f"{coldest:.1f}\u00a0°C on average while open, 8\u00a0h below")
    assert of(found, "otley").worst.endswith("(16 November 2026)")


def test_a_case_that_nobody_measured_in_the_period_says_since_when(store: Store, known: Estate) -> None:
    assert of(report(store, known), "rothwell").worst == "no data since 13 November 2026"


@pytest.mark.parametrize("made", ["2026-11-24T09:00", "2026-12-04T09:00", "2027-06-01T09:00", "2029-01-01T09:00"])
def test_a_report_made_later_has_the_same_cases(store: Store, known: Estate, made: str) -> None:
    assert report(store, known, made).cases == report(store, known).cases


def test_what_is_noted_after_the_period_changes_nothing_of_it(store: Store, known: Estate) -> None:
    before, made = report(store, known), datetime(2026, 11, 24, 9, tzinfo=UTC)
    note = CaseNote(CaseKind.COLD, "otley", "hall", made, "ann", "boiler repaired", closes=True)
    write_rows(store, [note_line(note)])
    assert report(store, known, "2026-12-04T09:00").cases == before.cases
    (later,) = [each for each in report(store, known, "2026-12-04T09:00", "2026-W48").cases if each.hub == "otley"]
    assert later.over is None, "it went on after it was closed"


def test_a_case_that_somebody_closed_was_open_on_that_day(store: Store, known: Estate) -> None:
    closed = datetime(2026, 11, 30, 9, tzinfo=UTC)
    write_rows(store, [note_line(CaseNote(CaseKind.COLD, "pudsey", "hall", closed, "ann", "repaired", closes=True))])
    queries, day = Queries(store, known, now_ns=at("2026-12-01T09:00")), timedelta(days=1)
    last = closed.date()
    found = [cases_within(queries, known, first, last, hub="pudsey") for first in (last, last + day)]
    assert [[(case.until, case.closed_by) for case in cases] for cases in found] == [[(last, "ann")], []]


def test_a_doubt_that_ended_later_is_told_as_it_stood(store: Store, known: Estate) -> None:
    doubt = Doubt("armley", "door", date(2026, 11, 10), date(2026, 11, 20), None, -0.3, (Witness.WIFI,))
    told = []
    for until, made in ((None, "2026-11-23T09:00"), (date(2026, 11, 27), "2026-12-04T09:00")):
        write_rows(store, [doubt_line(replace(doubt, until=until), ZoneInfo("Europe/London"))])
        told.append(report(store, known, made).quality.doubts)
    assert told[0] == told[1] != ()


def test_a_report_of_a_hub_has_its_cases_alone(store: Store, known: Estate) -> None:
    found = report(store, known, hub="armley")
    assert [case.hub for case in found.cases] == ["armley"]
    assert "beeston" not in write(found, Format.CSV).content.decode().lower()


def test_a_running_period_says_what_was_open_on_its_last_day(store: Store, known: Estate) -> None:
    found = report(store, known, "2026-11-19T09:00")
    assert sorted((case.hub, case.over) for case in found.cases) == [
        ("armley", None),
        ("beeston", None),
        ("otley", None),
        ("rothwell", None),
    ]
    assert "4 still were on 18 November 2026." in buildings(found)[0]


def test_programs_get_each_case_by_itself_and_people_its_name(store: Store, known: Estate) -> None:
    files = {form: write(report(store, known), form).content for form in (Format.CSV, Format.HTML)}
    rows = [row for row in csv.DictReader(io.StringIO(files[Format.CSV].decode())) if row["section"] == "cases"]
    assert {(row["item"], row["value"]) for row in rows if row["figure"] == "over"} == {
        ("armley hall poor air 2026-11-17", "2026-11-20"),
        ("beeston hall damp 2026-11-17", "2026-11-19"),
        ("otley hall cold 2026-11-12", "still open"),
        ("rothwell hall cold 2026-11-12", "still open"),
    }
    page = files[Format.HTML].decode()
    assert '<td class="text">poor air</td>' in page
    assert "Cases as of 22 November 2026" in page
    assert "Busiest days" not in page, "nobody was counted"
