"""Where several hosts write to one store, the board shows each one's ledger and their sum."""

import re
from contextlib import closing
from typing import Any

from dashboards.web.board import create_board
from schemas.localtime import NS_A_SECOND, to_ns
from stores.lines import encode
from stores.protocol import Accepted
from tests.dashboards.conftest import ESTATE, NOW, Filled
from tests.dashboards.here import browser_of
from tests.dashboards.test_pages import text_of

COUNTS = {"messages_received": 100, "readings_accepted": 90, "readings_stored": 80, "readings_pending": 10}


def report(known: Filled, name: str, *, age_s: int = 5, **changes: Any) -> None:
    fields = {**COUNTS, "balanced": True, "connected": True, **changes}
    line = encode("pipeline_status", {"ingest": name}, fields, to_ns(NOW) - age_s * NS_A_SECOND)
    with closing(known.open()) as store:
        assert store.write(line.encode()) == Accepted()


def rows(known: Filled) -> list[str]:
    board = create_board(open_store=known.open, estate=lambda: ESTATE, clock_ns=lambda: to_ns(NOW))
    page = browser_of(board).get("/").text
    section = re.search(r'<section class="card" id="ingests".*?</section>', page, flags=re.DOTALL)
    return (
        [text_of(row).strip() for row in re.findall(r"<tr><th scope=\"row\">.*?</tr>", section[0])] if section else []
    )


def test_one_ingest_needs_no_table(known: Filled) -> None:
    report(known, "one")
    assert rows(known) == []


def test_each_host_and_their_sum(known: Filled) -> None:
    report(known, "one")
    report(known, "two", messages_received=2000)
    report(known, "gone", age_s=8 * 86_400)

    one, two, total = rows(known)
    assert one.split()[:5] == ["one", "100", "90", "80", "10"]
    assert two.split()[:2] == ["two", "2_000"]
    assert one.endswith("balances")
    assert total.split() == ["All", "2_100", "180", "160", "20", "balances"]


def test_what_is_wrong_with_a_host_is_said(known: Filled) -> None:
    report(known, "a", balanced=False)
    report(known, "b", connected=False)
    report(known, "c", age_s=3600)

    *each, total = rows(known)
    assert ["does not balance" in each[0], "not connected" in each[1], "no report" in each[2]] == [True] * 3
    assert total.endswith("does not balance")
