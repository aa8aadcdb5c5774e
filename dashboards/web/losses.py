"""What is missing and why, as the page of data quality lists it: by radio, by silent devices, by store or broker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dashboards.web import wording
from schemas.texts import _, ngettext
from usage.queries import HubState, IngestState

_WAITED_MIN_S = 60
_NAMED_MAX = 5


@dataclass(frozen=True, slots=True)
class LossRow:
    """What of a hub's readings does not come in."""

    hub: str
    name: str
    radio: str
    silent: str
    overwritten: str
    to_compute: str


def loss_row(hub: HubState, overwritten: Mapping[str, int], to_compute: Mapping[str, int]) -> LossRow:
    """A hub's line; `overwritten` readings and days `to_compute` by hub."""
    return LossRow(
        hub.id,
        hub.name,
        _radio(hub),
        _silent(hub),
        wording.number(overwritten.get(hub.id, 0)),
        wording.number(to_compute.get(hub.id, 0)),
    )


def _radio(hub: HubState) -> str:
    """`4 % on average of 3 devices, most at air-1: 9 %`, `nothing, of 3 devices`; a dash where nothing is known."""
    lost = sorted((s.lost_share, s.sensor) for s in hub.sensors if s.lost_share is not None)
    if not lost:
        return wording.NO_FIGURE
    worst, sensor = lost[-1]
    if not worst:
        words = ngettext("nothing, of {devices} device", "nothing, of {devices} devices", len(lost))
        return words.format(devices=wording.number(len(lost)))
    text = ngettext(
        "{mean} at {sensor}",
        "{mean} on average of {devices} devices, most at {sensor}: {worst}",
        len(lost),
    )
    mean = sum(share for share, _sensor in lost) / len(lost)
    return text.format(mean=_share(mean), devices=len(lost), sensor=sensor, worst=_share(worst))


def _share(lost: float) -> str:
    """A share that is lost: what is little is not nothing."""
    return _("under {share}").format(share=wording.percent(0.01)) if 0 < lost < 0.01 else wording.percent(lost)  # noqa: PLR2004 - 1 %


def _silent(hub: HubState) -> str:
    silent = [sensor.sensor for sensor in hub.silent_sensors]
    if not silent:
        return _("none")
    names = ", ".join(silent[:_NAMED_MAX]) + (", …" if len(silent) > _NAMED_MAX else "")
    return _("{silent} of {sensors}: {names}").format(silent=len(silent), sensors=len(hub.sensors), names=names)


def away(ingests: Sequence[IngestState]) -> Iterator[str]:
    """What keeps readings from coming in or from being stored, a sentence for each ingest and cause."""
    for ingest in ingests:
        if ingest.silent:
            yield _("{ingest} does not report: see `hubpulse doctor` there.").format(ingest=ingest.name)
        elif not ingest.connected:
            yield _("{ingest} is not connected to its broker, which holds what is sent meanwhile.").format(
                ingest=ingest.name
            )
        if ingest.waiting_s >= _WAITED_MIN_S:
            yield _("{ingest} waits for the store: {readings} readings, the oldest for {minutes} minutes.").format(
                ingest=ingest.name,
                readings=wording.number(ingest.counts["readings_pending"]),
                minutes=wording.number(ingest.waiting_s // 60),
            )
        if ingest.sessions_lost:
            yield ngettext(
                "The broker of {ingest} lost its session {times} time: what was published meanwhile is missing.",
                "The broker of {ingest} lost its session {times} times: what was published meanwhile is missing.",
                ingest.sessions_lost,
            ).format(ingest=ingest.name, times=ingest.sessions_lost)


def refused_since(before: Sequence[IngestState], now: Sequence[IngestState]) -> int:
    """How many single readings were refused since then; of an ingest whose buffer is new since then, all it refused."""
    then = {ingest.name: ingest.counts["readings_refused"] for ingest in before}
    counts = [(ingest.counts["readings_refused"], then.get(ingest.name, 0)) for ingest in now]
    return sum(count - earlier if count >= earlier else count for count, earlier in counts)
