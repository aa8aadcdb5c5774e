"""People who came while nobody counted: what an estimate is, how one is made (`estimator`) and kept (`stored`)."""

from usage.estimates.estimate import ESTIMATED, UNKNOWN, Estimate, Estimates, Method, in_words, missing_share, of_days

__all__ = ["ESTIMATED", "UNKNOWN", "Estimate", "Estimates", "Method", "in_words", "missing_share", "of_days"]
