"""What a value may be given in, by the unit that is stored.

The names are those of SenML (RFC 8428, section 12.1) and of common use, some of which write one sign (U+2103) or the
masculine ordinal for a degree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sensors.macs import quoted

Convert = Callable[[float], float]


def _same(value: float) -> float:
    return value


UNITS: Mapping[str, Mapping[str, Convert]] = {
    "Cel": {
        **dict.fromkeys(("Cel", "C", "°C", "\u2103", "\u00baC"), _same),
        "K": lambda kelvin: kelvin - 273.15,
        **dict.fromkeys(("degF", "F", "°F", "\u2109", "\u00baF"), lambda fahrenheit: (fahrenheit - 32) / 1.8),
    },
    "%RH": dict.fromkeys(("%RH", "%"), _same),
    "hPa": {
        **dict.fromkeys(("hPa", "mbar"), _same),
        "Pa": lambda pascal: pascal / 100,
        "kPa": lambda kilopascal: kilopascal * 10,
        "mmHg": lambda millimetres: millimetres * 1.33322387415,
        "inHg": lambda inches: inches * 33.86388640341,
    },
    "ppm": {"ppm": _same},
}


def convert(value: float, unit: object, stored: str, what: str) -> float:
    """A value of kind `what`, given in `unit`, in the unit that is stored. Raises ValueError for any other unit."""
    known = UNITS.get(stored, {})
    change = known.get(unit) if isinstance(unit, str) else None
    if change is None:
        raise ValueError(f"unit {quoted(unit)} is not for {what}: use {', '.join(known) or 'none'}")
    return value if change is _same else round(change(value), 6)
