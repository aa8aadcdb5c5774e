"""What people read, in their language. English stands in the code; another language is a gettext catalogue.

Texts are looked up when they are shown, so what is a constant of a module is only marked there, by `N_`.
"""

from __future__ import annotations

from gettext import NullTranslations

_catalogue = NullTranslations()


def use(catalogue: NullTranslations) -> None:
    """Show texts by this catalogue from now on; those that it lacks stay English."""
    global _catalogue  # noqa: PLW0603 - a process speaks one language
    _catalogue = catalogue


def _(text: str) -> str:
    """The text in the language in use. What it is filled with comes after: `_("{hubs} hubs").format(hubs=22)`."""
    return _catalogue.gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """The text for so many, in the language in use."""
    return _catalogue.ngettext(one, many, count)


def N_(text: str) -> str:  # noqa: N802 - gettext's name for it
    """Mark a constant as a text of the catalogue; `_` translates it where it is shown."""
    return text
