"""Where notices go: which addresses may be used, that they stay secret, and that what did not go is tried again."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dashboards.alerts.addresses import Address, addresses_of
from dashboards.alerts.history import read_alerts
from dashboards.alerts.outbox import read_notices
from schemas import Estate, HubpulseError, Settings
from schemas.notice_addresses import SCHEMES, read_addresses
from schemas.settings import read_settings
from sensors.estate_file import parse_estate
from tests.cli.command import CommandLine
from tests.dashboards.fortnight import Fortnight, Received, at, estate_of, receiving

SECRET = "s3cret-hunter2-token"


@pytest.fixture
def receiver() -> Iterator[tuple[int, Received]]:
    with receiving() as found:
        yield found


@pytest.mark.claim("S-97")
@pytest.mark.parametrize(
    "alerts",
    [
        {"to": [f"file:///{SECRET}"]},
        {"to": [f"syslog://{SECRET}"]},
        {"to": [f"dbus://{SECRET}"]},
        {"to": [f"slack://{SECRET}/b/c?template=/etc/passwd"]},
        {"to": [SECRET]},
        {"to": f"mailto://sam:{SECRET}@example.org"},
        {"to": [{"url": SECRET}]},
        {"to": [[SECRET]]},
        {"to": [f"json://{SECRET}\x07"]},
        {"to": [f"json://{SECRET}"] * 11},
    ],
)
def test_an_address_that_can_not_be_used_is_refused_without_being_quoted(tmp_path: Path, alerts: object) -> None:
    with pytest.raises(HubpulseError) as refused:
        parse_estate(yaml.safe_dump({"alerts": alerts}))
    assert "alerts.to" in str(refused.value)
    assert SECRET not in str(refused.value)
    if isinstance(alerts, dict) and isinstance(alerts["to"], list) and isinstance(alerts["to"][0], str):
        file = tmp_path / "addresses"
        file.write_text("# who is told\n\n" + "\n".join(alerts["to"]))
        with pytest.raises(HubpulseError) as refused:
            addresses_of(read_settings(notices={"to_file": str(file)}), Estate())
        assert SECRET not in str(refused.value)


def test_a_file_of_addresses_has_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "addresses"
    file.write_text("# the team\njson://127.0.0.1:9/a\n\nntfy://quelltopic\n")
    assert read_addresses(file) == ("json://127.0.0.1:9/a", "ntfy://quelltopic")
    estate = Estate.model_validate({"alerts": {"to": ["mailto://a:b@example.org"], "to_file": str(file)}})
    assert [address.label for address in addresses_of(Settings(), estate)] == ["1 (mailto)", "2 (json)", "3 (ntfy)"]
    settings = read_settings(notices={"to_file": str(file)})
    assert [address.label for address in addresses_of(settings, estate)] == ["1 (json)", "2 (ntfy)"]
    assert "quelltopic" not in repr([settings, estate, addresses_of(settings, estate)])


def test_every_scheme_that_is_allowed_is_one_of_apprise() -> None:
    from apprise import Apprise  # noqa: PLC0415 - slow to import
    from apprise.manager_plugins import NotificationManager  # noqa: PLC0415 - likewise

    Apprise.instantiate("json://127.0.0.1")
    assert set(SCHEMES) <= set(NotificationManager().schemas())  # type: ignore[no-untyped-call] # apprise's


@pytest.mark.claim("S-98")
def test_what_a_service_answers_is_told_without_the_address(
    receiver: tuple[int, Received], caplog: pytest.LogCaptureFixture
) -> None:
    port, received = receiver
    received.status = 403
    with caplog.at_level(logging.DEBUG):
        for place in (f"127.0.0.1:{port}", "127.0.0.1:9", f"{SECRET}.invalid"):
            problem = Address("to-1", f"json://sam:{SECRET}@{place}/{SECRET}").send("title", "text")
            assert problem
            assert SECRET not in problem
    assert SECRET not in caplog.text
    assert "apprise" not in {record.name for record in caplog.records}


def test_a_notice_goes_once_though_a_process_ends_and_another_takes_over(
    tmp_path: Path, receiver: tuple[int, Received]
) -> None:
    port, received = receiver
    run = Fortnight(tmp_path / "store.db", received, estate_of(port))
    run.now_ns = at("3 09:00")
    run.until("3 10:00")
    run.silent, received.status = {"beeston"}, 500
    run.until("3 12:00")
    (waiting,) = read_notices(run.store, 0, run.now_ns)
    assert (waiting.sent_ns, waiting.tries) == (0, 3)
    run.jobs.stop()
    run.jobs, received.status = run.new_jobs(), 200
    run.until("3 14:00")
    assert [title for _, title, _ in received.notices] == ["Leeds: 1 alert"]
    (alert,) = read_alerts(run.store, run.now_ns)
    assert alert.is_open
    run.jobs.stop()
    run.store.close()


def test_a_notice_that_does_not_go_for_a_day_is_given_up(tmp_path: Path, receiver: tuple[int, Received]) -> None:
    port, received = receiver
    run = Fortnight(tmp_path / "store.db", received, estate_of(port))
    run.now_ns = at("3 09:00")
    run.until("3 10:00")
    run.silent, received.status = {"beeston"}, 500
    run.until("4 14:00")
    (sent,) = read_notices(run.store, 0, run.now_ns)
    assert sent.is_given_up(run.now_ns)
    received.status = 200
    run.until("4 16:00")
    assert received.notices == []
    run.jobs.stop()
    run.store.close()


def test_the_command_lists_answers_and_tests(tmp_path: Path, receiver: tuple[int, Received]) -> None:
    port, received = receiver
    data = tmp_path / "data"
    data.mkdir()
    run = Fortnight(data / "store.db", received, estate_of(port))
    received.now_ns = run.now_ns
    line = CommandLine(tmp_path)
    (tmp_path / "estate.yaml").write_text(
        yaml.safe_dump({"alerts": {"to": [f"json://sam:{SECRET}@127.0.0.1:{port}/x", "json://127.0.0.1:9/y"]}})
    )
    tested = line.run("alerts", "test")
    assert tested.exit_code == 1
    assert "address 1 (json): sent" in tested.out
    assert "address 2 (json): not sent: " in tested.out
    assert SECRET not in tested.out + tested.err
    assert [title for _, title, _ in received.notices] == ["Hubpulse: a test"]
    assert line.run("alerts", "list").out == "No alert is open.\n"
    run.store.close()
