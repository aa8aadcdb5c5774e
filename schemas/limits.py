"""Whose limits building health goes by, and when a case of it opens and closes.

The limits that are bands of a figure stand with it in `schemas.measures`; what cases need beyond them stands here.
"""

from __future__ import annotations

from typing import Final

from schemas.texts import N_

VENTILATION: Final = N_("HSE guide to ventilation, SAGE-EMG 2020; while occupied")
WORKROOM: Final = N_("HSE L24, regulation 7: workrooms at least 16\u00a0°C")
MOULD: Final = N_("Hukka and Viitanen 1999")
MOULD_ALERT: Final = N_("alert level of VILPE")
MOULD_INDEX: Final = N_("Hukka and Viitanen 1999; alert level of VILPE")
FROST: Final = N_("usual setting of a frost thermostat (heathack.org)")
CIBSE: Final = N_("CIBSE Guide A")
CIBSE_SUMMER: Final = N_("CIBSE Guide A: offices in summer")
HEAT: Final = N_("CIBSE Guide A 2006: offices over 28\u00a0°C in at most 1\u00a0% of occupied hours")
TM52: Final = N_("CIBSE TM52 (2013), category II of EN 15251")
OWN: Final = N_("the hub's own limit in the estate file")

HEAT_C: Final = 28
BB101_MECHANICAL_PPM, BB101_NATURAL_PPM = 1000, 1500
"""Means while occupied that BB101 (2018) lets schools have: with fans, and with windows alone."""

INVESTIGATE_DAYS: Final = 10
"""Working days that Awaab's law gives to investigate significant damp or mould; an emergency has 24 hours."""

CO2_OPENS_MINUTES, CO2_CLOSES_MINUTES = 20, 5
COLD_OPENS_MINUTES, COLD_CLOSES_MINUTES = 60, 15
HEAT_OPENS_MINUTES, HEAT_CLOSES_MINUTES = 60, 15
FROST_OPENS_MINUTES = 1
DAMP_OPENS_MINUTES, DAMP_CLOSES_MINUTES = 360, 60
"""Six hours: by Hukka and Viitanen mould goes back only in air that is dry for longer than its wet spells."""
MOULD_CLOSES: Final = 2.0
"""Of the mould index: a case opens at `schemas.measures.MOULD_ALARM`, half a point higher."""

TM52_MONTHS = range(5, 10)
"""May to September."""
TM52_SLOPE, TM52_BASE_C, TM52_MEAN_MIN_C = 0.33, 21.8, 10
"""The limit is 0.33 of the outdoor running mean and 21.8 degrees; below a mean of 10 it stays as it is there."""
TM52_HOURS_SHARE_MAX, TM52_WEIGHTED_MAX, TM52_DELTA_MAX_K = 0.03, 6, 4
"""Criteria 1 (share of occupied hours), 2 (a day's weighted exceedance) and 3 (the hottest hour)."""
TM52_HOUR_MIN_C: Final = TM52_SLOPE * TM52_MEAN_MIN_C + TM52_BASE_C + 0.5
"""No hour below this can be over the limit, whatever the weather."""
