"""A report as one HTML file: style and charts in it, nothing fetched from elsewhere, no script."""

from __future__ import annotations

from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from dashboards.charts import draw, legend
from dashboards.reports import templates
from dashboards.reports.document import Document
from dashboards.web import assets
from schemas import texts
from schemas.printable import printable

_TEMPLATE, _STYLE = "report.html", "report.css"


def to_html(document: Document, own: Path | None = None) -> bytes:
    """The report as a page. `own` is a folder of templates that go before ours. Raises TemplateError."""
    file = templates.folder_of(_TEMPLATE, own) / _TEMPLATE
    style = (templates.folder_of(_STYLE, own) / _STYLE).read_text("utf-8")
    environment = SandboxedEnvironment(
        loader=FileSystemLoader([file.parent, templates.OURS]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable(value, keep="\n\t") if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(texts._, texts.ngettext, newstyle=True)  # type: ignore[attr-defined] # the extension's
    environment.filters["kind"] = lambda part: type(part).__name__.lower()
    board_style = assets.load("board.css").content.decode()
    environment.globals.update(draw=draw, legend=legend, language=texts.language, board_style=board_style, style=style)
    try:
        return environment.get_template(_TEMPLATE).render(document=document).encode()
    except TemplateSyntaxError as error:
        raise templates.broken(file, f"line {error.lineno}: {error.message}") from error
    except (TemplateError, TypeError, AttributeError, ArithmeticError) as error:
        raise templates.broken(file, str(error)) from error
