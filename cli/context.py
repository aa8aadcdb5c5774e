"""What every command needs: the settings, the estate, the store, and how to speak to people and programs."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from schemas.errors import HubpulseError
from schemas.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

    from schemas import Estate, Settings
    from stores import Store

T = TypeVar("T")

_FOLDER_MODE = 0o700


class Terminal:
    """One of the streams that people read; rich is imported only where a table or a progress bar is drawn."""

    def __init__(self, *, stderr: bool = False) -> None:
        self._stderr = stderr

    @cached_property
    def console(self) -> Console:
        """What rich draws on."""
        from rich.console import Console

        return Console(stderr=self._stderr, highlight=False, soft_wrap=True)

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks."""
        return (sys.stderr if self._stderr else sys.stdout).isatty()

    def print(self, text: str, *, style: str | None = None, end: str = "\n", flush: bool = False) -> None:
        """Print what anybody may have written; in bold or in a colour where a person looks.

        `flush`: at once, also into a pipe or a file.
        """
        text = printable(text, keep="\n\t")
        if style is not None and self.is_terminal and not os.environ.get("NO_COLOR"):
            text = typer.style(text, bold=style == "bold", fg=None if style == "bold" else style)
        print(text, end=end, file=sys.stderr if self._stderr else sys.stdout, flush=flush)


out = Terminal()
err = Terminal(stderr=True)

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of buffer, quarantine, ledger and embedded store.", show_default="data"),
]
ESTATE_IN_FORCE = "estate.path"
"""The file of a data folder that names the estate file which its readings were taken in with."""
EstateOption = Annotated[
    Path | None,
    typer.Option("--estate", help="The estate file.", show_default="the one in force there, else estate.yaml here"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def new_app(**options: Any) -> typer.Typer:
    """A group of commands, with plain help: drawing it costs as much as all else that --help does."""
    options.setdefault("no_args_is_help", not options.get("invoke_without_command"))
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, **options)


def load_settings(*, data: Path | None = None, estate: Path | None = None, **changes: Any) -> Settings:
    """The settings of environment and .env, with what the command line says put over them.

    Where none of them names an estate file, it is the one in the data folder, else the one that the folder's readings
    were taken in with, if there is one: figures follow its time zone and its opening hours.
    """
    from schemas import texts
    from schemas.settings import ESTATE_FILE, read_settings

    given = {"data_dir": data, "estate": estate, **changes}
    settings = read_settings(**{name: value for name, value in given.items() if value is not None})
    texts.speak(settings.language, settings.data_dir / "texts")
    if settings.estate is not None:
        return settings
    own, remembered = settings.data_dir / ESTATE_FILE, settings.data_dir / ESTATE_IN_FORCE
    known = own if own.is_file() else Path(remembered.read_text("utf-8")) if remembered.is_file() else None
    return settings.model_copy(update={"estate": known})


def remember_estate(settings: Settings) -> None:
    """Note in the data folder, which is made, which estate file is in force there. Raises HubpulseError.

    Where it can't be noted, as on a full disk, the service runs all the same and says so.
    """
    from schemas.settings import ESTATE_FILE

    make_data_dir(settings)
    path = settings.estate or (ESTATE_FILE if ESTATE_FILE.is_file() else None)
    note = settings.data_dir / ESTATE_IN_FORCE
    if path is None or (note.is_file() and note.read_text("utf-8") == str(path.absolute())):
        return
    fresh = note.with_suffix(".new")
    try:
        fresh.write_text(str(path.absolute()), "utf-8")
        fresh.replace(note)
    except OSError as error:
        problem = f"{note} can't be written ({error.strerror})"
        err.print(f"{problem}: free some space, or name {path} with --estate in every command")


def is_in_force(settings: Settings) -> bool:
    """Whether the estate file of the settings is the one that the data folder's figures follow."""
    from schemas.settings import ESTATE_FILE

    path = (settings.estate or ESTATE_FILE).absolute()
    note = settings.data_dir / ESTATE_IN_FORCE
    known = Path(note.read_text("utf-8")) if note.is_file() else settings.data_dir / ESTATE_FILE
    return path.is_file() and path == known.absolute()


def estate_of(settings: Settings) -> Estate:
    """The estate in force: the file that the settings name, else estate.yaml, else one that accepts every hub."""
    from schemas.settings import ESTATE_FILE
    from sensors.estate_file import load_estate

    if settings.estate is None and not ESTATE_FILE.exists():
        err.print(
            f"no estate file is known for {settings.data_dir}: days are UTC and open all day; name it with --estate"
        )
    return load_estate(settings.estate)


def store_of(settings: Settings) -> Store:
    """The store of the settings. Raises HubpulseError where there is none yet: a command that reads makes nothing."""
    from stores import open_store

    return open_store(settings, must_exist=True)


def parsed(option: str, parse: Callable[[str], T], text: str) -> T:
    """An option's value; what can't be read is wrong usage, exit code 2."""
    try:
        return parse(text)
    except HubpulseError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


@contextmanager
def stop_signal(also: Callable[[], None] = lambda: None, *, again_ends: bool = False) -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; a second one does nothing more, or with `again_ends` ends the command."""
    stopping = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        stopping.set()
        also()
        if again_ends:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def progress_bar(title: str, count: str, *, total: int | None, **fields: Any) -> Iterator[Callable[..., None]]:
    """A bar where a person looks; call it with what changed of it: `advance=1`, `completed=`, or the `fields`.

    `count` is what stands beside the bar, such as `{task.completed} days`.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn(title), BarColumn(), TextColumn(count), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err.console, transient=True, disable=not err.is_terminal) as bar:
        yield partial(bar.update, bar.add_task("", total=total, **fields))


def make_data_dir(settings: Settings) -> None:
    """Make the data folder where it is missing, for nobody else to read; one of ours is closed to others.

    Raises HubpulseError where it can't be made or written to.
    """
    from ingest.buffer_file import is_open_to_others

    folder = settings.data_dir
    try:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        if is_open_to_others(folder):
            with suppress(PermissionError):  # not ours: `doctor` says so
                folder.chmod(_FOLDER_MODE)
        problem = None if os.access(folder, os.W_OK | os.X_OK) else "not writable"
    except OSError as error:
        problem = error.strerror
    if problem is not None:
        raise HubpulseError(f"data folder {folder} can't be used ({problem}): check its owner and mode, or --data")


def read_bytes(path: str) -> bytes:
    """The bytes of a file, or of standard input for `-`."""
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise HubpulseError(f"can't read {path}: {error.strerror}; check the path") from error
