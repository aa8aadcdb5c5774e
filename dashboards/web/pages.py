"""The board's templates into pages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment
from markupsafe import Markup, escape

from dashboards.access.gate import visitor_of
from dashboards.templating import environment
from dashboards.web import assets, wording
from dashboards.web.commands import with_commands
from dashboards.web.navigation import navigation
from dashboards.web.parts import are_too_many
from dashboards.web.proxied import with_prefix
from dashboards.web.sparkline import mark_shape
from schemas.measures import CO2_FAIR_PPM, CO2_POOR_PPM
from schemas.printable import printable


def cells(values: Iterable[str]) -> Markup:
    """Figures as the cells of a row: a table of a year has thousands, and each expression of a template costs."""
    text = "</td><td>".join(escape(value) for value in values)
    return Markup(f"<td>{printable(text)}</td>")  # noqa: S704 - each value is escaped


_ENVIRONMENT = environment(
    Environment,
    Path(__file__).parent / "templates",
    asset=assets.address,
    mark_shape=mark_shape,
    wording=wording,
    plural=wording.plural,
    CO2_FAIR_PPM=CO2_FAIR_PPM,
    CO2_POOR_PPM=CO2_POOR_PPM,
    are_too_many=are_too_many,
)
_ENVIRONMENT.filters["cells"] = cells


def page(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """A page of the board, of a template that extends `board.html`: with who asks, and the way to the other pages."""
    return render(template, status=status, visitor=visitor_of(request), navigation=navigation(request), **values)


class Heading(NamedTuple):
    """What stands over every page: the estate's name, the time that its figures are of, whether jobs keep them so."""

    name: str
    now: datetime
    jobs_run: bool | None = True


def render(template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """A page of a template."""
    text = _ENVIRONMENT.get_template(template).render(status=status, **values)
    return HTMLResponse(with_prefix(with_commands(text)), status_code=status)
