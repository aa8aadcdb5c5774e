"""Periods compared like for like: on days and hubs that both have, with a verdict on whether a change is unusual."""

from usage.comparing.like_for_like import Compared, LikeForLike, compare, compare_stored
from usage.comparing.pairs import LeftOut, Why
from usage.comparing.variation import Verdict
from usage.queries.date_ranges import DateRange

__all__ = ["Compared", "DateRange", "LeftOut", "LikeForLike", "Verdict", "Why", "compare", "compare_stored"]
