"""Every event that is logged, with its fields: what programs search a log for is named here and nowhere else.

An event is `log.info("estate_reloaded", hubs=22)`; sentences go into `hint`, which every event may have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class LogEvent(NamedTuple):
    """What an event means, and the fields that come with it."""

    meaning: str
    fields: tuple[str, ...] = ()


LOG_EVENTS: Mapping[str, LogEvent] = {
    # Every service
    "metrics_unavailable": LogEvent("The metrics port is taken; the service runs without.", ("port", "error")),
    "service_stalled": LogEvent("A loop of the service makes no progress: systemd's watchdog is not fed.", ("error",)),
    # Receiving
    "broker_connected": LogEvent("Ingest is connected to the broker.", ("broker", "mqtt", "session")),
    "broker_restarted": LogEvent("The broker that Hubpulse runs had ended and was started again."),
    "mqtt_stock_client": LogEvent("paho-mqtt is another inside than expected; it is used as it is.", ("differences",)),
    "old_session_ended": LogEvent("The session of the client id before is emptied and ended."),
    "receiving_failed": LogEvent("Nothing is received; ingest tries again by itself.", ("error",)),
    "broker_was_restarted": LogEvent(
        "The broker was restarted: what it had not saved is lost, and some may come twice.", ("since",)
    ),
    "messages_dropped": LogEvent("The broker had no room for messages and lost them.", ("count", "since")),
    "session_lost": LogEvent("The broker no longer has our session: what was published meanwhile is lost."),
    "session_unknown": LogEvent("The broker has a session of ours that this data folder knows nothing of."),
    "sources_overlap": LogEvent("Sources overlap and the broker has no MQTT 5: messages may count twice."),
    "subscription_at_qos_0": LogEvent("The broker grants QoS 0 only and may lose messages.", ("filters",)),
    "subscription_refused": LogEvent("The broker refuses a subscription.", ("error",)),
    # Ingest
    "acknowledging_paused": LogEvent("Buffer or disk is full: the broker holds what is published.", ("error",)),
    "codec_rejected": LogEvent("An edited codec can't be loaded; the one before stays in force.", ("codec", "error")),
    "codec_reloaded": LogEvent("The edited codec is in force.", ("codec",)),
    "codec_stopped": LogEvent(
        "A codec failed on five frames of a device in a row: they are kept undecoded.", ("codec", "device", "error")
    ),
    "decoding_failed": LogEvent("A fault in the decoder; its messages are taken one by one.", ("trace",)),
    "quarantine_failed": LogEvent("The quarantine can't be used: refused messages are counted, not kept.", ("error",)),
    "estate_rejected": LogEvent("The edited estate file has a mistake; the one before stays in force.", ("error",)),
    "estate_reloaded": LogEvent("The edited estate file is in force.", ("hubs",)),
    "file_salvaged": LogEvent("A file was damaged or gone; what was whole in it is in a new one.", ("file", "error")),
    "format_unavailable": LogEvent("A source's format can't be used: its messages go into the quarantine.", ("error",)),
    "worker_restarted": LogEvent(
        "A worker process ended and is started again; what it had is decoded again.", ("worker", "error", "wait_s")
    ),
    "ingest_stopped": LogEvent("Ingest has ended; what is pending is in the buffer.", ("readings_pending",)),
    # Writing to the store
    "readings_rejected": LogEvent("The store refused readings: they are in the quarantine.", ("count", "error")),
    "status_not_stored": LogEvent("The store did not take the report about ingest itself.", ("error",)),
    "store_holding": LogEvent("The store takes nothing: readings stay in the buffer.", ("error",)),
    "store_resumed": LogEvent("The store takes readings again."),
    "store_stop_timed_out": LogEvent("The store did not answer before the end; readings stay in the buffer."),
    "writer_stopped": LogEvent("The writer has ended by a fault, and ingest with it.", ("error", "trace")),
    # Jobs
    "alerts_left_out": LogEvent("More alerts would be open than are kept.", ("count",)),
    "notice_failed": LogEvent(
        "A notice did not go to an address; it is tried again for a day.", ("address", "error", "wait_s")
    ),
    "notice_sent": LogEvent("A notice went to an address.", ("address", "alerts")),
    "day_changed": LogEvent("The figures of a past day have changed.", ("hub", "date", "revision", "changes")),
    "heartbeat_failed": LogEvent("The jobs could not leave their sign of life.", ("folder", "error")),
    "jobs_failed": LogEvent("A fault in a job; it runs again at its next time.", ("work", "error")),
    "jobs_lease_kept": LogEvent("The lease could not be given back; it runs out by itself.", ("error",)),
    "jobs_standing_by": LogEvent("Other processes do the work; this one takes a part of it as soon as there is one."),
    "jobs_taking_over": LogEvent("This process does its part of the work from now on."),
    "jobs_waiting": LogEvent("A job could not be done; it is tried again at its next time.", ("work", "error")),
    "library_logged": LogEvent("A library that Hubpulse uses has logged this.", ("library", "error")),
    "report_made": LogEvent("A report of the estate file's plan was made.", ("period", "hub", "version", "files")),
    "sensors_left_out": LogEvent(
        "More sensors of a hub send readings than are counted: the estate file does not name them.", ("hub", "count")
    ),
    # Board and demo
    "login": LogEvent("Somebody signed in to the board.", ("account",)),
    "share_made": LogEvent("Somebody made a link to a report on the board.", ("account", "file")),
    "share_revoked": LogEvent("Somebody ended a link to a report on the board.", ("account", "share")),
    "login_failed": LogEvent("Somebody tried to sign in with a wrong name or password.", ("account",)),
    "board_page_failed": LogEvent("A page of the board could not be made.", ("path",)),
    "edit_finished": LogEvent("What was asked for on the board is done or refused.", ("edit", "account", "state")),
    "demo_estate_stopped": LogEvent("The simulated estate sends nothing any more.", ("error",)),
}
