"""Files that a disk gives back otherwise than they were written, while the services that use them are down.

Whole pages go, as disks lose them, or the end of a file. A page may be anything that the file holds.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from stores.salvage import Salvage
from stores.sqlite_log import frames as log_frames
from tests.chaos.verdict import Gap
from tests.chaos.world import World

End = Callable[[], None]

PAGE_BYTES = 4096
PAGES_MAX = 3
CUT_SHARE, HEADER_SHARE = 0.2, 0.3


def buffer_damaged(world: World, rng: Random) -> End:
    return _damaged(world, rng, "buffer.db")


def quarantine_damaged(world: World, rng: Random) -> End:
    return _damaged(world, rng, "quarantine.db")


def store_damaged(world: World, rng: Random) -> End:
    """The embedded store; InfluxDB looks after its own files."""
    return _damaged(world, rng, "store.db")


def log_damaged(world: World, rng: Random) -> End:
    """A page in the buffer's log, and not at its end, where it would look as after a power cut.

    The file is longer than the log that is in force: it is begun anew at the front.
    """
    world.ingest.kill()
    log = world.data / "buffer.db-wal"
    frames = sum(1 for _ in log_frames(log)) if log.exists() else 0
    if frames > 2 * PAGES_MAX:
        with log.open("r+b") as file:
            if rng.random() < HEADER_SHARE:
                file.write(rng.randbytes(32))
            else:
                file.seek(32 + rng.randrange(frames // 2) * (PAGE_BYTES + 24) + 24)
                file.write(rng.randbytes(PAGE_BYTES))
    return world.start_ingest


def session_damaged(world: World, rng: Random) -> End:
    """What ingest remembers of its session at the broker."""
    world.ingest.kill()
    world.knows_session = False
    path = world.data / "session.json"
    text = path.read_bytes() if path.exists() else b""
    path.write_bytes(rng.choice((b"", text[: len(text) // 2], b"\x00" * 100, b"[]", b'{"client_id": 3}')))
    return world.start_ingest


def _damaged(world: World, rng: Random, name: str) -> End:
    world.ingest.kill()
    world.jobs.kill()
    path = world.data / name
    if path.exists() and path.stat().st_size:
        _damage(path, rng)

    def end() -> None:
        world.start_ingest()
        world.start_jobs()

    return end


def _damage(path: Path, rng: Random) -> None:
    pages = path.stat().st_size // PAGE_BYTES
    if rng.random() < CUT_SHARE:
        with path.open("r+b") as file:
            file.truncate(rng.randrange(pages) * PAGE_BYTES)
        return
    for _ in range(rng.randint(1, PAGES_MAX)):
        with path.open("r+b") as file:
            file.seek(rng.randrange(pages) * PAGE_BYTES)
            file.write(rng.choice((bytes(PAGE_BYTES), rng.randbytes(PAGE_BYTES))))


def gaps_of(found: Salvage) -> Iterator[Gap]:
    """Where readings may be missing in a store, as its salvage has it."""
    for gap in found.gaps:
        if gap.table == "footfall":
            hub = dict(pair.split("=") for pair in gap.of.split(","))["hub"] if gap.of else None
            first = gap.first if gap.first is not None else 0
            yield Gap(hub, first, gap.last if gap.last is not None else 2**63)
        elif gap.table == "series":
            yield Gap(None, 0, 2**63)
