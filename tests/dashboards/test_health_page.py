"""The page of building health: the worst first, what to do, who sees and who notes what."""

import csv
import io
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from dashboards.access.accounts import Role
from schemas.localtime import midnight_ns
from schemas.measures import PeopleState
from stores.lines import encode
from tests.dashboards.conftest import LONDON, TODAY, Filled
from tests.dashboards.test_access import ORIGIN, PASSWORD, Door
from tests.dashboards.test_pages import text_of
from usage.health import CaseKind
from usage.health.cases import Judged
from usage.health.rows import case_line
from usage.health.rules import source_of


def case(kind: CaseKind, hub: str, since: date, **more: object) -> Judged:
    known = {"until": None, "latest": TODAY, "value": 12.0, "minutes": 90.0, "people": None, "last_data": TODAY}
    limits = {CaseKind.CO2: 1500.0, CaseKind.COLD: 16.0, CaseKind.FROST: 5.0}
    return Judged(kind=kind, hub=hub, zone="cafe", since=since, **{"limit": limits.get(kind, 2.5)} | known | more)  # type: ignore[arg-type]


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


CASES = (
    case(CaseKind.COLD, "armley", days_ago(3)),
    case(CaseKind.CO2, "armley", days_ago(1), value=1720.0, people=14.2),
    case(CaseKind.FROST, "beeston", TODAY, value=4.1),
    case(CaseKind.MOULD, "armley", days_ago(40), value=2.7, minutes=None, last_data=days_ago(9), latest=days_ago(9)),
    case(CaseKind.COLD, "otley", days_ago(30), until=days_ago(20), latest=days_ago(21), last_data=days_ago(20)),
    case(CaseKind.COLD, "otley", days_ago(300), until=days_ago(200), latest=days_ago(201), last_data=days_ago(200)),
)


@pytest.fixture
def door(known: Filled, tmp_path: Path) -> Door:
    known.put(*(case_line(each, LONDON) for each in CASES))
    made = Door(known, tmp_path / "accounts")
    made.accounts.add("vera", PASSWORD, Role.VIEWER)
    made.accounts.add("arthur", PASSWORD, Role.MANAGER, ["armley"])
    made.accounts.add("mia", PASSWORD, Role.MANAGER)
    return made


def cases_on(page: str) -> list[str]:
    """The open cases, in their order."""
    listed = re.search(r'<ol class="cases">(.*?)</ol>', page, re.DOTALL)
    assert listed is not None
    return [text_of(item) for item in re.findall(r"<li[^>]*>(.*?)</li>", listed[1], re.DOTALL)]


def test_the_worst_comes_first_with_since_when_where_and_what_to_do(door: Door) -> None:
    page = door.sign_in("vera").get("/health")
    found = cases_on(page.text)
    assert [text.split()[1] for text in found] == ["frost", "mould", "poor", "cold"]
    assert "below 5 °C for 1 h 30 min while closed, lowest of the whole day 4.1 °C" in found[0]
    assert "no data since 11 November 2026" in found[1]
    assert "investigate by 25 October" not in found[1]
    assert "about 14 people in the building meanwhile" in found[2]
    assert "since Tue 17 Nov (3 days)" in found[3]
    assert "HSE L24" in found[3]
    assert "Otley" in text_of(page.text)
    assert page.text.count("Sat 31 Oct") == 1, "what was over within 90 days, and nothing older"


def test_the_worst_day_is_told_of_each_case(filled: Filled, tmp_path: Path) -> None:
    """What it was then, and its day; of an open case beside the latest one."""
    ended = {"until": days_ago(3), "latest": days_ago(4), "last_data": days_ago(3)}
    worst = {"worst_on": days_ago(6), "worst_value": 2310.0, "worst_minutes": 200.0}
    filled.put(
        case_line(case(CaseKind.CO2, "armley", days_ago(8), value=1540.0, minutes=30.0, **ended, **worst), LONDON),
        case_line(case(CaseKind.CO2, "beeston", days_ago(8), value=1540.0, minutes=30.0, **worst), LONDON),
        case_line(case(CaseKind.COLD, "otley", days_ago(1), worst_on=TODAY, worst_value=12.0), LONDON),
    )
    door = Door(filled, tmp_path / "accounts")
    door.accounts.add("vera", PASSWORD, Role.VIEWER)
    page = door.sign_in("vera").get("/health")
    latest = "CO₂ over 1_500 ppm for 30 min while open, highest of the whole day 1_540 ppm"
    assert f"{latest} (Fri 20 Nov; worst on Sat 14 Nov: 3 h 20 min, 2_310 ppm)" in cases_on(page.text)[0]
    assert "worst on" not in cases_on(page.text)[1]
    over = text_of(page.text.partition('id="h-closed"')[2])
    then = "CO₂ over 1_500 ppm for 3 h 20 min while open, highest of the whole day 2_310 ppm"
    assert f"{then} (Sat 14 Nov)" in over
    assert "1_540" not in over
    file = door.sign_in("vera").get("/health.csv").text.split("\r\n\r\n", 1)[1]
    (row,) = (row for row in csv.DictReader(io.StringIO(file)) if row["State"] == "over")
    assert (row["Value"], row["Minutes"]) == ("1540.0", "30.0")
    assert (row["Worst day"], row["Value then"], row["Minutes then"]) == ("2026-11-14", "2310.0", "200.0")


def test_a_hub_that_is_not_measured_is_not_healthy(filled: Filled, tmp_path: Path) -> None:
    filled.put_fresh_readings("armley")
    door = Door(filled, tmp_path / "accounts")
    door.accounts.add("vera", PASSWORD, Role.VIEWER)
    rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", door.sign_in("vera").get("/health").text, re.DOTALL)
    found = {text_of(row).split()[0]: text_of(row) for row in rows}
    assert "healthy" in found["Armley"]
    assert "no data" in found["Otley"]
    assert "healthy" not in found["Otley"]


def test_a_visitor_of_some_hubs_sees_only_those(door: Door) -> None:
    arthur = door.sign_in("arthur")
    for path in ("/health", "/health.csv"):
        answer = arthur.get(path).text
        assert "rmley" in answer
        assert not re.search("beeston|otley", answer.lower())


FROST = {"hub": "beeston", "zone": "cafe", "kind": "frost", "since": TODAY.isoformat()}


def send(visitor: TestClient, **form: str) -> int:
    return visitor.post("/health", data=FROST | form, headers={"Origin": ORIGIN}).status_code


def test_a_manager_notes_and_closes_a_case_and_nobody_else_does(door: Door) -> None:
    mia = door.sign_in("mia")
    told = door.stranger().post("/health", data=FROST | {"text": "x"}, headers={"Origin": ORIGIN})
    assert (told.status_code, told.headers["location"].startswith("/login")) == (303, True)
    assert send(door.sign_in("vera"), text="x") == 403
    assert send(door.sign_in("arthur"), text="x") == 404, "that hub is none of his"
    assert send(mia, text=" ") == 400
    assert send(mia, text="x" * 201) == 400
    assert send(mia, text="x", since="2020-01-01") == 404
    assert send(mia, text="<b>pipe</b> lagged") == 303
    page = mia.get("/health").text
    assert "<b>pipe</b> lagged" in cases_on(page)[0]
    assert re.search(r"mia\s*, Fri 20 Nov 14:05", cases_on(page)[0])
    assert "<b>pipe" not in page
    assert send(mia, text="heating on", closes="yes") == 303
    page = mia.get("/health").text
    assert not any("frost" in text for text in cases_on(page))
    assert "closed by mia" in text_of(page)
    assert send(mia, text="again") == 404


def test_a_viewer_is_offered_no_form(door: Door) -> None:
    assert "<form" not in door.sign_in("vera").get("/health").text
    assert door.sign_in("mia").get("/health").text.count('<form method="post" action="/health"') == 4


def test_the_file_holds_every_case_and_no_formula(door: Door) -> None:
    mia = door.sign_in("mia")
    assert send(mia, text="=1+1") == 303
    text = mia.get("/health.csv").text
    rows = list(csv.DictReader(io.StringIO(text.split("\r\n\r\n", 1)[1])))
    assert [(row["State"], row["Kind"], row["Hub"]) for row in rows] == [
        ("open", "frost", "beeston"),
        ("open", "mould", "armley"),
        ("open", "poor air", "armley"),
        ("open", "cold", "armley"),
        ("over", "cold", "otley"),
    ]
    assert (rows[0]["Value"], rows[0]["Minutes"], rows[2]["People"]) == ("4.1", "90.0", "14.2")
    assert rows[0]["Notes"] == "mia 2026-11-20 14:05: =1+1"


def test_person_hours_that_miss_days_say_so(known: Filled, tmp_path: Path) -> None:
    known.put(
        *(
            encode("usage_daily", {"hub": "armley"}, {"person_hours_over_limit": 2.5}, midnight_ns(days_ago(n), LONDON))
            for n in (1, 2)
        )
    )
    door = Door(known, tmp_path / "accounts")
    door.accounts.add("vera", PASSWORD, Role.VIEWER)
    page = text_of(door.sign_in("vera").get("/health").text)
    assert re.search(r"5\.0\s+24 open days of 26 missing", page)


def test_person_hours_of_days_that_were_counted_in_part_are_at_least_so_many(known: Filled, tmp_path: Path) -> None:
    in_part = {"people_state": int(PeopleState.PARTIAL), "footfall_completeness": 0.25, "person_hours_over_limit": 30.0}
    known.put_day("armley", days_ago(1), 30, **in_part)
    known.put_day("armley", days_ago(2), 30, person_hours_over_limit=2.0)
    door = Door(known, tmp_path / "accounts")
    door.accounts.add("vera", PASSWORD, Role.VIEWER)
    page = text_of(door.sign_in("vera").get("/health").text)
    assert "32.0 24 open days of 26 missing, 1 day counted in part: more or fewer" in page


@pytest.mark.parametrize("kind", CaseKind)
def test_a_case_of_each_kind_is_shown_with_where_its_limit_comes_from(
    known: Filled, tmp_path: Path, kind: CaseKind
) -> None:
    judged = case(kind, "armley", days_ago(3))
    known.put(case_line(judged, LONDON))
    made = Door(known, tmp_path / "accounts")
    made.accounts.add("vera", PASSWORD, Role.VIEWER)
    page = made.sign_in("vera").get("/health")
    assert page.status_code == 200
    assert text_of(source_of(kind, judged.limit)) in text_of(page.text)
