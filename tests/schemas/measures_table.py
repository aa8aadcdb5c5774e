"""The table of the fields in docs/usage.md: `python -m tests.schemas.measures_table` writes it there."""

from schemas.measures import USAGE_MEASURES, Aggregation, Measure
from tests.real_parts import REPOSITORY

USAGE = REPOSITORY / "docs/usage.md"
BEGIN = "<!-- made from schemas/measures.py by `python -m tests.schemas.measures_table` -->\n"
END = "<!-- end -->\n"
WEEKS = {
    Aggregation.SUM: "sum",
    Aggregation.MEAN: "mean of the days",
    Aggregation.MEAN_BY_OPENING: "mean, by opening minutes",
    Aggregation.MIN: "lowest day",
    Aggregation.MAX: "highest day",
    Aggregation.NONE: "days are counted by it",
}


def row(measure: Measure) -> str:
    weeks = "all days are" if measure.number is bool else WEEKS[measure.over_days]
    unit = measure.unit.name or ("true or false" if measure.number is bool else "")
    return f"| `{measure.name}` | {unit} | {measure.meaning} | {measure.covers} | {weeks} |\n"


def table() -> str:
    head = "| field | unit | what it is | of | weeks and months |\n|---|---|---|---|---|\n"
    return f"{BEGIN}{head}{''.join(row(measure) for measure in USAGE_MEASURES.values())}{END}"


def with_table(text: str) -> str:
    before, rest = text.split(BEGIN)
    return before + table() + rest.split(END)[1]


if __name__ == "__main__":
    USAGE.write_text(with_table(USAGE.read_text(encoding="utf-8")), encoding="utf-8")
