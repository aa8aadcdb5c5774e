"""Door counters held against a count by hand: planned, counted, compared and judged.

plan: how many people, how long -> presses of a phone -> samples of the door -> comparison -> two one-sided tests
                                                                               pass, fail or not enough; a factor
"""

from usage.audits.equivalence import Judgement, Verdict
from usage.audits.records import Audit, AuditFile, Press

__all__ = ["Audit", "AuditFile", "Judgement", "Press", "Verdict"]
