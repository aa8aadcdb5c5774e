r"""What is unhealthy about buildings: cases that open, are noted and close, by zone.

    stored roll-ups of zones (usage_daily_zone) -> days -> rules with hysteresis ----\
    hot hours (usage_hot_hours), outdoor zone --> TM52 criteria by season ------------+-> Case, worst first
    notes of people (CaseFile) ------------------------------------------------------/

Nothing here is guessed: where nothing was measured a case stays as it was and says since when there is no data.
"""

from usage.health.cases import Case, CaseKind, Note
from usage.health.finding import find_cases, open_cases

__all__ = ["Case", "CaseKind", "Note", "find_cases", "open_cases"]
