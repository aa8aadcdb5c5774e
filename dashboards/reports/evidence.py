"""What of the data folder a report stands on beside the figures: counts by hand, and what was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from usage.audits import Audit, AuditFile
from usage.publishing.folder import all_publications
from usage.publishing.publication_file import Content


@dataclass(frozen=True, slots=True)
class Evidence:
    """Audits and publications."""

    audits: Sequence[Audit] = ()
    publications: Sequence[Content] = ()


def evidence_in(data_dir: Path, audits_folder: Path) -> Evidence:
    """What the folders hold. Raises HubpulseError where a publication can't be read, StoreError."""
    with AuditFile(audits_folder) as file:
        return Evidence(file.all(), all_publications(data_dir))
