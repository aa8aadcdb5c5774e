"""The dashboards as files: committed beside this module, mounted into Grafana, and held to the code by a check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from dashboards.grafana import alerts, building_health, daily_usage, hub, pipeline
from dashboards.grafana.layout import Content
from dashboards.grafana.query import ZONE
from schemas import Estate, HubpulseError

FOLDER = Path(__file__).parent
ALERTING = Path("alerting/hubpulse.yaml")
_PROVISIONING = FOLDER.parents[1] / "deploy/grafana/provisioning"
DEFAULT = Estate(timezone="Europe/London")
"""The estate of the committed files; another renders its own with `hubpulse dashboards render`."""

DASHBOARDS: Mapping[str, Content] = {
    "daily-usage": daily_usage.DASHBOARD,
    "hub": hub.DASHBOARD,
    "building-health": building_health.DASHBOARD,
    "pipeline": pipeline.DASHBOARD,
}


def render(zone: str = DEFAULT.timezone) -> dict[str, str]:
    """The text of every dashboard file, by its name, for an estate in that time zone."""
    texts = {f"{name}.json": json.dumps(content, indent=2, ensure_ascii=False) for name, content in DASHBOARDS.items()}
    return {name: text.replace(ZONE, zone) + "\n" for name, text in texts.items()}


def write(folder: Path | None = None, estate: Estate = DEFAULT) -> list[Path]:
    """Write all files, into the folder or where they are committed, and say which. Raises HubpulseError."""
    expected = _expected(folder, estate)
    for path, text in expected.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise HubpulseError(f"can't write {path} ({error.strerror}): choose another folder with --out") from error
    return list(expected)


def drift(folder: Path | None = None, estate: Estate = DEFAULT) -> list[str]:
    """What differs between the files and the code, a line for each; empty where they agree."""
    expected = _expected(folder, estate)
    found = {path: path.read_text(encoding="utf-8") for path in expected if path.is_file()}
    foreign = sorted(set((folder or FOLDER).glob("*.json")) - expected.keys())
    return [
        *(f"{path.name}: missing" for path in expected if path not in found),
        *(f"{path.name}: not made by the code" for path in foreign),
        *(f"{path.name}: differs from the code" for path, text in found.items() if text != expected[path]),
    ]


def _expected(folder: Path | None, estate: Estate) -> dict[Path, str]:
    """Every file's place and text. The alert rules are committed where Grafana is provisioned from."""
    dashboards = {(folder or FOLDER) / name: text for name, text in render(estate.timezone).items()}
    # Installed from a wheel there is no `deploy` beside us.
    provisioning = folder or (_PROVISIONING if _PROVISIONING.is_dir() else FOLDER)
    return dashboards | {provisioning / ALERTING: alerts.provisioning(estate)}
