r"""The periodic work: days touched by late data every few seconds; today, ended and final days every minute.

scheduler -> share (whose work it is)       -> roll_up_marked           every marked day and neighbours, oldest first
                                            \-> roll_up_recently_marked  the same for the last weeks, every few seconds
                                            \-> roll_up_unfinished       today of who sent, ended and final days
                                            \-> roll_up_missed           days without a roll-up; what is usual this week
                                            \-> count_lost_frames        what the radio lost of LoRaWAN devices
                                            \-> write_sensor_status      how each sensor is
                                            \-> estimate_missed          people of the last weeks whom nobody counted
                                            \-> rank_silences            what silent counters cost this month
                                            \-> hear_witnesses           counters that count otherwise than before
                                            \-> judge_cases              which buildings are unhealthy
                                            \-> raise_alerts             what is wrong, and who is told (wired by cli)
                                            \-> drop_expired             what is older than its retention
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, timedelta
from threading import Event
from typing import NamedTuple, TypeVar

import structlog
from apscheduler.executors.pool import BasePoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from schemas import Estate, HubpulseError, Policy
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR, Span, from_ns
from stores import Store, StoreError
from usage.alerting import Alerts
from usage.estimates.stored import write_estimates
from usage.expiry import DAY_NS, raw_needed_since_ns
from usage.health.stored import write_cases
from usage.hub_faults import HubFaults
from usage.job_runs import JobRuns
from usage.job_share import BY_HUB, JobShare
from usage.journal import log_changes
from usage.queries.radio import read_frames
from usage.queries.sensors import LastSeen, read_last_seen, read_sensors, status_lines
from usage.radio import NO_FRAMES, Frames
from usage.rollup_writer import RollupWriter, finish_marks, pending_marks
from usage.shared_reads import SharedReads
from usage.unfinished import SEEN_MAX_NS, Unfinished

T = TypeVar("T")

log = structlog.get_logger()

LATE_MARKS_EVERY_S = 5
LATE_DAYS = 35
"""How far back late data usually reaches; older marks are looked for less often."""
MINUTE_S, TEN_MINUTES_S = 60, 600
HOUR_S = 3600
DAY_S = 24 * HOUR_S
ESTIMATED_DAYS = 62
"""How far back missed people are estimated anew: an estimate is final after four weeks, and readings come late."""
MARKED_DAYS_AT_ONCE = 100
EXPIRY_MAX_S, EXPIRY_PAUSE_S = 30, 0.05
"""How long one run goes on deleting, and how long it waits between two steps of that."""
MARKS_MAX_S = 30
"""How long one run goes on with marked days, so that a long replay never holds up today's figures."""


class Work(NamedTuple):
    """Periodic work of another room, done by the jobs: `run(store, estate, now_ns)`."""

    name: str
    every_s: int
    run: Callable[[Store, Estate, int], object]


class Jobs:
    """Keeps every hub's roll-ups up to date, in one thread of its own from `start` to `stop`.

    `open_store` is called in that thread; `estate` is asked for the estate in force before every run; `clock` gives UTC
    nanoseconds; `retention_days` is how long the store keeps raw readings, `figures_retention_days` how long figures.
    What goes wrong is logged in a line and tried again. Several processes share the hubs; one does what is of all hubs.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        estate: Callable[[], Estate],
        clock: Callable[[], int],
        *,
        retention_days: int | None = None,
        figures_retention_days: int | None = None,
        today_every_s: int = MINUTE_S,
        holder: int | None = None,
        alerts: Alerts | None = None,
    ) -> None:
        self._others: list[Work] = []
        self._open_store, self._estate, self._clock = open_store, estate, clock
        self._retention_days, self._figures_retention_days = retention_days, figures_retention_days
        self._today_every_s, self._alerts = today_every_s, alerts
        self._share = JobShare(secrets.randbits(62) if holder is None else holder)
        self.runs = JobRuns(clock)
        """How each job goes."""
        self._store: Store | None = None
        self._stopping = Event()
        self._was_cut_short = False
        self._unfinished = Unfinished(self._until_stopped, lambda: self._was_cut_short)
        self._left_out: Mapping[str, int] = {}
        self._seen: Mapping[str, LastSeen] = {}
        self._seen_ns = -SEEN_MAX_NS
        self._frames: Mapping[tuple[str, str], Frames] = NO_FRAMES
        self._thread: ThreadPoolExecutor | None = None
        self._scheduler: BackgroundScheduler | None = None

    def also(self, other: Work) -> None:
        """Do this, too, once started."""
        self._others.append(other)

    def start(self) -> None:
        """Start the schedule. The first run comes at once."""
        self._stopping.clear()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jobs")
        self._scheduler = BackgroundScheduler(
            executors={"default": _OneThread(self._thread)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        for work, every_s in (
            (self.count_lost_frames, HOUR_S),
            (self.write_sensor_status, MINUTE_S),
            (self.roll_up_unfinished, self._today_every_s),
            (self.roll_up_recently_marked, LATE_MARKS_EVERY_S),
            (self.roll_up_marked, MINUTE_S),
            (self.roll_up_missed, HOUR_S),
            (self.estimate_missed, HOUR_S),
            (self.rank_silences, HOUR_S),
            (self.hear_witnesses, DAY_S),
            (self.judge_cases, TEN_MINUTES_S),
            (self.drop_expired, HOUR_S),
            (self.raise_alerts, MINUTE_S),
        ):
            self.runs.expect(work.__name__, every_s)
            self._thread.submit(self._guarded, work)
            self._scheduler.add_job(self._guarded, "interval", (work,), seconds=every_s, id=work.__name__)
        for other in self._others:
            self.runs.expect(other.name, other.every_s)
            self._thread.submit(self._guarded_other, other)
            self._scheduler.add_job(self._guarded_other, "interval", (other,), seconds=other.every_s, id=other.name)
        self._scheduler.start()

    def stop(self) -> None:
        """Stop after the day in hand, give up the lease and the store. Harmless where nothing was started."""
        self._stopping.set()
        if self._scheduler is None or self._thread is None:
            return
        self._scheduler.pause()
        self._thread.submit(self._close).result()
        self.runs.progress.end()
        self._scheduler.shutdown()
        self._scheduler = self._thread = None

    def roll_up_unfinished(self, now_ns: int) -> None:
        """Compute today of every hub that may have changed, and the last days that are not closed or final yet."""
        self._unfinished.begin(self._estate(), self._share.has)
        faults = HubFaults()
        for writer, seen in self._writers(now_ns, self._unfinished.is_due):
            with faults.of(writer.hub):
                self._unfinished.recompute(writer, seen, now_ns)
        faults.report()

    def roll_up_missed(self, now_ns: int) -> None:
        """Compute the days of the last weeks that nobody was there for, then freeze what is usual this week."""
        faults = HubFaults()
        for writer, seen in self._writers(now_ns):
            with faults.of(writer.hub):
                for _, changes in self._until_stopped(writer.recompute(writer.missed(seen and seen.time_ns))):
                    log_changes(changes, writer.calendar)
                if not self._stopping.is_set():
                    writer.freeze_profile()
        faults.report()

    def _writers(
        self, now_ns: int, is_due: Callable[[str, LastSeen | None, int], bool] = lambda *_: True
    ) -> Iterator[tuple[RollupWriter, LastSeen | None]]:
        """The writers of the hubs that are due, and what each hub sent last."""
        store, estate = self._opened(), self._estate()
        seen = self._seen if 0 <= now_ns - self._seen_ns <= SEEN_MAX_NS else read_last_seen(store, now_ns)
        ours = filter(self._share.has, sorted({it.id for it in estate.hubs} | seen.keys()))
        hubs = [hub for hub in ours if is_due(hub, seen.get(hub), now_ns)]
        shared = SharedReads(store, hubs)
        for hub in self._until_stopped(hubs):
            yield self._writer(shared.of(hub), estate, hub, now_ns), seen.get(hub)

    def roll_up_marked(self, now_ns: int) -> None:
        """Recompute the days that late data touched, for a while."""
        self._roll_up_marked_since(0, now_ns)

    def roll_up_recently_marked(self, now_ns: int) -> None:
        """Recompute the days of the last weeks that late data touched, for a while."""
        self._roll_up_marked_since(now_ns - LATE_DAYS * 24 * NS_AN_HOUR, now_ns)

    def _roll_up_marked_since(self, since_ns: int, now_ns: int) -> None:
        deadline_ns = now_ns + MARKS_MAX_S * NS_A_SECOND
        while self.roll_up_marked_days(now_ns, since_ns) and now_ns < deadline_ns:
            now_ns = self._clock()

    def roll_up_marked_days(self, now_ns: int, since_ns: int = 0) -> bool:
        """Recompute the oldest of the marked days since an instant, some of each hub; tell whether there are more.

        Oldest first: what is usual in a week is of the weeks before it, which are at hand then.
        """
        store, estate = self._opened(), self._estate()
        pending = pending_marks(store, since_ns=since_ns, now_ns=now_ns)
        if not since_ns:
            self.runs.days_waiting = sum(map(len, pending.values()))
        waiting = {hub: sorted(days.items()) for hub, days in pending.items() if self._share.has(hub)}
        share = max(1, MARKED_DAYS_AT_ONCE // max(1, len(waiting)))
        faults = HubFaults()
        for hub, days in sorted(waiting.items()):
            marks = dict(days[:share])
            with faults.of(hub):
                if not self._recompute_marked(self._writer(store, estate, hub, now_ns), marks.keys()):
                    return False
                finish_marks(store, hub, marks)
        faults.report()
        return any(len(days) > share for days in waiting.values())

    def _recompute_marked(self, writer: RollupWriter, midnights_ns: Iterable[int]) -> bool:
        """Recompute days and their neighbours; False where it was cut short."""
        days = {writer.calendar.date_of(midnight_ns) for midnight_ns in midnights_ns}
        neighbours: set[date] = set()
        for rollup, changes in self._until_stopped(writer.recompute(days)):
            log_changes(changes, writer.calendar)
            neighbours |= writer.neighbour_days(rollup) - days
        for _, changes in self._until_stopped(writer.recompute(neighbours)):
            log_changes(changes, writer.calendar)
        return not self._was_cut_short

    def _until_stopped(self, work: Iterable[T]) -> Iterator[T]:
        """Go through work until it is cut short; nothing is begun after that."""
        going_on = iter(work)
        while not self._is_cut_short():
            self.runs.progress.step()
            try:
                each = next(going_on)
            except StopIteration:
                return
            yield each

    def _is_cut_short(self) -> bool:
        """Whether the run is to end, as we are to stop or our part of the work is another process's by now."""
        if self._stopping.is_set() or not self._share.keep(self._opened(), self._clock(), self._stopping.wait):
            self._was_cut_short = True
        return self._was_cut_short

    def estimate_missed(self, now_ns: int) -> None:
        """Estimate the days of the last weeks that were not counted whole, until four weeks after them."""
        estate = self._estate()
        today = from_ns(now_ns).astimezone(estate.zone_of("")).date()
        write_estimates(self._opened(), estate, today - timedelta(days=ESTIMATED_DAYS), today, now_ns=now_ns)

    def count_lost_frames(self, now_ns: int) -> None:
        """Count which frames of the last 24 hours came and which the radio lost, for the status of sensors."""
        self._frames = read_frames(self._opened(), Span(now_ns - DAY_NS, now_ns), look_ns=DAY_NS)

    def rank_silences(self, now_ns: int) -> None:
        """Reckon what the silent counters cost this month."""
        from usage.attention.stored import write_silences  # noqa: PLC0415 - numpy is slow to import

        write_silences(self._opened(), self._estate(), now_ns=now_ns)

    def hear_witnesses(self, now_ns: int) -> None:
        """Hold the counters against their witnesses."""
        from usage.attention.stored import write_doubts  # noqa: PLC0415 - numpy is slow to import

        write_doubts(self._opened(), self._estate(), now_ns=now_ns)

    def judge_cases(self, now_ns: int) -> None:
        """Judge which buildings are unhealthy."""
        write_cases(self._opened(), self._estate(), now_ns=now_ns)

    def write_sensor_status(self, now_ns: int) -> None:
        """Write how each sensor is."""
        store = self._opened()
        sensors = read_sensors(store, self._estate(), now_ns)
        for hub, count in sensors.left_out.items() - self._left_out.items():
            log.warning("sensors_left_out", hub=hub, count=count)
        self._left_out, self._seen, self._seen_ns = sensors.left_out, sensors.last_seen, now_ns
        faults = HubFaults()
        faults.write(store, {hub: list(status_lines(of, now_ns, self._frames)) for hub, of in sensors.by_hub.items()})
        faults.report()

    def raise_alerts(self, now_ns: int) -> None:
        """Raise alerts, where they are wanted."""
        if self._alerts is not None:
            self._alerts.run(self._opened(), self._estate(), now_ns)

    def drop_expired(self, now_ns: int) -> None:
        """Let go of what is older than its retention, for a while, where there is one. InfluxDB does so by itself."""
        store, deadline_ns = self._opened(), now_ns + EXPIRY_MAX_S * NS_A_SECOND

        def goes_on() -> bool:
            self.runs.progress.step()
            # Whoever waits to write has its turn.
            return not self._stopping.wait(EXPIRY_PAUSE_S) and self._clock() < deadline_ns

        if self._retention_days is not None and self._has_made_up_for_days():
            store.expire(raw_needed_since_ns(store, self._retention_days, now_ns), goes_on=goes_on)
        if self._figures_retention_days is not None:
            store.expire(now_ns - self._figures_retention_days * DAY_NS, Policy.USAGE, goes_on=goes_on)

    def _has_made_up_for_days(self) -> bool:
        """Whether the days that nobody was there for are computed, as far as this process should do so."""
        missed = self.runs.by_job.get(self.roll_up_missed.__name__)
        return missed is None or missed.last_success_ns is not None

    def _writer(self, store: Store, estate: Estate, hub: str, now_ns: int) -> RollupWriter:
        return RollupWriter(store, estate, hub, now_ns=now_ns, retention_days=self._retention_days)

    # --------------------------------------------------------------------------------------------------- the schedule

    def _guarded_other(self, other: Work) -> None:
        self._guarded(lambda now_ns: other.run(self._opened(), self._estate(), now_ns), other.name)

    def _guarded(self, work: Callable[[int], object], name: str = "") -> None:
        name = name or work.__name__
        began_s = self.runs.begin()
        try:
            self._was_cut_short = False
            if not self._stopping.is_set() and self._may_work() and name not in self.runs.done_elsewhere:
                work(self._clock())
                self.runs.succeeded(name, began_s)
        except HubpulseError as error:
            log.warning("jobs_waiting", work=name, error=str(error))
            self.runs.failed(name, began_s, str(error))
            if isinstance(error, StoreError) and name == self.raise_alerts.__name__:
                self._tell_store_away()
        except Exception as error:  # noqa: BLE001 - nothing may end the schedule
            log.error("jobs_failed", work=name, error=repr(error))  # noqa: TRY400 - one line
            self.runs.failed(name, began_s, f"a fault: {error!r}: please report it")

    def _tell_store_away(self) -> None:
        """Have people told without the store; by the process that does what is of all hubs, where there are several."""
        if self._alerts is None or self.runs.is_standing_by or not self._share.is_first:
            return
        try:
            self._alerts.store_away(self._estate(), self._clock())
        except HubpulseError as error:
            log.warning("jobs_waiting", work=self.raise_alerts.__name__, error=str(error))

    def _may_work(self) -> bool:
        """Whether part of the work is ours; says so where that has changed."""
        stands_by = not self._share.hold(self._opened(), self._clock(), self._stopping.wait)
        if stands_by and not self.runs.is_standing_by:
            log.info("jobs_standing_by")
        elif self.runs.is_standing_by and not stands_by:
            log.info("jobs_taking_over")
        self.runs.is_standing_by = stands_by
        self.runs.done_elsewhere = frozenset(() if self._share.is_first else self.runs.by_job.keys() - BY_HUB)
        return not stands_by

    def _opened(self) -> Store:
        if self._store is None:
            store = self._open_store()
            store.prepare()
            self._store = store
        return self._store

    def _close(self) -> None:
        if self._store is None:
            return
        try:
            self._share.release(self._store)
        except HubpulseError as error:
            log.warning("jobs_lease_kept", error=str(error))
        self._store.close()
        self._store = None


class _OneThread(BasePoolExecutor):  # type: ignore[misc] # apscheduler is untyped
    """An executor whose single thread outlives a run, so that the store stays open between runs."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        super().__init__(thread)
