"""A vendor's JavaScript as a decoder: `codecs/<name>.js` beside the estate file is the model `js/<name>`.

The forms of The Things Stack and ChirpStack v4, `decodeUplink(input)`, and the older `Decode(fPort, bytes, variables)`
and `Decoder(bytes, port)` are run as they are. What they return goes through the alias table, or through the mapping in
`codecs/<name>.yaml`, where there is one. An edited file is taken with the next frame; one that can't be loaded leaves
the one before in force, with a word in the log.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import structlog

from schemas.mapping import ValueMapping
from schemas.plugins import PluginError
from schemas.readings import Reason, Rejection
from sensors.decoders.aliases import read_objects
from sensors.decoders.codec_process import CodecError, CodecProcess, Frame
from sensors.formats import Item, NoReading, Uplink
from sensors.formats.mapped import MappedValues
from sensors.macs import quoted
from sensors.model_file import ModelFileError, read_model

log = structlog.get_logger("hubpulse.ingest")

CODEC_BYTES_MAX = 1024**2
FAILURES_MAX = 5
_NS_A_MS = 1_000_000
_ERRORS_SHOWN = 3

Answer = Sequence[Item | Rejection] | NoReading | Rejection
_State = tuple[tuple[int, ...], tuple[int, ...]]

_PROCESS = CodecProcess()
atexit.register(_PROCESS.close)


class CodecDecoder:
    """One codec's file. Threads may share it."""

    def __init__(self, file: Path, process: CodecProcess = _PROCESS) -> None:
        self._file = file
        self._process = process
        self._state: _State | None = None
        """The file and its mapping as they were looked at last: another state is another text."""
        self._mapping: MappedValues | None = None
        self._problem: str | None = "it was not read yet"
        self._failures: dict[str, int] = {}

    @property
    def problem(self) -> str | None:
        """Why no frame can be decoded, as of now."""
        self._look()
        return self._problem and f"codec {self._file}: {self._problem}"

    def decode(self, frame: bytes, f_port: int) -> Answer:
        """What the codec makes of one frame of nobody, that came at no time."""
        return self.decode_uplinks([Uplink("", (), f_port, frame, None)])[0]

    def decode_uplinks(self, uplinks: Sequence[Uplink]) -> list[Answer]:
        """What the codec makes of each uplink; a failure over one is no other's."""
        if problem := self.problem:
            return [Rejection(Reason.BAD_SCHEMA, f"{problem}: mend it, then redrive")] * len(uplinks)
        # A device may be here several times and fail by the fifth: then its sixth is not run, either.
        running = [uplink for uplink in uplinks if self._failures.get(uplink.device, 0) < FAILURES_MAX]
        frames = [Frame(uplink.frame, uplink.f_port, (uplink.time_ns or 0) // _NS_A_MS) for uplink in running]
        results = iter(self._process.run(str(self._file), frames)) if frames else iter(())
        ran = {id(uplink) for uplink in running}
        return [self._judge(uplink, next(results)) if id(uplink) in ran else self._stopped() for uplink in uplinks]

    def _judge(self, uplink: Uplink, result: Any) -> Answer:
        failures = self._failures.get(uplink.device, 0)
        if failures >= FAILURES_MAX:
            return self._stopped()
        try:
            answer = _answer_of(result, self._mapping)
        except CodecError as error:
            self._failures[uplink.device] = failures + 1
            if failures + 1 == FAILURES_MAX:
                log.warning("codec_stopped", codec=self._file.name, device=uplink.device, error=quoted(str(error), 200))
            return Rejection(
                Reason.BAD_PAYLOAD, f"codec {self._file.name} failed on this frame: {quoted(str(error), 200)}"
            )
        self._failures.pop(uplink.device, None)
        return answer

    def _stopped(self) -> Rejection:
        problem = f"codec {self._file.name} failed on {FAILURES_MAX} frames of this device in a row"
        return Rejection(Reason.BAD_PAYLOAD, f"{problem}: its frames are kept undecoded until the file changes")

    def _look(self) -> None:
        """Take the file as it is now."""
        try:
            state = _state_of(self._file), _state_of(self._file.with_suffix(".yaml"), may_lack=True)
            if state == self._state:
                return
            source = self._file.read_bytes()
        except OSError as error:
            if self._problem is not None:
                self._problem = f"it can't be read ({error.strerror}): put the vendor's payload formatter there"
            return
        self._state = state
        try:
            if len(source) > CODEC_BYTES_MAX:
                raise CodecError(f"larger than {CODEC_BYTES_MAX // 1024**2} MiB")  # noqa: TRY301 - one way to say it
            mapping = _read_mapping(self._file.with_suffix(".yaml"))
            self._process.load(str(self._file), source.decode())
        except (CodecError, ModelFileError, UnicodeDecodeError) as error:
            if self._problem is None:
                log.warning("codec_rejected", codec=self._file.name, error=quoted(str(error), 200))
            else:
                self._problem = quoted(str(error), 300)
            return
        if self._problem is None:
            log.info("codec_reloaded", codec=self._file.name)
        self._problem, self._mapping = None, mapping
        self._failures.clear()


def _state_of(file: Path, *, may_lack: bool = False) -> tuple[int, ...]:
    if may_lack and not file.exists():
        return ()
    seen = file.stat()
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


def _read_mapping(file: Path) -> MappedValues | None:
    """How a codec's data becomes readings; None where its names tell. Raises CodecError, ModelFileError."""
    try:
        with file.open("rb") as opened:
            content = opened.read(CODEC_BYTES_MAX)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CodecError(f"{file.name} can't be read ({error.strerror})") from error
    return MappedValues(read_model(ValueMapping, content, name=file.name, start="fields: {entries_total: channel_3}"))


def _answer_of(result: Any, mapping: MappedValues | None) -> Answer:
    """What a codec's result holds. Raises CodecError where it is no result at all."""
    if isinstance(result, CodecError):
        raise result
    if not isinstance(result, Mapping):
        raise CodecError("it returned no object")
    errors = result.get("errors")
    if isinstance(errors, list) and errors:
        reasons = "; ".join(quoted(error) for error in errors[:_ERRORS_SHOWN])
        return Rejection(Reason.BAD_PAYLOAD, f"the codec says: {reasons}")
    data = result.get("data")
    if data is None:
        return NoReading("the codec found nothing in it")
    if mapping is not None:
        return _mapped(data, mapping)
    objects = list(_objects(data))
    if not objects:
        raise CodecError("its data is no object")
    return NoReading("the codec found nothing in it") if not any(objects) else read_objects(objects)


def _mapped(data: Any, mapping: MappedValues) -> Answer:
    try:
        elements = mapping.elements(data)
    except ValueError as error:
        raise CodecError(str(error)) from error
    items = [item for number, element in enumerate(elements) for item in mapping.items(data, number, element)]
    return items or NoReading("none of the fields of the codec's mapping")


def _objects(data: Any) -> Iterator[Mapping[str, Any]]:
    yield from (each for each in (data if isinstance(data, list) else [data]) if isinstance(each, Mapping))


@lru_cache(maxsize=256)
def codec_of(file: Path) -> CodecDecoder:
    """The decoder of a codec's file; the same one for the same file, whatever else of the estate changes.

    Raises PluginError where the JavaScript engine is not installed.
    """
    if find_spec("py_mini_racer") is None:
        raise PluginError(f"'js/{file.stem}' needs the extra `codecs`: pip install 'hubpulse[codecs]'")
    return CodecDecoder(file)
