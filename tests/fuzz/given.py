"""What the fuzzed parts start from: an estate with every registered format, one clock, one board."""

import ast
import asyncio
import inspect
import json
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
from schemas.readings import Rejection
from sensors.decoders import built_in_models, find_decoder
from sensors.decoders.codecs import CodecDecoder
from sensors.estate_file import load_estate
from sensors.formats import BUILT_IN as FORMATS
from sensors.formats import find_format
from sensors.registry import Registry
from sensors.times import text_ns
from stores.sqlite_store import SqliteStore
from tests.golden import payload_of

NOW_NS = text_ns("2026-05-12T12:00:00Z")
EUI = "24e124710c401234"
SAFE = "".join(map(chr, range(0x21, 0x7F)))
"""What a request line may hold as it is."""

GOLDEN = Path(__file__).parent.parent / "sensors/golden"
_WITHOUT_AN_ENGINE = "js"
"""Vendors' JavaScript runs in a process of its own, which takes longer to start than a thousand messages."""


def models() -> list[str]:
    """Every model that has a decoder."""
    return sorted(built_in_models())


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
    """Two hubs with native topics, and a topic for each format that has no golden files."""
    sources = [{"topic": "hubs/#", "format": "native"}]
    sources += [{"topic": f"{name}/#", "format": name} for name in FORMATS.keys() - {"native", *_golden_estates()}]
    hubs = [{"id": "armley", "sensors": [{"id": "door-1", "kinds": ["footfall"]}]}, {"id": "beeston"}]
    return Estate.model_validate({"timezone": "Europe/London", "sources": sources, "hubs": hubs})


@cache
def _golden_estates() -> dict[str, Estate]:
    files = sorted(GOLDEN.glob("*/estate.yaml"))
    return {file.parent.name: load_estate(file) for file in files if file.parent.name != _WITHOUT_AN_ENGINE}


@cache
def _decoders() -> list[tuple[Registry, Decoder]]:
    registries = map(Registry, [estate(), *_golden_estates().values()])
    return [(known, Decoder(known, Settings(), clock_ns=lambda: NOW_NS)) for known in registries]


def hubs() -> set[str]:
    """The hubs of every estate."""
    return {hub.id for known in (estate(), *_golden_estates().values()) for hub in known.hubs}


def decoder_of(topic: bytes) -> Decoder:
    """A decoder whose estate has a source for the topic, if there is one."""
    text = topic.decode(errors="replace")
    found = (decoder for known, decoder in _decoders() if not isinstance(known.format_of(text), Rejection))
    return next(found, _decoders()[0][1])


@cache
def words() -> tuple[str, ...]:
    """Every text constant of the formats' and decoders' modules: the keys that they look for, and more."""
    for name in FORMATS:
        find_format(name)
    for model in models():
        find_decoder(model)
    modules = [part for name, part in sys.modules.items() if name.startswith(("sensors.formats.", "sensors.decoders."))]
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
    """Topics and payloads of the golden files: of devices that are well, and of some that are not."""
    for path in sorted((GOLDEN.parent.parent / "data/native").glob("*.json")):
        yield "hubs/armley/footfall/door-1", path.read_bytes()
    for path in sorted(GOLDEN.glob("*/*.json")):
        case = json.loads(path.read_text())
        if path.parent.name != _WITHOUT_AN_ENGINE and "topic" in case:
            for sent in (*case.get("before", ()), case):
                yield sent["topic"], payload_of(sent)
