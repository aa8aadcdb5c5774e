"""How the data rests in a store: each measurement's tags and the type of each field, which never changes.

The raw measurements follow from the kinds; the roll-ups are written back to the same store with the local midnight
(or hour) as their time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from schemas.kinds import KINDS, RAW_FIELDS
from schemas.measures import USAGE_MEASURES, ZONE_MEASURES


class FieldType(StrEnum):
    """The type of a stored field."""

    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"


class Policy(StrEnum):
    """How long the points of a measurement are kept: RAW as long as readings, USAGE for ever."""

    RAW = "raw"
    USAGE = "usage"


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measurement's name, its tags in sorted order, its fields with their types, and how long it is kept."""

    name: str
    tags: tuple[str, ...]
    fields: Mapping[str, FieldType]
    policy: Policy = Policy.RAW
    texts: tuple[str, ...] = ()
    """The tags that hold percent-encoded text; the others hold ids."""

    def of(self, fields: Collection[str] | None) -> Measurement:
        """The same with these fields alone; None for all of them."""
        if fields is None:
            return self
        return replace(self, fields={name: kind for name, kind in self.fields.items() if name in fields})


_TYPES = {int: FieldType.INTEGER, float: FieldType.FLOAT, bool: FieldType.BOOLEAN}
_I, _F, _B = FieldType.INTEGER, FieldType.FLOAT, FieldType.BOOLEAN

USAGE_FIELDS: Mapping[str, FieldType] = {name: _TYPES[measure.number] for name, measure in USAGE_MEASURES.items()}
"""The fields of `usage_daily` and `usage_hourly`, in the order in which they are exported."""

LATER_FIGURES = (
    frozenset({
        "entries_open", "entries_shared", "temperature_coldest_zone_c", "damp_minutes_closed", "frost_minutes_closed",
        "footfall_completeness", "wifi_completeness", "environment_completeness", "transfer_share", "people_state",
        "co2_minutes_over_limit", "person_hours_over_limit", "cold_minutes", "heat_minutes",
    }),
)  # fmt: skip
"""The daily figures that each later catalogue brought. A stored day says by how many of them it was computed
(`catalogue`; before there was that field, by none): what was no figure yet can't have changed since."""

_USAGE_DAILY_ZONE = {name: _TYPES[measure.number] for name, measure in ZONE_MEASURES.items()} | {"mould_dry_hours": _F}
"""The air of a zone on a day. `mould_dry_hours` is with the index what the next day goes on from: for how long it has
been too dry for mould to grow, at most a little more than a day."""

_USAGE_HOT_HOURS = {"temperature_mean_c": _F, "open_minutes": _F}
"""The occupied hours of May to September of which CIBSE TM52 may find that they were too hot, by zone: what is too hot
follows from the weather before, which may come in later than they do."""

_USAGE_CASES = {
    "until_ns": _I,
    "latest_ns": _I,
    "value": _F,
    "limit": _F,
    "minutes": _F,
    "people": _F,
    "last_data_ns": _I,
    "worst_ns": _I,
    "worst_value": _F,
    "worst_minutes": _F,
}
"""Cases of building health by kind; time = the midnight of their first day, `until_ns` that of the first day on which
it was over, absent while a case is open, `latest_ns` that of the day
which `value`, `minutes` and `people` are of, `worst_ns` that of its worst day."""

_USAGE_CASE_NOTES = {"closes": _B}
"""What people noted of the case that was open then, and whether that closed it; tag `note` is the text."""

DOOR_FIELDS: Mapping[str, FieldType] = {
    name: USAGE_FIELDS[name] for name in ("entries", "exits", "footfall_completeness")
}
"""The fields of `usage_daily_door`: one door's part of the day's figures."""

_USAGE_HOURLY_DOOR = {"entries_open": _I, "open_minutes": _F, "direct": _B}
"""How many people came in by a door while the hub was open, in each hour with opening time. `direct` where readings of
that hour counted them all, and nothing was shared out over a gap: such hours make the profile."""

_USAGE_PROFILE = {"people_per_hour": _F, "version": _I, "people_per_week": _F, "hours_known": _I}
"""How many people usually come in by a door in each hour of an ISO week: time = the local midnight of its Monday plus
the hour of the week in ns. Points of the latest version count; one without a rate says that it is not known. That of
hour 0 has the sum of all rates, and of how many hours it is: profiles that were frozen before have neither."""

_USAGE_ESTIMATES = {"entries_estimate": _I, "entries_low": _I, "entries_high": _I, "method": _I}
"""How many people a day's count misses, and the bounds of both together; `method` is the number of a
`usage.estimates.Method`, of `transfer?` and another one their sum. A day that was counted whole, or of which nothing
can be told, has no point."""

_USAGE_DOUBTS = {"change": _F, "found_ns": _I, "until_ns": _I, "witnesses": _I, "moved": _B}
"""Since when (time = that day's midnight) a door counts otherwise than its witnesses let expect, by which share, and up
to which day; no `sensor`: the hub as a whole. `witnesses` has a bit for each `usage.attention.doubts.Witness`."""

_USAGE_SILENCES = {
    "silent": _B,
    "since_ns": _I,
    "then_ns": _I,
    "within_now": _F,
    "within_then": _F,
    "people": _I,
}
"""How well a month (time = its first midnight) can be stated, now and from `then_ns` on, where a door's counter is
silent or sends in part: half of the 90 % interval as a share, and in people."""

_USAGE_NOTES = {"made_ns": _I, "removed": _B}
"""What people wrote about a hub's day: time = the date's midnight in UTC, whatever the zone. A store keeps no text
but in tags: `note` and `author` are percent-encoded. `removed` where it was taken back."""

_ALERTS = {
    **dict.fromkeys(("since_ns", "fine_ns", "over_ns", "told_ns", "over_told_ns"), _I),
    "value": _F,
    "covered": _B,
}
"""An alert; time = when it was raised. `subject` is the sensor, the zone or the ingest. 0 is not yet: it looks well
since `fine_ns`, is over since `over_ns`; people were told of it, and of its end, in the notices composed at `told_ns`
and `over_told_ns`. `covered` where it went into the alert of its cause."""

_ALERT_ANSWERS = {"raised_ns": _I, "until_ns": _I}
"""What somebody did about the alert raised then: tag `answer`; time = when. `author` is percent-encoded."""

_ALERT_NOTICES = {"tries": _I, "next_ns": _I, "sent_ns": _I, "alerts": _I}
"""A notice to an address, by its place in the list; time = when it was composed. `sent_ns` is 0 until it went."""

_DAY_MARKS = {"marked_ns": _I, "done_ns": _I}
"""Ingest sets `marked_ns` where a reading fell on a past local day (time = its midnight); jobs copies the value that it
saw to `done_ns` once the day is recomputed. A day whose two differ is due."""

_SENSOR_STATUS = {"last_seen_s": _I, "expected_every_s": _I, "silent": _B, "battery_pct": _F, "lost_share": _F}
"""How each sensor is, renewed every minute in a row for each ten minutes. `last_seen_s` is how long ago its last
reading was taken; it is missing for a sensor that never reported. `lost_share`, 0 to 1, is how much the
radio lost of its LoRaWAN frames in the last 24 hours."""

_DEVICE_AVAILABILITY = {"online": _B}
"""Whether a sensor's device, or its broker, said that it is on line; time = when that was received."""

_USAGE_CHANGES = {"before": _F, "after": _F, "revision": _I, "changed_ns": _I}
"""Figures of past days that came out differently: tag `figure`, time = the day's midnight plus `revision` ns."""

_COUNTER_CORRECTIONS = {"before": _I, "after": _I, "counted": _I, "limit": _I, "limit_rule": _I, "withdrawn": _B}
"""What was done about a counter's total at a reading's time; tag `counter` is the total's field, tag `cause` why.
`limit` is the most that the counter could have grown by, where it was beyond that, else 0; `limit_rule` is the number
of a `usage.counters.LimitRule`. `withdrawn` where later data showed that there was nothing to correct."""

OVERWRITTEN = "overwritten"
_OVERWRITTEN = {"before": _F, "after": _F}
"""Values of readings that a later message corrected; time = the reading's. Tags `kind` and `field` say which value."""

_JOBS_LEASE = {"holder": _I, "until_ns": _I}
"""Which process does the periodic work: the holder of the latest point, until then. Tag `work` is `jobs`."""

LEDGER_COUNTS = (
    *("messages_received", "messages_accepted", "messages_refused", "messages_no_reading"),
    *("messages_redelivered", "messages_thinned", "messages_waiting"),
    *("readings_accepted", "readings_refused", "readings_stored", "readings_store_rejected", "readings_pending"),
)
"""What an ingest's ledger counts, since its buffer was made."""

_PIPELINE_STATUS = {
    **dict.fromkeys(LEDGER_COUNTS, _I),
    "balanced": _B,
    "connected": _B,
    "buffer_bytes": _I,
    "buffer_oldest_s": _F,
    "lag_s": _F,
    "store_errors": _I,
    "sessions_lost": _I,
    "disk_free_bytes": _I,
}
"""One point for each ingest process every ten seconds: its ledger as it stands, whether it is connected, the age of the
oldest batch that waits, and the longest way from device to store of the live readings since the last point."""

_QUARANTINE_STATUS = {"waiting": _I}
"""How many messages are in the quarantine, by reason, every ten seconds."""


SUSPECT = "suspect"
READING_FLAGS = (SUSPECT, "maybe_repeated")
"""What a reading may be beside its fields, written only where it is so: implausible; or, without a time of its own and
after a crash of the broker or a restore, perhaps there already."""

READING_NOTES = frozenset((*READING_FLAGS, *RAW_FIELDS.values()))
"""All that is beside a reading's fields: the flags, and what the device sent of a value that was corrected."""

_READING_TAGS = ("hub", "sensor", "zone")
_CASE_NOTE_TAGS = ("author", "hub", "kind", "note", "zone")
_CORRECTION_TAGS = ("cause", "counter", "hub", "sensor")

MEASUREMENTS: Mapping[str, Measurement] = {
    m.name: m
    for m in (
        *(
            Measurement(
                kind.value,
                _READING_TAGS,
                {f.name: _TYPES[f.number] for f in spec.fields}
                | dict.fromkeys(READING_FLAGS, _B)
                | {RAW_FIELDS[f.name]: _F for f in spec.fields if f.name in RAW_FIELDS},
            )
            for kind, spec in KINDS.items()
        ),
        # The figures, and what explains and defends them: it must be there as long as they are.
        Measurement("usage_daily", ("hub",), {**USAGE_FIELDS, "catalogue": _I}, Policy.USAGE),
        Measurement("usage_hourly", ("hub",), USAGE_FIELDS, Policy.USAGE),
        Measurement("usage_daily_zone", ("hub", "zone"), _USAGE_DAILY_ZONE, Policy.USAGE),
        Measurement("usage_hot_hours", ("hub", "zone"), _USAGE_HOT_HOURS, Policy.USAGE),
        Measurement("usage_cases", ("hub", "kind", "zone"), _USAGE_CASES, Policy.USAGE),
        Measurement("usage_case_notes", _CASE_NOTE_TAGS, _USAGE_CASE_NOTES, Policy.USAGE, ("author", "note")),
        Measurement("usage_daily_door", ("hub", "sensor"), DOOR_FIELDS, Policy.USAGE),
        Measurement("usage_hourly_door", ("hub", "sensor"), _USAGE_HOURLY_DOOR, Policy.USAGE),
        Measurement("usage_estimates", ("hub",), _USAGE_ESTIMATES, Policy.USAGE),
        Measurement("usage_doubts", ("hub", "sensor"), _USAGE_DOUBTS, Policy.USAGE),
        Measurement("usage_silences", ("hub", "sensor"), _USAGE_SILENCES, Policy.USAGE),
        Measurement("usage_notes", ("author", "hub", "note"), _USAGE_NOTES, Policy.USAGE, ("author", "note")),
        Measurement("alerts", ("hub", "rule", "subject"), _ALERTS, Policy.USAGE),
        Measurement(
            "alert_answers", ("answer", "author", "hub", "rule", "subject"), _ALERT_ANSWERS, Policy.USAGE, ("author",)
        ),
        Measurement("alert_notices", ("address", "subject"), _ALERT_NOTICES, Policy.USAGE),
        Measurement("usage_profile", ("hub", "sensor"), _USAGE_PROFILE, Policy.USAGE),
        Measurement("usage_changes", ("figure", "hub"), _USAGE_CHANGES, Policy.USAGE),
        Measurement("counter_corrections", _CORRECTION_TAGS, _COUNTER_CORRECTIONS, Policy.USAGE),
        Measurement(OVERWRITTEN, ("field", "hub", "kind", "sensor"), _OVERWRITTEN, Policy.USAGE),
        # A mark's midnight is before its reading: with the readings' retention, the mark of the oldest reading that
        # is still kept would be refused.
        Measurement("day_marks", ("hub",), _DAY_MARKS, Policy.USAGE),
        # Monitoring: of interest as long as the readings, and renewed all the time.
        Measurement("sensor_status", ("hub", "sensor"), _SENSOR_STATUS),
        Measurement("device_availability", ("hub", "sensor"), _DEVICE_AVAILABILITY),
        Measurement("pipeline_status", ("ingest",), _PIPELINE_STATUS),
        Measurement("quarantine_status", ("ingest", "reason"), _QUARANTINE_STATUS),
        Measurement("jobs_lease", ("work",), _JOBS_LEASE),
    )
}
