"""Reports that are made by themselves: when, once, made up for after a pause, and never over one that was given out."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dashboards.alerts.addresses import Address, addresses_of
from dashboards.reports.job import report_work
from dashboards.reports.shelf import GivenOut, Shelf
from schemas import Estate, HubpulseError, Settings
from schemas.localtime import to_ns
from schemas.notices import AlertsInFile
from stores.lines import Value
from tests.dashboards.conftest import TODAY, Filled, day_line, hub
from tests.dashboards.fortnight import Received, receiving
from tests.dashboards.test_texts import Shifted, faulty
from tests.dashboards.test_texts import extracted as extracted  # noqa: PLC0414 - a fixture
from tests.dashboards.test_texts import shifted as shifted  # noqa: PLC0414 - likewise
from usage.journal import Change, change_lines

HALLOWEEN = date(2026, 10, 31)
PLAN = {"every": "month", "format": ["csv", "html"], "to": "given"}


def known(*plans: Mapping[str, Any]) -> Estate:
    hubs = [hub("armley", "Armley"), hub("otley", "Otley")]
    return Estate.model_validate({"timezone": "Europe/London", "hubs": hubs, "reports": plans or [PLAN]})


@pytest.fixture
def stored(filled: Filled) -> Filled:
    """Eighty days of two hubs up to 20 November, each counted and final."""
    lines = []
    for back in range(80):
        day = TODAY - timedelta(days=back)
        standing: dict[str, Value] = {"open_minutes": 480.0, "people_state": 2}
        lines += [day_line("armley", day, 100, **standing), day_line("otley", day, 50, **standing)]
    filled.put(*lines)
    return filled


def tick(stored: Filled, when: str, estate: Estate | None = None) -> list[GivenOut]:
    """Let the jobs do it once; what was made."""
    made: list[GivenOut] = []
    folder = stored.path.parent
    store = stored.open()
    try:
        now_ns = to_ns(datetime.fromisoformat(when).replace(tzinfo=UTC))
        report_work(folder, folder, made.append).run(store, estate or known(), now_ns)
    finally:
        store.close()
    return made


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "given").iterdir()) if (folder / "given").exists() else []


def test_the_last_month_is_made_once(stored: Filled) -> None:
    folder = stored.path.parent
    (made,) = tick(stored, "2026-11-05T10:00")
    assert (made.period, made.version, made.figures["armley"]["counted"]) == ("2026-10", 1, 3100)
    assert names(folder) == ["hubpulse-2026-10.csv", "hubpulse-2026-10.html"]
    assert tick(stored, "2026-11-05T10:10") == []
    assert [each.period for each in Shelf(folder).given_out()] == ["2026-10"]


def test_nothing_is_made_before_all_days_are_final(stored: Filled) -> None:
    stored.put_day("otley", HALLOWEEN, 50, final=False, people_state=2)
    assert tick(stored, "2026-11-02T10:00") == []
    assert [each.period for each in tick(stored, "2026-11-02T10:00", known(PLAN | {"hub": "armley"}))] == ["2026-10"]
    stored.put_day("otley", HALLOWEEN, 50, final=True, people_state=2)
    assert [each.period for each in tick(stored, "2026-11-03T10:00")] == ["2026-10"]


def test_a_day_that_is_never_final_holds_a_report_up_for_a_month_and_no_longer(stored: Filled) -> None:
    stored.put_day("otley", HALLOWEEN, 50, final=False, people_state=2)
    for day in ("2026-11-02", "2026-11-30", "2026-12-01"):
        assert tick(stored, f"{day}T10:00") == []
    assert [each.period for each in tick(stored, "2026-12-02T10:00")] == ["2026-10"]


def test_what_was_due_meanwhile_is_made_up_for_the_oldest_first(stored: Filled) -> None:
    weekly = known(PLAN | {"every": "week", "format": "csv"})
    assert [each.period for each in tick(stored, "2026-10-20T10:00", weekly)] == ["2026-W42"]
    made = [each.period for n in range(5) for each in tick(stored, f"2026-11-11T10:{n}0", weekly)]
    assert made == ["2026-W43", "2026-W44", "2026-W45"]


def test_a_new_plan_makes_the_last_period_alone(stored: Filled) -> None:
    weekly = known(PLAN | {"every": "week", "format": "csv"})
    made = [each.period for n in range(3) for each in tick(stored, f"2026-11-11T10:{n}0", weekly)]
    assert made == ["2026-W45"]


@pytest.fixture
def receiver() -> Iterator[tuple[int, Received]]:
    with receiving() as found:
        yield found


BOARD = "https://figures.example.org/hubs"


def telling(stored: Filled, when: str, estate: Estate, problem: str = "") -> None:
    """Let the jobs make what is due and tell of it."""
    folder, store = stored.path.parent, stored.open()
    now_ns = to_ns(datetime.fromisoformat(when).replace(tzinfo=UTC))

    def addresses(of: Estate) -> Sequence[Address]:
        if problem:
            raise HubpulseError(problem)
        return addresses_of(Settings(), of)

    try:
        report_work(folder, folder, addresses=addresses, clock_ns=lambda: now_ns).run(store, estate, now_ns)
    finally:
        store.close()


def with_notice(port: int) -> Estate:
    alerts = {"to": [f"json://127.0.0.1:{port}/"], "quiet": "20:00-07:00"}
    plans = known(PLAN | {"notice": BOARD + "/"}).reports
    told = AlertsInFile.model_validate(alerts)
    return known().model_copy(update={"name": "Leeds", "alerts": told, "reports": plans})


def test_a_notice_tells_once_of_a_report_with_links_to_its_files(
    stored: Filled, receiver: tuple[int, Received]
) -> None:
    port, received = receiver
    estate = with_notice(port)
    for when in ("2026-11-05T10:00", "2026-11-05T10:10", "2026-11-06T10:20"):
        telling(stored, when, estate)
    ((_when, title, lines),) = received.notices
    assert title == "Leeds: report of October 2026, all hubs"
    assert lines == [
        f"hubpulse-2026-10.csv: {BOARD}/reports/made/hubpulse-2026-10.csv",
        f"hubpulse-2026-10.html: {BOARD}/reports/made/hubpulse-2026-10.html",
        "The board asks you to sign in.",
    ]
    stored.put_day("otley", date(2026, 10, 8), 57, people_state=2, revision=2)
    change(stored, "2026-10-08T00:00+01:00", "2026-11-07T09:00", 50, 57)
    telling(stored, "2026-11-07T10:00", estate)
    assert received.notices[1][2][0] == "Version 2: figures changed since the one before; it says which."


def test_no_text_of_a_notice_escapes_the_catalogue(
    stored: Filled, receiver: tuple[int, Received], shifted: Shifted, extracted: set[str]
) -> None:
    port, received = receiver
    estate = with_notice(port)
    telling(stored, "2026-11-05T10:00", estate)
    stored.put_day("otley", date(2026, 10, 8), 57, people_state=2, revision=2)
    change(stored, "2026-10-08T00:00+01:00", "2026-11-07T09:00", 50, 57)
    telling(stored, "2026-11-07T10:00", estate)
    assert len(received.notices) == 2
    for _when, title, lines in received.notices:
        assert faulty([title, *(line for line in lines if BOARD not in line)], {"Leeds"}) == []
    assert shifted.asked - extracted == set()


def test_a_notice_that_does_not_go_is_tried_again(stored: Filled, receiver: tuple[int, Received]) -> None:
    port, received = receiver
    estate, received.status = with_notice(port), 500
    telling(stored, "2026-11-05T10:00", estate)
    assert received.notices == []
    received.status = 200
    telling(stored, "2026-11-05T10:10", estate)
    assert len(received.notices) == 1


def test_what_could_not_be_told_for_a_day_is_told_no_more(stored: Filled, receiver: tuple[int, Received]) -> None:
    port, received = receiver
    estate, received.status = with_notice(port), 500
    telling(stored, "2026-11-05T10:00", estate)
    received.status = 200
    telling(stored, "2026-11-06T10:10", estate)
    assert received.notices == []


def test_a_notice_waits_for_the_end_of_quiet_times(stored: Filled, receiver: tuple[int, Received]) -> None:
    port, received = receiver
    telling(stored, "2026-11-05T22:00", with_notice(port))
    assert received.notices == []
    telling(stored, "2026-11-06T07:10", with_notice(port))
    assert len(received.notices) == 1


def test_an_address_that_can_not_be_used_costs_no_report_and_is_told_once_it_can(
    stored: Filled, receiver: tuple[int, Received]
) -> None:
    port, received = receiver
    estate = with_notice(port)
    for when in ("2026-11-05T10:00", "2026-11-05T10:10"):
        with pytest.raises(HubpulseError, match="address 1"):
            telling(stored, when, estate, "address 1 of alerts is none")
    assert names(stored.path.parent) == ["hubpulse-2026-10.csv", "hubpulse-2026-10.html"]
    telling(stored, "2026-11-05T10:20", estate)
    assert len(received.notices) == 1


def test_a_plan_without_a_notice_tells_nobody(stored: Filled, receiver: tuple[int, Received]) -> None:
    port, received = receiver
    estate = with_notice(port)
    plans = tuple(plan.model_copy(update={"notice": None}) for plan in estate.reports)
    telling(stored, "2026-11-05T10:00", estate.model_copy(update={"reports": plans}))
    assert received.notices == []


def test_an_empty_store_gives_no_report(filled: Filled) -> None:
    filled.put(day_line("armley", TODAY, None))
    assert tick(filled, "2026-11-05T10:00") == []


def test_a_changed_figure_gives_a_new_version_that_says_so(stored: Filled) -> None:
    folder = stored.path.parent
    tick(stored, "2026-11-05T10:00")
    first = (folder / "given" / "hubpulse-2026-10.csv").read_bytes()
    stored.put_day("otley", date(2026, 10, 8), 57, people_state=2, revision=2)
    change(stored, "2026-10-08T00:00+01:00", "2026-11-06T09:00", 50, 57)
    (second,) = tick(stored, "2026-11-06T10:00")
    assert (second.version, second.figures["otley"]["counted"]) == (2, 1557)
    assert (folder / "given" / "hubpulse-2026-10.csv").read_bytes() == first
    told = (folder / "given" / "hubpulse-2026-10-v2.csv").read_text()
    assert "1 figure changed since version 1 of 5 November 2026" in told
    assert (
        "Otley, people counted: 1\u202f550, now 1\u202f557"
        in (folder / "given" / "hubpulse-2026-10-v2.html").read_text()
    )
    assert tick(stored, "2026-11-06T10:10") == []


def test_a_change_that_moves_no_figure_of_the_report_gives_none(stored: Filled) -> None:
    tick(stored, "2026-11-05T10:00")
    change(stored, "2026-10-08T00:00+01:00", "2026-11-06T09:00", 1, 2, figure="exits")
    assert tick(stored, "2026-11-06T10:00") == []
    assert len(names(stored.path.parent)) == 2


def test_a_file_that_is_there_is_never_written_over(stored: Filled) -> None:
    folder = stored.path.parent / "given"
    folder.mkdir()
    (folder / "hubpulse-2026-10.html").write_text("mine")
    (made,) = tick(stored, "2026-11-05T10:00")
    assert made.version == 2
    assert (folder / "hubpulse-2026-10.html").read_text() == "mine"
    assert names(stored.path.parent) == ["hubpulse-2026-10-v2.csv", "hubpulse-2026-10-v2.html", "hubpulse-2026-10.html"]


def test_a_folder_that_can_t_be_written_to_is_named(stored: Filled) -> None:
    (stored.path.parent / "given").write_text("a file")
    with pytest.raises(HubpulseError, match=r"no report can be put into .*given .*: check `to` under `reports`"):
        tick(stored, "2026-11-05T10:00")
    assert Shelf(stored.path.parent).given_out() == []


def test_a_plan_that_can_t_be_carried_out_holds_up_no_other(stored: Filled) -> None:
    (stored.path.parent / "file").write_text("a file")
    made: list[GivenOut] = []
    folder, store = stored.path.parent, stored.open()
    now_ns = to_ns(datetime(2026, 11, 5, 10, tzinfo=UTC))
    with pytest.raises(HubpulseError, match="no report can be put into"):
        report_work(folder, folder, made.append).run(store, known(PLAN | {"to": "file"}, PLAN), now_ns)
    store.close()
    assert [each.to for each in made] == ["given"]


def test_a_report_of_a_hub_is_of_that_hub(stored: Filled) -> None:
    (made,) = tick(stored, "2026-11-05T10:00", known(PLAN | {"hub": "otley", "format": "csv"}))
    assert [Path(file).name for file in made.files] == ["hubpulse-2026-10-otley.csv"]
    assert "armley" not in Path(made.files[0]).read_text().lower()


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"every": "day"}, "month"),
        ({"every": "month", "format": ["doc"]}, "pdf"),
        ({"every": "month", "to": "../out"}, "no folder for reports"),
        ({"every": "month", "notice": "figures.example.org"}, "no address of a board: write one such as https://"),
        ({"every": "month", "notice": "https://u:p@example.org"}, "no address of a board"),
        ({"every": "month", "hub": "nowhere"}, "there is no hub nowhere in this file: write one of armley, otley"),
    ],
)
def test_a_plan_that_can_t_be_is_refused(wrong: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        known(wrong)


def change(stored: Filled, midnight: str, changed: str, before: int, after: int, *, figure: str = "entries") -> None:
    midnight_ns = to_ns(datetime.fromisoformat(midnight))
    changed_ns = to_ns(datetime.fromisoformat(changed).replace(tzinfo=UTC))
    stored.put(*change_lines([Change("otley", midnight_ns, figure, before, after, 2, changed_ns)]))
