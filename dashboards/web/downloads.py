"""Files that people take away from the board, as answers."""

from __future__ import annotations

from fastapi import Response

from dashboards.charts import Table, to_csv, to_xlsx
from dashboards.media_types import MEDIA_TYPES

TABLE_FORMS = {"csv": to_csv, "xlsx": to_xlsx}


def of_table(table: Table, stem: str, form: str) -> Response:
    """A table as a file, in one of `TABLE_FORMS`; `stem` is its name without the ending."""
    return of_file(TABLE_FORMS[form](table), f"{stem}.{form}")


def of_file(content: bytes, name: str) -> Response:
    """A file to keep, of a kind in `MEDIA_TYPES`."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=MEDIA_TYPES[name.rpartition(".")[2]], headers=headers)
