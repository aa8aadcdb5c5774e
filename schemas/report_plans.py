"""Reports that are made by themselves: the estate file's `reports:`."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from schemas.errors import shown
from schemas.ids import Id

ReportFormat = Literal["html", "pdf", "xlsx", "csv"]


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _stays_inside(folder: str) -> str:
    if not folder or "\0" in folder or ".." in PurePosixPath(folder).parts:
        raise ValueError(f"{shown(folder)} is no folder for reports: write one of the data folder, such as reports/")
    return folder


def _is_web_address(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{shown(address)} is no address of a board: write one such as https://figures.example.org")
    return address.rstrip("/")


class ReportPlan(BaseModel):
    """A report that is made once its period is over and its figures are final."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    every: Literal["week", "month", "quarter", "half", "year"] = Field(examples=["month"])
    """Of which periods it is made."""

    format: Annotated[tuple[ReportFormat, ...], BeforeValidator(_several), Field(min_length=1, max_length=4)] = Field(
        default=("pdf",), examples=[["pdf", "xlsx"]]
    )
    """How it is written: one file each."""

    to: Annotated[str, Field(max_length=200), AfterValidator(_stays_inside)] = Field(
        default="reports/", examples=["reports/"]
    )
    """The folder that it is put into, of the data folder where it does not begin with a slash."""

    notice: Annotated[str, Field(max_length=200), AfterValidator(_is_web_address)] | None = Field(
        default=None, examples=["https://figures.example.org"]
    )
    """The board's address, as its readers reach it: those who are told of alerts get a link to each report there."""

    hub: Id | None = None
    """The hub that it is of; all of them where none is named."""
