"""Whatever one hub's sensors send that is accepted, the figures of the others are made."""

from pathlib import Path
from typing import Any

import pytest

from schemas import HubpulseError, Kind
from schemas.kinds import INT64_MAX
from schemas.localtime import Span
from stores import Outcome, Rejected, Store, StoreError
from stores.sqlite_store import SqliteStore
from tests.usage.given import HOUR_NS, MINUTE_NS, at, estate, hub, mark, put, run_jobs
from usage.hub_faults import HubFaults
from usage.jobs import Jobs
from usage.rollup import Figures
from usage.rollup_writer import RollupWriter
from usage.rows import DAILY, read_rows

MIDNIGHT_NS = at("2026-10-20T00:00", "Europe/London")
NOON_NS = MIDNIGHT_NS + 12 * HOUR_NS
ESTATE = estate(hub("armley"), hub("beeston"), hub("otley"))


def put_honest(store: Store, name: str) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS - HOUR_NS, {"entries": 5, "exits": 4})], hub=name, sensor="door-1")


def jobs_on(store: Store) -> Jobs:
    return Jobs(lambda: store, lambda: ESTATE, lambda: NOON_NS)


def stored(store: Store, name: str) -> Figures:
    return read_rows(store, DAILY, name, Span(MIDNIGHT_NS, MIDNIGHT_NS + 1)).get(MIDNIGHT_NS, {})


@pytest.mark.claim("S-24")
def test_the_largest_values_that_are_accepted_stop_no_figures(store: Store) -> None:
    """Three access points once made a sum that no store takes, and no hub after that one got figures any more."""
    times = [MIDNIGHT_NS + n * 10 * MINUTE_NS for n in range(72)]
    for point in "abc":
        totals = [
            {
                "clients": 5000,
                "devices": 5000,
                "rx_bytes_total": n * (INT64_MAX // 72),
                "tx_bytes_total": n * (INT64_MAX // 72),
            }
            for n in range(72)
        ]
        put(store, Kind.WIFI, zip(times, totals, strict=True), sensor=point)
    for name, fields in {
        "people": {"people": INT64_MAX},
        "interval": {"entries": INT64_MAX, "exits": INT64_MAX, "suspect": True},
        "total": {"entries_total": INT64_MAX, "exits_total": 0},
    }.items():
        put(store, Kind.FOOTFALL, [(time_ns, fields) for time_ns in times], sensor=name)
    far = {"battery_pct": 1.7e308, "battery_v": -1.7e308, "rssi_dbm": 1.7e308, "snr_db": 5e-324}
    put(store, Kind.DEVICE, [(time_ns, far) for time_ns in times])
    for name in ("armley", "beeston", "otley"):
        put_honest(store, name)
        mark(store, MIDNIGHT_NS, NOON_NS, hub=name)

    run_jobs(jobs_on(store), NOON_NS)

    rows = [stored(store, name) for name in ("armley", "beeston", "otley")]
    assert [row["entries"] for row in rows] == [5, 5, 5]
    assert rows[0]["wifi_bytes"] == INT64_MAX


class Particular(SqliteStore):
    """A store that refuses the rows of one hub."""

    def write(self, lines: bytes) -> Outcome:
        rows = (b"usage_daily,hub=armley", b"sensor_status,hub=armley")
        return Rejected("no row of armley") if any(row in lines for row in rows) else super().write(lines)


@pytest.mark.parametrize("work", ["roll_up_unfinished", "roll_up_marked_days", "roll_up_missed"])
@pytest.mark.parametrize("is_refused", [True, False])
def test_a_hub_whose_figures_cannot_be_made_keeps_those_of_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str, is_refused: bool
) -> None:
    store = Particular(tmp_path / "store.db") if is_refused else SqliteStore(tmp_path / "store.db")
    store.prepare()
    for name in ("armley", "beeston", "otley"):
        put_honest(store, name)
        mark(store, MIDNIGHT_NS, NOON_NS, hub=name)
    if not is_refused:
        stop_at_armley(monkeypatch)
    now_ns = NOON_NS if work == "roll_up_unfinished" else NOON_NS + 240 * HOUR_NS
    jobs = Jobs(lambda: store, lambda: ESTATE, lambda: now_ns)

    with pytest.raises((HubpulseError, RuntimeError), match="figures of hub armley"):
        getattr(jobs, work)(now_ns)

    assert [stored(store, name).get("entries") for name in ("armley", "beeston", "otley")] == [None, 5, 5]
    store.close()


def test_where_a_hubs_sensors_cannot_be_told_of_those_of_others_are(tmp_path: Path) -> None:
    """All are told of in one write, which is refused as a whole."""
    store = Particular(tmp_path / "store.db")
    store.prepare()
    for name in ("armley", "beeston", "otley"):
        put_honest(store, name)
    with pytest.raises(HubpulseError, match=r"hub armley: .*no row of armley"):
        jobs_on(store).write_sensor_status(NOON_NS)
    told = {run.tags["hub"] for run in store.latest("sensor_status", before_ns=NOON_NS + 1)}
    assert told == {"beeston", "otley"}
    store.close()


def stop_at_armley(monkeypatch: pytest.MonkeyPatch) -> None:
    recompute = RollupWriter.recompute

    def faulty(writer: RollupWriter, days: Any) -> Any:
        if writer.hub == "armley":
            raise OverflowError("a number without end")
        return recompute(writer, days)

    monkeypatch.setattr(RollupWriter, "recompute", faulty)


def test_a_store_that_is_away_is_so_for_all() -> None:
    faults = HubFaults()

    with pytest.raises(StoreError, match="start it"), faults.of("armley"):
        raise StoreError("the store is away: start it")
    faults.report()
