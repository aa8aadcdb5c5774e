"""A fortnight in which everything goes wrong once: the notices that people got, all of them, and no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from dashboards.access.accounts import Accounts, Role
from dashboards.alerts.history import read_alerts
from dashboards.alerts.rules import RULES
from dashboards.web.board import create_board
from schemas.localtime import NS_A_SECOND
from stores.lines import encode
from tests.dashboards.fortnight import Fortnight, Received, at, estate_of, receiving
from usage.health import CaseKind

Notices = list[tuple[str, str, list[str]]]


class Manager:
    """Somebody who answers alerts on the board."""

    def __init__(self, fortnight: Fortnight, folder: Path) -> None:
        accounts = Accounts(folder)
        accounts.add("mia", "correct horse battery", Role.MANAGER)
        token = accounts.add_token("mia", "test", fortnight.now_ns // NS_A_SECOND + 30 * 86_400)
        board = create_board(
            open_store=lambda: fortnight.store,
            estate=lambda: fortnight.estate,
            clock_ns=lambda: fortnight.now_ns,
            accounts=accounts,
        )
        self._client = TestClient(board, base_url="http://board", headers={"Authorization": f"Bearer {token}"})

    def answer(self, rule: str, **form: str) -> None:
        """Answer the open alert of a rule."""
        rows = self._client.get("/api/v1/alerts?open=true").json()["rows"]
        (alert,) = (row for row in rows if row["rule"] == rule)
        answer = self._client.post(f"/alerts/{alert['id']}", data=form, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/alerts")


def go_through(run: Fortnight, received: Received, manager: Manager) -> None:
    building_health(run, manager)
    silences(run)
    pipeline_and_store(run, received, manager)
    nights_and_disks(run)
    answers_and_flapping(run, manager)


def building_health(run: Fortnight, manager: Manager) -> None:
    until = run.until
    # Frost is told at night; the cold of the same hub waits for the morning.
    until("2 02:00")
    run.put_case(CaseKind.FROST, "otley")
    run.put_case(CaseKind.COLD, "otley")
    until("2 04:00")
    run.put_case(CaseKind.FROST, "otley", is_over=True)
    # Everything else at once, one kind of it in two rooms; somebody answers.
    until("2 07:30")
    run.put_case(CaseKind.COLD, "otley", is_over=True)
    cases = [
        *((CaseKind.CO2, "armley", zone) for zone in ("hall", "office")),
        *((kind, "beeston", "hall") for kind in (CaseKind.MOULD, CaseKind.DAMP)),
        *((kind, "otley", "hall") for kind in (CaseKind.HEAT, CaseKind.OVERHEATING)),
    ]
    for case in cases:
        run.put_case(*case)
    until("2 08:00")
    manager.answer("mould", answer="ack")
    manager.answer("damp", answer="resolve")
    manager.answer("heat", answer="snooze", days="1")
    until("2 08:30")
    for case in cases:
        run.put_case(*case, is_over=True)


def silences(run: Fortnight) -> None:
    until = run.until
    # A sensor is silent by day, then a hub, then a sensor at night.
    until("2 10:15")
    run.silent = {"armley/door"}
    until("2 13:00")
    run.silent = set()
    until("3 10:15")
    run.silent = {"beeston"}
    until("3 12:00")
    run.silent = set()
    until("4 02:00")
    run.silent = {"armley/air", "armley/wifi"}
    until("4 05:00")
    run.silent = set()
    # One sensor first, and the rest of its hub more than an hour later.
    until("4 10:00")
    run.silent = {"otley/wifi"}
    until("4 11:30")
    run.silent = {"otley"}
    until("4 15:00")
    run.silent = set()
    # The broker is gone: nothing comes, from nowhere.
    until("5 10:00")
    run.silent, run.ingest["connected"] = {"*"}, False
    until("5 13:00")
    run.silent, run.ingest["connected"] = set(), True


def pipeline_and_store(run: Fortnight, received: Received, manager: Manager) -> None:
    until = run.until
    # A battery that somebody sees to, a store that is away, a receiver that is away when many are refused.
    until("6 10:00")
    run.batteries["otley/air"] = 12.0
    until("6 11:00")
    manager.answer("battery", answer="ack")
    until("6 14:00")
    run.is_away = True
    until("6 15:00")
    run.is_away = False
    until("7 10:00")
    run.ingest["messages_refused"], received.status = 50, 503
    until("7 10:45")
    received.status = 200
    # A Sunday, on which nobody is there: three sensors of two hubs.
    until("8 10:00")
    run.silent = {"beeston/door", "beeston/air", "otley/door"}
    until("9 10:00")
    run.silent = set()
    until("9 11:00")
    run.batteries["otley/air"] = 97.0
    until("9 12:00")
    run.ingest["sessions_lost"] = 1


def nights_and_disks(run: Fortnight) -> None:
    until = run.until
    # What is urgent is told at night; another process takes over while an alert is open.
    until("10 03:00")
    run.ingest["balanced"] = False
    until("10 04:00")
    run.ingest["balanced"] = True
    until("10 12:00")
    run.ingest["disk_free_bytes"] = 512 * 1024**2
    until("10 13:00")
    run.jobs.stop()
    run.jobs = run.new_jobs()
    until("10 14:00")
    run.ingest["disk_free_bytes"] = 50 * 1024**3
    until("11 10:00")
    run.silent = {"*"}
    until("11 12:00")
    run.silent = set()
    until("11 15:00")
    run.ingest["buffer_oldest_s"] = 900.0
    until("11 16:00")
    run.ingest["buffer_oldest_s"] = 0.0


def answers_and_flapping(run: Fortnight, manager: Manager) -> None:
    until = run.until
    # One alert is snoozed for a day, another resolved by somebody, although the sensor stays silent.
    until("12 08:00")
    run.batteries["beeston/air"] = 9.0
    until("12 09:00")
    manager.answer("battery", answer="snooze", days="1")
    until("12 10:00")
    run.silent = {"armley/wifi"}
    until("12 13:00")
    manager.answer("sensor-silent", answer="resolve")
    until("13 06:00")
    doubt = {"change": -0.3, "found_ns": at("13 00:00"), "witnesses": 3, "moved": False}
    run.put(encode("usage_doubts", {"hub": "otley", "sensor": "door"}, doubt, at("10 00:00")))
    # A sensor that comes and goes, six times.
    until("13 12:00")
    for _ in range(6):
        run.silent.add("otley/air")
        for _ in range(8):
            run.step()
        run.silent.discard("otley/air")
        for _ in range(3):
            run.step()
    # Ingest says nothing any more: no alert is over by that.
    until("15 12:00")
    run.silent |= {"ingest"}
    until("16 00:00")


EXPECTED: Notices = [
    ("2 02:15", "1 alert", [
        "CRITICAL: hall at Otley was under 5\u00a0°C. Since Sun 1 Nov.",
    ]),
    ("2 05:00", "1 over", [
        "Over: hall at Otley was under 5\u00a0°C. From Sun 1 Nov until Mon 2 Nov 04:00.",
    ]),
    ("2 07:00", "1 alert", [
        "hall at Otley is too cold while open: under 16\u00a0°C, or the hub's own limit. Since Sun 1 Nov.",
    ]),
    ("2 07:45", "5 alerts", [
        "In hall at Beeston mould is likely to grow. Since Sun 1 Nov.",
        "The air of hall, office at Armley is poor while open: CO₂ over 1\u202f500\u00a0ppm, or the hub's own limit. Since Sun 1 Nov.",  # noqa: E501 - as it was sent
        "hall at Otley overheats by the criteria of CIBSE TM52. Since Sun 1 Nov.",
        "hall at Otley is hot while open. Since Sun 1 Nov.",
        "hall at Beeston is damp enough for mould. Since Sun 1 Nov.",
        "1 other alert is open.",
    ]),
    ("2 08:30", "1 over", [
        "Over: hall at Otley is too cold while open: under 16\u00a0°C, or the hub's own limit. From Sun 1 Nov until Mon 2 Nov 07:30.",  # noqa: E501 - as it was sent
        "5 other alerts are open.",
    ]),
    ("2 09:30", "4 over", [
        "Over: In hall at Beeston mould is likely to grow. From Sun 1 Nov until Mon 2 Nov 08:30.",
        "Over: The air of hall, office at Armley is poor while open: CO₂ over 1\u202f500\u00a0ppm, or the hub's own limit. From Sun 1 Nov until Mon 2 Nov 08:30.",  # noqa: E501 - as it was sent
        "Over: hall at Otley overheats by the criteria of CIBSE TM52. From Sun 1 Nov until Mon 2 Nov 08:30.",
        "Over: hall at Otley is hot while open. From Sun 1 Nov until Mon 2 Nov 08:30.",
    ]),
    ("2 11:45", "1 alert", [
        "door at Armley missed three readings. Since Mon 2 Nov 10:00.",
    ]),
    ("2 13:30", "1 over", [
        "Over: door at Armley missed three readings. From Mon 2 Nov 10:00 until Mon 2 Nov 13:00.",
    ]),
    ("3 11:30", "1 alert", [
        "CRITICAL: No sensor of Beeston reports. Since Tue 3 Nov 10:00.",
    ]),
    ("3 12:30", "1 over", [
        "Over: No sensor of Beeston reports. From Tue 3 Nov 10:00 until Tue 3 Nov 12:00.",
    ]),
    ("4 07:00", "1 over", [
        "Over: air, wifi at Armley missed three readings. From Wed 4 Nov 01:45 until Wed 4 Nov 05:00.",
    ]),
    ("4 11:30", "1 alert", [
        "wifi at Otley missed three readings. Since Wed 4 Nov 09:45.",
    ]),
    ("4 12:45", "1 alert", [
        "CRITICAL: No sensor of Otley reports. Since Wed 4 Nov 11:15.",
    ]),
    ("4 15:30", "1 over", [
        "Over: No sensor of Otley reports. From Wed 4 Nov 11:15 until Wed 4 Nov 15:00.",
    ]),
    ("5 10:30", "1 alert", [
        "CRITICAL: Ingest main is not connected to the broker, or reports nothing. Since Thu 5 Nov 10:00.",
    ]),
    ("5 13:30", "1 over", [
        "Over: Ingest main is not connected to the broker, or reports nothing. From Thu 5 Nov 10:00 until Thu 5 Nov 13:00.",  # noqa: E501 - as it was sent
    ]),
    ("6 10:15", "1 alert", [
        "The battery of air at Otley is under 15\u00a0%. Since Fri 6 Nov 10:00.",
    ]),
    ("6 14:15", "1 alert", [
        "CRITICAL: The store can't be read. Since Fri 6 Nov 14:00.",
    ]),
    ("6 15:30", "1 over", [
        "Over: The store can't be read. From Fri 6 Nov 14:00 until Fri 6 Nov 15:00.",
        "1 other alert is open.",
    ]),
    ("7 10:45", "1 alert", [
        "More than 1\u00a0% of the messages of the last hour were refused by ingest main. Since Sat 7 Nov 10:00.",
        "1 other alert is open.",
    ]),
    ("7 13:00", "1 over", [
        "Over: More than 1\u00a0% of the messages of the last hour were refused by ingest main. From Sat 7 Nov 10:00 until Sat 7 Nov 11:00.",  # noqa: E501 - as it was sent
        "1 other alert is open.",
    ]),
    ("9 07:00", "2 alerts", [
        "air, door at Beeston missed three readings. Since Sun 8 Nov 09:45.",
        "door at Otley missed three readings. Since Sun 8 Nov 09:45.",
        "1 other alert is open.",
    ]),
    ("9 10:30", "2 over", [
        "Over: air, door at Beeston missed three readings. From Sun 8 Nov 09:45 until Mon 9 Nov 10:00.",
        "Over: door at Otley missed three readings. From Sun 8 Nov 09:45 until Mon 9 Nov 10:00.",
        "1 other alert is open.",
    ]),
    ("9 11:30", "1 over", [
        "Over: The battery of air at Otley is under 15\u00a0%. From Fri 6 Nov 10:00 until Mon 9 Nov 11:00.",
    ]),
    ("9 12:15", "1 alert", [
        "The broker lost the session of ingest main: what was published meanwhile is missing. Since Mon 9 Nov 12:00.",
    ]),
    ("10 03:15", "1 alert", [
        "CRITICAL: The ledger of ingest main does not balance: a message or a reading is unaccounted for. Since Tue 10 Nov 03:00.",  # noqa: E501 - as it was sent
        "1 other alert is open.",
    ]),
    ("10 04:30", "1 over", [
        "Over: The ledger of ingest main does not balance: a message or a reading is unaccounted for. From Tue 10 Nov 03:00 until Tue 10 Nov 04:00.",  # noqa: E501 - as it was sent
        "1 other alert is open.",
    ]),
    ("10 12:15", "1 alert", [
        "CRITICAL: The disk of ingest main is nearly full. Since Tue 10 Nov 12:00.",
        "1 other alert is open.",
    ]),
    ("10 14:30", "1 over", [
        "Over: The disk of ingest main is nearly full. From Tue 10 Nov 12:00 until Tue 10 Nov 14:00.",
    ]),
    ("11 11:00", "1 alert", [
        "CRITICAL: No hub reports. Since Wed 11 Nov 09:45.",
    ]),
    ("11 12:30", "1 over", [
        "Over: No hub reports. From Wed 11 Nov 09:45 until Wed 11 Nov 12:00.",
    ]),
    ("11 15:30", "1 alert", [
        "CRITICAL: Readings wait for the store for more than 5 minutes at ingest main. Since Wed 11 Nov 15:00.",
    ]),
    ("11 16:30", "1 over", [
        "Over: Readings wait for the store for more than 5 minutes at ingest main. From Wed 11 Nov 15:00 until Wed 11 Nov 16:00.",  # noqa: E501 - as it was sent
    ]),
    ("12 08:15", "1 alert", [
        "The battery of air at Beeston is under 15\u00a0%. Since Thu 12 Nov 08:00.",
    ]),
    ("12 11:30", "1 alert", [
        "wifi at Armley missed three readings. Since Thu 12 Nov 09:45.",
        "1 other alert is open.",
    ]),
    ("13 07:00", "1 alert", [
        "door at Otley counts otherwise than its witnesses let expect. Since Tue 10 Nov.",
        "1 other alert is open.",
    ]),
    ("13 09:00", "1 alert", [
        "The battery of air at Beeston is under 15\u00a0%. Since Thu 12 Nov 08:00.",
        "1 other alert is open.",
    ]),
    ("13 13:30", "1 alert", [
        "air at Otley missed three readings. Since Fri 13 Nov 11:45.",
        "2 other alerts are open.",
    ]),
    ("13 14:30", "1 over", [
        "Over: air at Otley missed three readings. From Fri 13 Nov 11:45 until Fri 13 Nov 14:00.",
        "2 other alerts are open.",
    ]),
    ("13 16:15", "1 alert", [
        "air at Otley missed three readings. Since Fri 13 Nov 14:30.",
        "2 other alerts are open.",
    ]),
    ("13 17:45", "1 over", [
        "Over: air at Otley missed three readings. From Fri 13 Nov 14:30 until Fri 13 Nov 16:45.",
        "2 other alerts are open.",
    ]),
    ("13 19:00", "1 alert", [
        "air at Otley missed three readings. Since Fri 13 Nov 17:15.",
        "2 other alerts are open.",
    ]),
    ("14 07:00", "1 over", [
        "Over: air at Otley missed three readings. From Fri 13 Nov 17:15 until Sat 14 Nov 03:45.",
        "2 other alerts are open.",
    ]),
    ("15 12:30", "1 alert", [
        "CRITICAL: Ingest main is not connected to the broker, or reports nothing. Since Sun 15 Nov 11:45.",
        "2 other alerts are open.",
    ]),
]  # fmt: skip


@pytest.fixture(scope="module")
def notices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fortnight, Notices]]:
    folder = tmp_path_factory.mktemp("fortnight")
    with receiving() as (port, received):
        fortnight = Fortnight(folder / "store.db", received, estate_of(port))
        go_through(fortnight, received, Manager(fortnight, folder))
        told = received.notices
        yield (
            fortnight,
            [(when, title.removeprefix("Leeds: "), [*map(short, lines)]) for when, title, lines in told],
        )
        fortnight.jobs.stop()
        fortnight.store.close()


def test_the_fortnight_has_every_rule_that_tells_people(notices: tuple[Fortnight, Notices]) -> None:
    fortnight, _ = notices
    raised = {alert.key.rule for alert in read_alerts(fortnight.store, fortnight.now_ns)}
    assert raised == RULES.keys()
    assert {kind.value for kind in CaseKind} <= raised


def test_what_somebody_said_of_building_health_is_kept(notices: tuple[Fortnight, Notices]) -> None:
    fortnight, _ = notices
    alerts = {alert.key.rule: alert for alert in read_alerts(fortnight.store, fortnight.now_ns)}
    assert (alerts["mould"].acknowledged_by, alerts["damp"].resolved_by) == ("mia", "mia")
    assert alerts["heat"].snoozed_until_ns == at("3 08:00")
    assert not any(alerts[kind.value].is_open for kind in CaseKind)


def short(line: str) -> str:
    """A line without what to do."""
    for rule in RULES.values():
        line = line.removesuffix(f" {rule.advice}")
    return line


def test_people_are_told_of_each_kind_of_trouble_once_and_of_its_end(notices: tuple[Fortnight, Notices]) -> None:
    assert notices[1] == EXPECTED


def test_nothing_is_over_because_nothing_is_known_of_it(notices: tuple[Fortnight, Notices]) -> None:
    fortnight, _ = notices
    opened = {alert.key for alert in read_alerts(fortnight.store, fortnight.now_ns) if alert.is_open}
    assert opened == {("ingest", "", "main"), ("doubt", "otley", "door"), ("battery", "beeston", "air")}
