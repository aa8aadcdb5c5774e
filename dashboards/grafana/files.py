"""The dashboards as files: committed beside this module, mounted into Grafana, and held to the code by a check."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.grafana import building_health, daily_usage, hub, pipeline
from dashboards.grafana.layout import as_json
from schemas import HubpulseError

FOLDER = Path(__file__).parent
DEFAULT_ZONE = "Europe/London"
"""The time zone of the committed files; another estate renders its own with `hubpulse dashboards render`."""

DASHBOARDS: Mapping[str, Callable[[str], Dashboard]] = {
    "daily-usage": daily_usage.build,
    "hub": hub.build,
    "building-health": building_health.build,
    "pipeline": pipeline.build,
}


def render(zone: str = DEFAULT_ZONE) -> dict[str, str]:
    """The text of every dashboard file, by its name, for an estate in that time zone."""
    return {f"{name}.json": _text(as_json(build(zone).build())) for name, build in DASHBOARDS.items()}


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path = FOLDER, zone: str = DEFAULT_ZONE) -> list[Path]:
    """Write all files into the folder and say which. Raises HubpulseError."""
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in render(zone).items():
            (folder / name).write_text(text, encoding="utf-8")
            written.append(folder / name)
    except OSError as error:
        raise HubpulseError(
            f"can't write dashboards to {folder} ({error.strerror}): choose another with --out"
        ) from error
    return written


def drift(folder: Path = FOLDER, zone: str = DEFAULT_ZONE) -> list[str]:
    """What differs between the folder and the code, a line for each file; empty where they agree."""
    expected = render(zone)
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    lines = [f"{name}: missing" for name in expected if name not in found]
    lines += [f"{name}: not made by the code" for name in sorted(found) if name not in expected]
    lines += [f"{name}: differs from the code" for name in expected if name in found and found[name] != expected[name]]
    return lines
