"""The formats of a report, and a report as a file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Format(StrEnum):
    """How a report is written."""

    HTML = "html"
    PDF = "pdf"
    XLSX = "xlsx"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report that is made: whole, so that whoever shares it has a copy that stays as it is."""

    name: str
    format: Format
    content: bytes


def stem(period: str, hub: str | None, version: int = 1) -> str:
    """A file's name without its end: `hubpulse-2026-10`, `hubpulse-2026-10-armley`, `hubpulse-2026-10-v2`."""
    parts = ["hubpulse", period, *([hub] if hub else []), *([f"v{version}"] if version > 1 else [])]
    return "-".join(parts)
