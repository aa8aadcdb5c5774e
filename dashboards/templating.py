"""How templates become pages: whatever is put into one is escaped and printable, and its texts are looked up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined

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
    made.globals.update(draw=draw, legend=legend, language=texts.language, **values)
    return made
