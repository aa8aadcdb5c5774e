"""Makes reports for visitors of the board: one at a time, each kept for a minute, so that asking costs little."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from dashboards.reports.files import Format, ReportFile
from dashboards.reports.shelf import GivenOut, Shelf
from schemas import Estate
from schemas.localtime import NS_A_SECOND
from stores.protocol import Store

_KEPT_NS = 60 * NS_A_SECOND
_KEPT_MAX = 8
"""So many files are kept, each at most some MB."""


@dataclass(frozen=True, slots=True)
class ReportFolders:
    """The data folder, with what was published and given out, and the folder of audits."""

    data_dir: Path
    audits: Path


class ReportDesk:
    """Shared between threads. Without folders there are figures alone: no audits, publications or plans."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        estate: Callable[[], Estate],
        clock_ns: Callable[[], int],
        folders: ReportFolders | None = None,
    ) -> None:
        self._open_store, self._estate, self._clock_ns, self._folders = open_store, estate, clock_ns, folders
        self._one_at_a_time = threading.Lock()
        self._kept: OrderedDict[tuple[str, str | None, Format], tuple[int, ReportFile]] = OrderedDict()

    def make(self, period: str, hub: str | None, form: Format) -> ReportFile:
        """A report as of now, or of the last minute. Raises HubpulseError, UnknownHubError and StoreError."""
        with self._one_at_a_time:
            now_ns, asked = self._clock_ns(), (period, hub, form)
            made_ns, found = self._kept.get(asked, (0, None))
            if found is None or not 0 <= now_ns - made_ns < _KEPT_NS:
                found = self._made(period, hub, form, now_ns)
                self._kept[asked] = (now_ns, found)
                self._kept.move_to_end(asked)
                while len(self._kept) > _KEPT_MAX:
                    self._kept.popitem(last=False)
            return found

    def given_out(self) -> list[GivenOut]:
        """What was made by itself, the latest first. Raises HubpulseError."""
        return [] if self._folders is None else Shelf(self._folders.data_dir).given_out()[::-1]

    def _made(self, period: str, hub: str | None, form: Format, now_ns: int) -> ReportFile:
        # Slow to import, and needed by who asks for a report alone.
        from dashboards.reports.evidence import evidence_in  # noqa: PLC0415
        from dashboards.reports.formats import write  # noqa: PLC0415
        from dashboards.reports.gather import gather  # noqa: PLC0415
        from dashboards.reports.templates import FOLDER  # noqa: PLC0415
        from usage import Queries  # noqa: PLC0415

        estate, folders = self._estate(), self._folders
        evidence = None if folders is None else evidence_in(folders.data_dir, folders.audits)
        with closing(self._open_store()) as store:
            queries = Queries(store, estate, now_ns=now_ns)
            report = gather(queries, estate, period, hub=hub, now_ns=now_ns, evidence=evidence)
        return write(report, form, own_templates=None if folders is None else folders.data_dir / FOLDER)
