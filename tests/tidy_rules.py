"""The house rules that test_tidy.py enforces, each a function from one file's content to the faults found in it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from schemas.log_events import LOG_EVENTS

LINES_MAX = 400

# A room may import itself and the rooms named here, and nothing else of ours.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "schemas": frozenset(),
    "mqtt": frozenset({"schemas"}),
    "sensors": frozenset({"schemas", "mqtt"}),
    "stores": frozenset({"schemas", "mqtt", "sensors"}),
    "ingest": frozenset({"schemas", "mqtt", "sensors", "stores"}),
    "usage": frozenset({"schemas", "mqtt", "sensors", "stores"}),
    "dashboards": frozenset({"schemas", "mqtt", "sensors", "stores", "ingest", "usage"}),
    "simulators": frozenset({"schemas", "mqtt", "sensors"}),
}
ROOMS = frozenset(MAY_IMPORT)
MAY_IMPORT["cli"] = ROOMS
MAY_IMPORT["hubpulse"] = ROOMS | {"cli"}
OURS = frozenset(MAY_IMPORT) | {"tests", "benchmarks"}

# These talk to a person at a terminal; everything else logs, returns or raises.
MAY_PRINT = frozenset({"cli", "hubpulse", "benchmarks"})

NAMES_THAT_SAY_NOTHING = frozenset({"util", "utils", "helper", "helpers", "common", "misc"})

# Paths of one person's machine. The checkout's own path is added by whoever knows it.
HOME_FOLDERS = re.compile(r"(?<![\w.$}~-])/(?:home/[a-z_][\w-]*|root|Users/\w+)/[\w.-]+")
# Where packages come from is a setting of the machine that installs them, never of the project.
REGISTRIES = re.compile(
    r"https?://[^\s\"'>)]*(?:pypi|pythonhosted|npmjs|artifactory|nexus|devpi)[^\s\"'>)]*"
    r"|--(?:extra-)?index[-]url\b|--find[-]links\b|--trusted[-]host\b"
)


def room_of(path: PurePosixPath) -> str:
    """Return the room that a file belongs to: its top folder, or its own name at the top level."""
    return path.parts[0] if len(path.parts) > 1 else path.stem


def imported_modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of everything that is imported, wherever in the file and by whichever way."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                yield node.lineno, module
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                yield node.lineno, module


def breaks_import_law(path: PurePosixPath, source: str) -> Iterator[str]:
    room = room_of(path)
    if room not in MAY_IMPORT:
        return
    for line, module in imported_modules(ast.parse(source, str(path))):
        target = module.partition(".")[0]
        if target in OURS - {room} - MAY_IMPORT[room]:
            yield f"{path}:{line}: {room} must not import {target}"


def has_bare_except(path: PurePosixPath, source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source, str(path))):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"{path}:{node.lineno}: bare except: name the errors that are expected here"


def prints(path: PurePosixPath, source: str) -> Iterator[str]:
    if room_of(path) in MAY_PRINT:
        return
    for node in ast.walk(ast.parse(source, str(path))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"print", "pprint"}:
            yield f"{path}:{node.lineno}: print: only the command line talks to the terminal"


def logs_what_is_not_listed(path: PurePosixPath, source: str) -> Iterator[str]:
    """Every use of `log` is a call with an event and fields of schemas/log_events.py."""
    if "get_logger" not in source or room_of(path) in {"tests", "benchmarks"}:
        return
    tree = ast.parse(source, str(path))
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Attribute(attr="get_logger"))):
                if name != "log":
                    yield f"{path}:{node.lineno}: a logger is named log"
            case ast.Attribute(value=ast.Name(id="log"), attr=attr):
                call = calls.get(id(node))
                arguments = call.args[1 if attr == "log" else 0 :] if call is not None else []
                match arguments:
                    case [ast.Constant(value=str(event))] if event in LOG_EVENTS and call is not None:
                        known = {*LOG_EVENTS[event].fields, "hint"}
                        unknown = [str(field.arg) for field in call.keywords if field.arg not in known]
                        if unknown:
                            yield f"{path}:{node.lineno}: {event} has no field {', '.join(unknown)} in the list"
                    case _:
                        yield f"{path}:{node.lineno}: not an event of schemas/log_events.py"


def sleeps(path: PurePosixPath, source: str) -> Iterator[str]:
    if room_of(path) != "tests":
        return
    for node in ast.walk(ast.parse(source, str(path))):
        match node:
            case ast.ImportFrom(module="time", names=names) if any(alias.name == "sleep" for alias in names):
                yield f"{path}:{node.lineno}: sleep: wait on a condition with tests.waiting.wait_until"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="asyncio"), attr="sleep"), args=[ast.Constant(value=0)]):
                continue  # gives other tasks a turn, and takes no time
            case ast.Call(func=ast.Attribute(attr="sleep") | ast.Name(id="sleep")):
                yield f"{path}:{node.lineno}: sleep: wait on a condition with tests.waiting.wait_until"


def is_too_long(path: PurePosixPath, source: str) -> Iterator[str]:
    lines = source.count("\n")
    if lines > LINES_MAX:
        yield f"{path}: {lines} lines, more than {LINES_MAX}: a second idea wants a second file"


def has_a_name_that_says_nothing(path: PurePosixPath, _source: str) -> Iterator[str]:
    for name in (*path.parent.parts, path.stem):
        if name in NAMES_THAT_SAY_NOTHING:
            yield f"{path}: {name!r} says nothing about what is in it"


def names_this_machine(path: PurePosixPath, text: str, checkout: Path) -> Iterator[str]:
    # A checkout right below the root (/app, /src) has a name that honest text may use.
    named = str(checkout) if len(checkout.parts) > 2 else "\0"
    for number, line in enumerate(text.splitlines(), start=1):
        if named in line or HOME_FOLDERS.search(line):
            yield f"{path}:{number}: a path of one machine"


def names_a_registry(path: PurePosixPath, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        if REGISTRIES.search(line):
            yield f"{path}:{number}: the address of a package registry"
