"""What the fuzzed parts start from: an estate with every registered format, one clock, one board."""

import ast
import asyncio
import inspect
import re
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from fastapi import FastAPI

from dashboards.web.board import create_board
from ingest.decoder import Decoder
from schemas import Estate, Settings
from schemas.kinds import KINDS
from sensors.decoders import built_in_models, find_decoder
from sensors.decoders.codecs import CodecDecoder
from sensors.formats import BUILT_IN as FORMATS
from sensors.formats import find_format
from sensors.registry import Registry
from sensors.times import text_ns
from stores.sqlite_store import SqliteStore

NOW_NS = text_ns("2026-05-12T12:00:00Z")
EUI = "24e124710c401234"
HUBS = ("armley", "beeston")
SAFE = "".join(map(chr, range(0x21, 0x7F)))
"""What a request line may hold as it is."""

# Where each network server publishes; a format that is not named here gets a topic of its own name.
FILTERS = {
    "native": "hubs/#",
    "tts": "v3/+/devices/+/up",
    "chirpstack": "application/+/device/+/event/+",
}


def filter_of(format_name: str) -> str:
    return FILTERS.get(format_name, f"{format_name}/#")


def topic_of(format_name: str) -> str:
    """A topic on which a device of the estate publishes in a format."""
    if format_name == "native":
        return "hubs/armley/footfall/door-1"
    return filter_of(format_name).replace("+", EUI).replace(f"event/{EUI}", "event/up").replace("#", EUI)


def models() -> list[str]:
    """Every model that has a decoder."""
    return built_in_models()


@cache
def _codec() -> tuple[Path, CodecDecoder]:
    file = Path(tempfile.mkdtemp(prefix="hubpulse-fuzz-")) / "fuzz.js"
    return file, CodecDecoder(file)


def codec_of_source(source: bytes) -> CodecDecoder:
    """The codec of this JavaScript, with nothing held against its devices."""
    file, decoder = _codec()
    file.write_bytes(source)
    decoder._state = None
    decoder._failures.clear()
    return decoder


@cache
def estate() -> Estate:
    """Two hubs; a device for each model, and one that has none."""
    devices = [{"id": "device", "device": EUI, "kinds": ["co2"]}]
    devices += [{"id": f"d-{n}", "device": f"{n:016x}", "model": model} for n, model in enumerate(models(), start=1)]
    sources = [{"topic": filter_of(name), "format": name} for name in FORMATS]
    hubs = [{"id": HUBS[0], "sensors": [{"id": "door-1", "kinds": ["footfall"]}, *devices]}, {"id": HUBS[1]}]
    return Estate.model_validate({"timezone": "Europe/London", "sources": sources, "hubs": hubs})


@cache
def registry() -> Registry:
    return Registry(estate())


@cache
def decoder() -> Decoder:
    return Decoder(registry(), Settings(), clock_ns=lambda: NOW_NS)


@cache
def words() -> tuple[str, ...]:
    """Every text constant of the formats' and decoders' own modules: the keys that they look for, and more."""
    parts = [find_format(name) for name in FORMATS] + [find_decoder(model) for model in models()]
    modules = {sys.modules[type(part).__module__] for part in parts}
    found = {field.name for spec in KINDS.values() for field in spec.fields} | {*KINDS, "time", "value", "unit"}
    for module in modules:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"\S{1,40}", node.value):
                found.add(node.value)
    return tuple(sorted(found))


class Answer(NamedTuple):
    """What the board answered."""

    status: int
    headers: dict[str, str]
    body: bytes


@cache
def _board() -> tuple[FastAPI, asyncio.AbstractEventLoop]:
    path = Path(tempfile.mkdtemp()) / "store.db"
    store = SqliteStore(path)
    store.prepare()
    store.close()
    app = create_board(
        open_store=lambda: SqliteStore(path),
        estate=estate,
        clock_ns=lambda: NOW_NS,
        max_age_s=3600,
        hosts=["board.example"],
    )
    return app, asyncio.new_event_loop()


def ask_board(target: bytes, headers: list[tuple[bytes, bytes]]) -> Answer:
    """The board's answer to a GET as the HTTP server hands it over. Raises what the application raises.

    The server takes ASCII alone in a request line, and undoes its percent signs.
    """
    raw_path, _, query = quote(target, safe=SAFE).encode().partition(b"?")
    app, loop = _board()
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(raw_path.decode()),
        "raw_path": raw_path,
        "query_string": query,
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
        "root_path": "",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    loop.run_until_complete(app(scope, receive, send))
    start = next(message for message in sent if message["type"] == "http.response.start")
    fields = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    body = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return Answer(start["status"], fields, body)


def samples() -> Iterator[tuple[str, bytes]]:
    """Topics and payloads of devices that are well: what is in the golden files."""
    for path in sorted((Path(__file__).parent.parent / "data/native").glob("*.json")):
        yield topic_of("native"), path.read_bytes()
