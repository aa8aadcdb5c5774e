"""The house rules that test_tidy.py enforces, each a function from one file's content to the faults found in it."""

import ast
import re
from collections.abc import Iterator, Sequence
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


def nodes_with(word: str, path: PurePosixPath, source: str) -> Iterator[ast.AST]:
    """Every part of a file that has a word somewhere; none of others, which need not be parsed: that takes long."""
    if word in source:
        yield from ast.walk(ast.parse(source, str(path)))


def has_bare_except(path: PurePosixPath, source: str) -> Iterator[str]:
    for node in nodes_with("except", path, source):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"{path}:{node.lineno}: bare except: name the errors that are expected here"


def prints(path: PurePosixPath, source: str) -> Iterator[str]:
    if room_of(path) in MAY_PRINT:
        return
    for node in nodes_with("print", path, source):
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
    for node in nodes_with("sleep", path, source):
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


RETIRED_WORD = re.compile(r"`([^`]+)`|\"([^\"]+)\"")


def retired_words(glossary: str) -> list[re.Pattern[str]]:
    """The names and phrases that the last column of the glossary's table retires."""
    cells = (line.rstrip("| ").rpartition("|")[2] for line in glossary.splitlines() if line.startswith("|"))
    words = (name or phrase for cell in cells for name, phrase in RETIRED_WORD.findall(cell))
    # A phrase may go on in the next line.
    return [re.compile(rf"(?<!\w){re.escape(word).replace(chr(92) + ' ', chr(92) + 's+')}(?!\w)") for word in words]


def uses_a_retired_word(path: PurePosixPath, text: str, retired: Sequence[re.Pattern[str]]) -> Iterator[str]:
    for pattern in retired:
        for found in pattern.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{path}:{line}: {found.group()!r} is retired: docs/glossary.md has the word to use"


# What people are told of the air: the limits of it stand in the measure catalogue alone, and those of cases beside it.
CATALOGUE = PurePosixPath("schemas/measures.py")
LIMITS_OF_CASES = PurePosixPath("schemas/limits.py")
LIMITS_ANYWHERE = frozenset({800, 1500})
LIMITS_OF_AIR = frozenset({16, 40, 70})
NAMES_OF_AIR = re.compile(r"(?:^|_)(?:C|PCT|COLD|COMFORT|HUMID\w*|TEMPERATURE|WORKROOM)(?:_|$)", re.IGNORECASE)
LIMITS_IN_WORDS = re.compile(r"\b(?:800|1[\s,_]?500|1&#8239;500)\s?ppm\b|\b16\s?°C|\b40\s?(?:-|\u2013|to)\s?70\s?%")
# The simulation judges by limits of its own, or it could not find a wrong one.
KNOWS_LIMITS = frozenset({"simulators", "tests", "benchmarks"})


def states_a_limit(path: PurePosixPath, source: str) -> Iterator[str]:
    """Limits of CO2, of the workroom's cold and of comfort, as numbers or in words, outside of the catalogue."""
    if path in (CATALOGUE, LIMITS_OF_CASES) or room_of(path) in KNOWS_LIMITS or room_of(path) not in OURS:
        return
    lines = {source.count("\n", 0, found.start()) + 1 for found in LIMITS_IN_WORDS.finditer(source)}
    if path.suffix == ".py":
        lines |= {
            node.lineno
            for node in ast.walk(ast.parse(source, str(path)))
            if isinstance(node, ast.expr | ast.stmt) and _states_a_limit(node)
        }
    for line in sorted(lines):
        yield f"{path}:{line}: a limit of the air: take it from {CATALOGUE}"


def _states_a_limit(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value in LIMITS_ANYWHERE
        case ast.Compare():
            named = " ".join(_names(node))
            return _holds_a_limit_of_air(node.comparators) and bool(NAMES_OF_AIR.search(named))
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return _holds_a_limit_of_air([value]) and any(NAMES_OF_AIR.search(name) for name in _names(node))
        case ast.Tuple(elts=[ast.Constant(value=int() | float() as value), ast.Constant(value=str())]):
            return value in LIMITS_OF_AIR  # a step of a gauge and its colour
        case ast.Tuple(elts=[ast.Constant(value=40), ast.Constant(value=70)]):
            return True
        case _:
            return False


def _names(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name


def _holds_a_limit_of_air(values: Sequence[ast.expr]) -> bool:
    """Whether a number among these, or in a tuple of them, is one of the limits."""
    parts = [part for value in values for part in (value.elts if isinstance(value, ast.Tuple) else [value])]
    return any(isinstance(part, ast.Constant) and part.value in LIMITS_OF_AIR for part in parts)
