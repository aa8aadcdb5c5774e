"""The edits of the page of changes in words: who asked for what and when, how far it is, what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dashboards.edits.queue import Edit, State
from dashboards.edits.requests import Adopt, Hours, Redrive, read_request
from dashboards.web import wording
from schemas.localtime import NS_A_SECOND
from schemas.refusal_advice import REFUSAL_WORDS
from schemas.texts import N_, _

_STATES = {
    State.WAITING: N_("waiting"),
    State.APPLYING: N_("being done"),
    State.DONE: N_("done"),
    State.REFUSED: N_("not done"),
}


@dataclass(frozen=True, slots=True)
class EditRow:
    """An edit as the page lists it; times are of the estate's zone."""

    made: str
    account: str
    what: str
    state: str
    is_refused: bool
    sentence: str
    difference: str


def edit_row(edit: Edit, names: Mapping[str, str], now: datetime) -> EditRow:
    """An edit in words; `names` are the hubs' by their ids."""
    return EditRow(
        wording.moment(edit.made_s * NS_A_SECOND, now),
        edit.account,
        _what(edit, names),
        _(_STATES[edit.state]),
        edit.state is State.REFUSED,
        edit.sentence,
        edit.difference,
    )


def _what(edit: Edit, names: Mapping[str, str]) -> str:
    try:
        request = read_request(edit.request)
    except ValueError:
        return _("something that can't be changed here")
    match request:
        case Hours():
            return _("opening times of {hub}").format(hub=names.get(request.hub) or request.hub)
        case Adopt():
            hub = names.get(request.hub) or request.hub
            return _("{device} as a sensor of {hub}").format(device=request.device, hub=hub)
        case Redrive():
            return _("sent again: {what}").format(what=_(REFUSAL_WORDS[request.reason]))
