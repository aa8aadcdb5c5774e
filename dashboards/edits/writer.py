"""Does what was asked for in the browser, in the process that may: one edit after the other, each once."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable
from contextlib import closing

import structlog

from dashboards.edits.queue import Edit, EditError, EditFile, State
from dashboards.edits.requests import Adopt, FileRequest, Hours, Redrive, changed_text, read_request
from ingest.adopting import redrive_until_in_force, waiting_device
from ingest.redrive import Redriven, redrive
from schemas import Estate, HubpulseError, Settings
from schemas.localtime import NS_A_SECOND
from schemas.settings import ESTATE_FILE
from schemas.texts import N_, _, ngettext, number_text
from sensors.estate_file import parse_estate
from sensors.estate_text import EstateText
from stores import Store
from usage.hours_preview import days_of_other_hours, mark_days

log = structlog.get_logger("hubpulse")

_LOOK_EVERY_S = 1.0
_IN_FORCE_LOOKS_MAX = 60
_CHANGED = N_("the estate file was changed after the preview: look at the preview again")


def estate_text(settings: Settings) -> EstateText:
    """The estate file as it is. Raises HubpulseError."""
    return EstateText.read(settings.estate or ESTATE_FILE)


def difference(before: str, after: str, name: str = "estate.yaml") -> str:
    """The lines that differ, with two around each, as `diff -u` writes them."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, n=2, lineterm="")
    return "\n".join(lines)


class EditWriter:
    """Looks for edits in a thread of its own, from `start` to `stop`.

    `estate` gives the estate by which the jobs go: days are marked once they have the edited one.
    """

    def __init__(
        self,
        settings: Settings,
        estate: Callable[[], Estate],
        open_store: Callable[[], Store],
        clock_ns: Callable[[], int],
    ) -> None:
        self._settings, self._estate, self._open_store, self._clock_ns = settings, estate, open_store, clock_ns
        self._queue = EditFile(settings.audits_folder)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edits", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End what is under way, and look no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_S):
            try:
                self.apply_next()
            except Exception as error:  # noqa: BLE001 - the next one is looked for all the same
                log.warning("jobs_failed", work="edits", error=str(error))

    def apply_next(self) -> bool:
        """Do the oldest edit that waits; False where there is none. What can't be done is written down as refused."""
        edit = self._queue.take(self._now_s())
        if edit is None:
            return False
        try:
            sentence, state = self._apply(edit), State.DONE
        except HubpulseError as error:
            sentence, state = str(error), State.REFUSED
        except BaseException:
            fault = _("a fault of Hubpulse: the log of jobs says more; look at the estate file, then ask again")
            self._queue.finish(edit.id, State.REFUSED, fault, now_s=self._now_s())
            raise
        self._queue.finish(edit.id, state, sentence, now_s=self._now_s())
        log.info("edit_finished", edit=edit.id, account=edit.account, state=str(state))
        return True

    def _apply(self, edit: Edit) -> str:
        try:
            request = read_request(edit.request)
        except ValueError as error:
            raise EditError(_("this can't be changed in the browser: edit the estate file")) from error
        match request:
            case Hours():
                return self._change_hours(request, edit.file_sha256)
            case Adopt():
                return self._adopt(request, edit.file_sha256)
            case Redrive():
                found = redrive(self._settings, self._estate(), clock_ns=self._clock_ns, reason=request.reason)
                return self._sent_again(list(found))

    def _change_hours(self, request: Hours, digest: str) -> str:
        before, after = self._write(request, digest)
        if not self._is_in_force(after):
            return _(
                "written; the jobs have not taken it yet, so days before today stay as they are until they are "
                "recomputed: hubpulse usage recompute"
            )
        now_ns = self._clock_ns()
        days = days_of_other_hours(
            before, after, request.hub, now_ns=now_ns, retention_days=self._settings.retention_days
        )
        with closing(self._open_store()) as store:
            mark_days(store, after, request.hub, days, now_ns=now_ns)
        again = ngettext("written; {days} day is computed again", "written; {days} days are computed again", len(days))
        return again.format(days=number_text(len(days))) if days else _("written; no day before today is changed")

    def _adopt(self, request: Adopt, digest: str) -> str:
        device = waiting_device(self._settings, request.device).device
        after = self._write(request, digest)[1]
        results = redrive_until_in_force(
            self._settings, after, [device], clock_ns=self._clock_ns, wait=self._stopping.wait
        )
        return _("written; {what}").format(what=self._sent_again(results))

    def _write(self, request: FileRequest, digest: str) -> tuple[Estate, Estate]:
        """Change the file, where it is the one that was looked at; the estates before and after."""
        file = estate_text(self._settings)
        if file.digest != digest:
            raise EditError(_(_CHANGED))
        return parse_estate(file.text, name=file.path.name), file.replace(changed_text(request, file, self._settings))

    def _is_in_force(self, after: Estate) -> bool:
        for _look in range(_IN_FORCE_LOOKS_MAX):
            if self._estate() == after:
                return True
            if self._stopping.wait(_LOOK_EVERY_S):
                break
        return False

    def _sent_again(self, results: list[Redriven]) -> str:
        again = [result for result in results if result.refused_again]
        readings = sum(result.readings for result in results if not result.refused_again)
        taken = _("messages taken: {messages}, with {readings} readings").format(
            messages=number_text(len(results) - len(again)), readings=number_text(readings)
        )
        if not again:
            return taken
        refused = _("{count} refused again, such as: {detail}; mend that, then send them again")
        return f"{taken}; {refused.format(count=number_text(len(again)), detail=again[0].detail)}"

    def _now_s(self) -> int:
        return self._clock_ns() // NS_A_SECOND
