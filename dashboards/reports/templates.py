"""Where a report's templates are: an operator's own folder first, ours for what it does not have."""

from __future__ import annotations

from pathlib import Path

from schemas import HubpulseError

OURS = Path(__file__).parent / "templates"
FOLDER = "report-templates"
"""The folder of the data folder that an operator's own are in."""


class TemplateError(HubpulseError):
    """A template can't be used."""


def folder_of(name: str, own: Path | None) -> Path:
    """The folder that has a template of that name."""
    return own if own is not None and (own / name).is_file() else OURS


def broken(file: Path, reason: str) -> TemplateError:
    """What to say of a template that can't be used."""
    return TemplateError(f"{file}: {reason}; correct it, or remove it so that our own template serves")
