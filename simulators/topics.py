"""Topics made of a row's cells: `hubs/{LocationName}/footfall/camera`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schemas import HubpulseError
from schemas.ids import is_id
from simulators.local_times import RowOrder
from simulators.mapping import ReadingColumns

TOPICS_MAX = 100_000
_NO_ID = re.compile(r"[^a-z0-9_-]+")
_ID_MAX = 64


class TopicTarget(NamedTuple):
    """Where readings of the same cells go: the topic, and the order of what went there before."""

    topic: str
    number: int
    order: RowOrder


class Topics:
    """The topics of a whole table. A cell becomes an id by the mapping's `names`, or by its letters and digits."""

    def __init__(self, names: Mapping[str, Mapping[str, str]]) -> None:
        self._names = names
        self._by_cells: dict[tuple[str, ...], TopicTarget] = {}
        self._by_topic: dict[str, TopicTarget] = {}
        self._sources: dict[tuple[str, str], str] = {}

    def target(self, reading: ReadingColumns, cells: Sequence[str]) -> TopicTarget:
        """The target of a reading whose topic columns have these cells.

        Raises ValueError for a cell that gives no id, HubpulseError for two that give the same.
        """
        key = (reading.topic, *cells)
        target = self._by_cells.get(key)
        if target is None:
            if len(self._by_cells) >= TOPICS_MAX:
                raise HubpulseError(f"{reading.topic} gives more than {TOPICS_MAX} topics: take a column of few names")
            target = self._by_cells[key] = self._new_target(reading, cells)
        return target

    def _new_target(self, reading: ReadingColumns, cells: Sequence[str]) -> TopicTarget:
        topic = reading.topic
        for column, cell in zip(reading.topic_columns, cells, strict=True):
            topic = topic.replace(f"{{{column}}}", self._id(column, cell))
        for level in topic.split("/"):
            if not is_id(level):
                raise ValueError(f"{level!r} is not an id: name it under `names` in the mapping")
        return self._by_topic.setdefault(topic, TopicTarget(topic, len(self._by_topic), RowOrder()))

    def _id(self, column: str, cell: str) -> str:
        text = cell.strip()
        named = self._names.get(column, {}).get(text)
        if named is not None:
            return named
        slug = _NO_ID.sub("-", text.lower()).strip("-_")[:_ID_MAX]
        other = self._sources.setdefault((column, slug), text)
        if other != text:
            raise HubpulseError(
                f"{column}: {other!r} and {text!r} both become {slug!r}: name them under `names` in the mapping"
            )
        return slug
