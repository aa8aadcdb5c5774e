"""Templates into pages. Everything put into a page is escaped and printable, whoever wrote it."""

from __future__ import annotations

import json
from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dashboards.web import assets, wording
from schemas.measures import CO2_FAIR_PPM, CO2_POOR_PPM
from schemas.printable import printable

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=lambda value: printable(value, keep="\n\t") if type(value) is str else value,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _json_for_script(value: object) -> Markup:
    """JSON that may stand inside a script element: nothing in it can end the element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704 - escaped


_ENVIRONMENT.filters["json_for_script"] = _json_for_script
_ENVIRONMENT.globals.update(
    asset=assets.address,
    map_style_id=assets.map_style_id,
    wording=wording,
    CO2_FAIR_PPM=CO2_FAIR_PPM,
    CO2_POOR_PPM=CO2_POOR_PPM,
)


def render(template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """A page of a template."""
    text = _ENVIRONMENT.get_template(template).render(status=status, **values)
    return HTMLResponse(text, status_code=status)
