r"""What is unhealthy about buildings: cases that open, are noted and close, by zone.

    stored roll-ups of zones -> days -> rules with hysteresis ------\
    hot hours, the zone outdoor -> TM52 criteria by season ----------+-> judged cases -> store (jobs) -> find_cases
    what people noted (usage_case_notes) --------------------------------------------------------------/

Nothing here is guessed: where nothing was measured a case stays as it was and says since when there is no data.
"""

from usage.health.cases import Case, CaseKind, CaseNote
from usage.health.finding import cases_within, find_cases, open_cases

__all__ = ["Case", "CaseKind", "CaseNote", "cases_within", "find_cases", "open_cases"]
