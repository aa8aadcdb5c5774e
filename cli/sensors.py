"""`hubpulse sensors`: the sensors that send readings."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from typing import Annotated, Any

import typer

from cli.context import (
    DataOption,
    EstateOption,
    JsonOption,
    estate_of,
    load_settings,
    new_app,
    out,
    progress_bar,
    store_of,
)
from cli.onboarding import app as onboarding_app
from schemas import HubpulseError, Settings

_SHOWN_MAX = 5
_PAUSE_S = 0.01

_HELP = "Sensors: devices that wait to be adopted, spreadsheets of many, those that somebody made up."

app = new_app(help=_HELP)
app.add_typer(onboarding_app)


@app.command("forget", epilog="Example: hubpulse sensors forget 'x-*' --hub armley --readings --dry-run")
def forget(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids; * and ? stand for any characters.")],
    hub: Annotated[str | None, typer.Option(help="Only sensors of this hub.")] = None,
    new_only: Annotated[bool, typer.Option(help="Pass over those that the estate file names.")] = False,
    readings: Annotated[bool, typer.Option(help="Delete their readings, too, for good.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be forgotten.")] = False,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget sensors that somebody made up; the days that they touched are computed again.

    A sensor is listed as long as it has readings, so these are deleted, where --readings says so.
    """
    from usage.forgetting import find_sensors, forget_sensors

    settings = load_settings(data=data, estate=estate)
    known = estate_of(settings)
    with closing(store_of(settings)) as store:
        found = list(find_sensors(store, known, ids, hub=hub, now_ns=time.time_ns()))
        _refuse(found, ids, new_only=new_only, may_delete=readings or dry_run)
        forgotten = [each for each in found if each.readings]
        total = sum(len(each.readings) for each in forgotten)
        if not dry_run:
            store.prepare()
            turn = threading.Event()
            with progress_bar("forgetting", "{task.completed} steps", total=None) as update:

                def goes_on() -> bool:
                    update(advance=1)
                    turn.wait(_PAUSE_S)  # whoever waits to write has its turn
                    return True

                for each in forgotten:
                    forget_sensors(store, each, clock_ns=time.time_ns, goes_on=goes_on)
            _make_room(settings, forgotten)
    if as_json:
        print(json.dumps({"dry_run": dry_run, "hubs": [_as_json(each) for each in forgotten]}, indent=2))
        return
    for each in forgotten:
        count, days = sum(each.readings.values()), len(each.midnights_ns)
        said = f"{len(each.readings)} sensors with {count} readings on {days} days: {_shown(each.readings)}"
        out.print(f"{each.hub}: {said}")
    what = "would be forgotten" if dry_run else "forgotten; the jobs compute their days again"
    out.print(f"{total} sensors {what}.")


def _make_room(settings: Settings, forgotten: list[Any]) -> None:
    """Give the places of the sensors among the new ones of their hubs to others, where ingest works on this folder."""
    from ingest.buffer import Buffer
    from ingest.buffer_file import FILE_NAME

    if (settings.data_dir / FILE_NAME).exists():
        with closing(Buffer(settings.data_dir, clock_ns=time.time_ns)) as buffer:
            for each in forgotten:
                buffer.forget_sensors(each.hub, each.readings)


def _refuse(found: list[Any], ids: list[str], *, new_only: bool, may_delete: bool) -> None:
    """Raise HubpulseError where something that was named is not to be forgotten, or not there."""
    named = [f"{each.hub}/{sensor}" for each in found for sensor in sorted(each.named)]
    if named and not new_only:
        raise HubpulseError(
            f"the estate file names {_shown(named)}: take them out of it, or end them there with `until:`; --new-only"
            " passes over them"
        )
    if not any(each.readings for each in found):
        raise HubpulseError(f"no sensor that the estate file does not name matches {' '.join(ids)}")
    held = [f"{each.hub}/{sensor}" for each in found for sensor, count in each.readings.items() if count]
    if held and not may_delete:
        raise HubpulseError(
            f"{_shown(held)} have readings, and are listed as long as they do: add --readings to delete these for good,"
            " after a look with --dry-run"
        )


def _shown(names: Any) -> str:
    listed = sorted(names)
    more = len(listed) - _SHOWN_MAX
    return ", ".join(listed[:_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")


def _as_json(found: Any) -> dict[str, Any]:
    from schemas.localtime import rfc3339

    return {"hub": found.hub, "readings": found.readings, "days": [rfc3339(at) for at in sorted(found.midnights_ns)]}
