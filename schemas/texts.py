"""What people read, in their language. English stands in the code; another language is a gettext catalogue.

Texts are looked up when they are shown, so what is a constant of a module is only marked there, by `N_`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from schemas.errors import HubpulseError

ENGLISH = "en"

_catalogue = NullTranslations()
_language = ENGLISH


def use(catalogue: NullTranslations, language: str = ENGLISH) -> None:
    """Show texts by this catalogue from now on; those that it lacks stay English."""
    global _catalogue, _language, _marks
    marks = _marks_of(catalogue.gettext(_THOUSANDS), catalogue.gettext(_DECIMAL))
    _catalogue, _language, _marks = catalogue, language, marks


def speak(language: str, folder: Path) -> None:
    """Show texts in this language from now on, by the folder's `LANGUAGE.po`.

    Raises HubpulseError where there is none, or one that can't be read.
    """
    if language == ENGLISH:
        use(NullTranslations())
        return
    path = folder / f"{language}.po"
    if not path.is_file():
        raise HubpulseError(f"there are no texts in {language!r}: put {language}.po into {folder} (docs/dashboards.md)")
    use(_read(path), language)


def _read(path: Path) -> GNUTranslations:
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - only where English is not wanted
    from babel.messages.pofile import PoFileError, read_po  # noqa: PLC0415

    compiled = BytesIO()
    try:
        with path.open("rb") as file:
            write_mo(compiled, read_po(file, abort_invalid=True))
        compiled.seek(0)
        return GNUTranslations(compiled)
    except (OSError, ValueError, PoFileError) as error:
        raise HubpulseError(f"{path} is no catalogue of texts ({error}): begin anew with `make texts`") from error


def language() -> str:
    """The language in use, as a page names it."""
    return _language


def _(text: str) -> str:
    """The text in the language in use. What it is filled with comes after: `_("{hubs} hubs").format(hubs=22)`."""
    return _catalogue.gettext(text) if text else text


def ngettext(one: str, many: str, count: int) -> str:
    """The text for so many, in the language in use."""
    return _catalogue.ngettext(one, many, count)


def N_(text: str) -> str:  # noqa: N802 - gettext's name for it
    """Mark a constant as a text of the catalogue; `_` translates it where it is shown."""
    return text


_WEEKDAYS = (N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday"))
_WEEKDAYS_SHORT = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))
_MONTHS = (
    *(N_("January"), N_("February"), N_("March"), N_("April"), N_("May"), N_("June")),
    *(N_("July"), N_("August"), N_("September"), N_("October"), N_("November"), N_("December")),
)
_MONTHS_SHORT = (
    *(N_("Jan"), N_("Feb"), N_("Mar"), N_("Apr"), N_("May"), N_("Jun")),
    *(N_("Jul"), N_("Aug"), N_("Sep"), N_("Oct"), N_("Nov"), N_("Dec")),
)


def weekday(day: date) -> str:
    """`Tuesday`."""
    return _(_WEEKDAYS[day.weekday()])


def weekday_short(day: date) -> str:
    """`Tue`."""
    return _(_WEEKDAYS_SHORT[day.weekday()])


def month_name(number: int) -> str:
    """`November` for 11."""
    return _(_MONTHS[number - 1])


def month_short(day: date) -> str:
    """`Nov`."""
    return _(_MONTHS_SHORT[day.month - 1])


def day_and_month(day: date, today: date) -> str:
    """`3 November`; with the year where that is not this year's."""
    text = _("{day} {month}").format(day=day.day, month=month_name(day.month))
    return text if day.year == today.year else _("{date} {year}").format(date=text, year=day.year)


_THOUSANDS, _DECIMAL = N_("mark between thousands"), N_("mark before decimals")


def number_text(value: float, decimals: int = 0) -> str:
    """A number by the marks of the language: `1 204.5` with a narrow space, `1.204,5` where a catalogue says so.

    What rounds to nothing has no sign.
    """
    return f"{round(value, decimals) + 0.0:,.{decimals}f}".translate(_marks)


def quantity_text(value: float, unit: str, decimals: int = 0) -> str:
    """A number with the sign of its unit, on one line: `1 795 ppm`; the number alone where the unit has none."""
    text = number_text(value, decimals)
    return f"{text}\u00a0{unit}" if unit else text


def percent_text(share: float, decimals: int = 0) -> str:
    """0.0823 as `8 %`, or `8.2 %`."""
    return quantity_text(share * 100, "%", decimals)


def _marks_of(thousands: str, decimal: str) -> Mapping[int, str]:
    return {
        ord(","): "\u202f" if thousands == _THOUSANDS else thousands,
        ord("."): "." if decimal == _DECIMAL else decimal,
        ord("-"): "\u2212",
    }


_marks = _marks_of(_THOUSANDS, _DECIMAL)
"""Those of numbers in the language in use: a page has thousands of numbers."""
