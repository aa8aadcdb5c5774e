"""Which store the settings name."""

from __future__ import annotations

from schemas import Settings
from stores.protocol import Store


def open_store(settings: Settings, *, must_exist: bool = False) -> Store:
    """The store that `settings.store` names. Nothing is connected to or created before its first use.

    `must_exist` is for reading: raises StoreError where nobody has made the store yet.
    """
    store = _store_of(settings)
    if must_exist:
        store.require()
    return store


def self_healing(store: Store) -> Store:
    """The store, which from now on replaces a damaged file of its own: for the one process that brings readings."""
    if hasattr(store, "heals"):
        store.heals = True
    return store


def _store_of(settings: Settings) -> Store:
    # Imported when asked for: connections over HTTP take 50 ms, which an embedded store need not pay.
    if settings.store == "influxdb":
        from stores.influx_store import InfluxStore  # noqa: PLC0415

        return InfluxStore(
            settings.influx,
            retention_days=settings.retention_days,
            figures_retention_days=settings.figures_retention_days,
        )
    from stores.sqlite_store import SqliteStore  # noqa: PLC0415

    return SqliteStore(settings.data_dir / "store.db")
