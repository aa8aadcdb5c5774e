"""How templates become pages: whatever is put into one is escaped and printable, and its texts are looked up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dashboards.charts import draw, legend
from schemas import texts
from schemas.printable import printable

Kind = TypeVar("Kind", bound=Environment)


def environment(kind: type[Kind], folders: Path | Sequence[Path], **values: object) -> Kind:
    """Jinja's environment of a kind; templates of the first folder that has one go first. `values` are known to all."""
    made = kind(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable(value, keep="\n\t") if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(texts._, texts.ngettext, newstyle=True)  # type: ignore[attr-defined] # the extension's
    made.globals.update(_=_looked_up, draw=draw, legend=legend, language=texts.language, **values)
    return made


def _looked_up(text: str, **values: object) -> Markup:
    """A text of ours in the language in use, filled where there is anything to fill it with: `1 % of hours` is none."""
    found = Markup(texts._(text))  # noqa: S704 - what templates and the catalogue say, not what anybody sent
    return found % values if values else found
