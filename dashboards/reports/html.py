"""A report as one HTML file: style and charts in it, nothing fetched from elsewhere, no script."""

from __future__ import annotations

from pathlib import Path

from jinja2 import TemplateError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from dashboards.reports import templates
from dashboards.reports.document import Document
from dashboards.templating import environment
from dashboards.web import assets

_TEMPLATE, _STYLE = "report.html", "report.css"


def to_html(document: Document, own: Path | None = None) -> bytes:
    """The report as a page. `own` is a folder of templates that go before ours. Raises TemplateError."""
    file = templates.folder_of(_TEMPLATE, own) / _TEMPLATE
    style = (templates.folder_of(_STYLE, own) / _STYLE).read_text("utf-8")
    made = environment(
        SandboxedEnvironment,
        [file.parent, templates.OURS],
        board_style=assets.load("board.css").content.decode(),
        style=style,
    )
    made.filters["kind"] = lambda part: type(part).__name__.lower()
    try:
        return made.get_template(_TEMPLATE).render(document=document).encode()
    except TemplateSyntaxError as error:
        raise templates.broken(file, f"line {error.lineno}: {error.message}") from error
    except (TemplateError, TypeError, AttributeError, ArithmeticError) as error:
        raise templates.broken(file, str(error)) from error
