"""How rows are answered: a page of them, as JSON or CSV, with a tag by which a client asks only for what changed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from dashboards.access.gate import visitor_of
from dashboards.web.proxied import below_prefix
from schemas.csv_cells import csv_row

Row = Mapping[str, Any]

ROWS_DEFAULT, ROWS_MAX = 1_000, 10_000
OFFSET_MAX = 10_000_000


class Form(StrEnum):
    """How rows are written."""

    JSON = "json"
    CSV = "csv"


class Asked(BaseModel):
    """What every question may say. An unknown parameter is refused: a misspelt one would answer something else."""

    model_config = ConfigDict(extra="forbid")

    format: Form = Field(Form.JSON, description="JSON, or CSV with a heading.")
    limit: Annotated[int, Field(ge=1, le=ROWS_MAX, description="The most rows of an answer.")] = ROWS_DEFAULT
    offset: Annotated[int, Field(ge=0, le=OFFSET_MAX, description="How many rows to leave out before them.")] = 0


def answer(request: Request, asked: Asked, names: Sequence[str], rows: Iterable[Row]) -> Response:
    """The rows asked for; where there are more, `next` (JSON) and a `Link` header say where."""
    visitor = visitor_of(request)
    seen = (row for row in rows if "hub" not in row or visitor.sees(row["hub"]))
    page = list(islice(seen, asked.offset, asked.offset + asked.limit + 1))
    more = len(page) > asked.limit
    del page[asked.limit :]
    following = None
    if more and asked.offset + asked.limit <= OFFSET_MAX:
        url = request.url.include_query_params(offset=asked.offset + asked.limit)
        following = f"{below_prefix(url.path)}?{url.query}"
    if asked.format is Form.CSV:
        content, media_type = _csv(names, page), "text/csv; charset=utf-8"
    else:
        whole = {"rows": [{name: row[name] for name in names} for row in page], "next": following}
        content, media_type = json.dumps(whole, separators=(",", ":"), allow_nan=False), "application/json"
    tag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
    # Private, and asked for again each time: the tag tells whether it is still the same.
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
    if following is not None:
        headers["Link"] = f'<{following}>; rel="next"'
    if tag in _tags(request):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def _tags(request: Request) -> set[str]:
    """The tags that a client has; a weak one does for reading."""
    given = request.headers.get("if-none-match", "")
    return {tag.strip().removeprefix("W/") for tag in given.split(",")}


def _csv(names: Sequence[str], rows: Iterable[Row]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(names)
    table.writerows(csv_row(row[name] for name in names) for row in rows)
    return text.getvalue()
