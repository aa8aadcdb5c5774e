"""The units of figures: what people read, and what Grafana calls them."""

from __future__ import annotations

from typing import NamedTuple


class Unit(NamedTuple):
    """A unit's name in a document, what stands behind a number on a page, and its id in Grafana."""

    name: str
    symbol: str
    grafana: str


PEOPLE = Unit("people", "", "locale")
PERSON_HOURS = Unit("person-hours", "", "none")
CLIENTS, DEVICES = Unit("clients", "", "none"), Unit("devices", "", "none")
BYTES = Unit("bytes", "B", "bytes")
CELSIUS = Unit("°C", "°C", "celsius")
PERCENT = Unit("%", "%", "percent")
HECTOPASCAL = Unit("hPa", "hPa", "pressurehpa")
PPM = Unit("ppm", "ppm", "ppm")
MINUTES = Unit("minutes", "min", "m")
SHARE = Unit("0 to 1", "", "percentunit")
NO_UNIT = Unit("", "", "none")
