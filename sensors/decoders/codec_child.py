"""The process that runs vendors' JavaScript, and nothing else: started by `codec_process`, by its path.

It has no environment, no folder of its own and no more memory and files than it needs; V8 makes no code at run time,
which many systems forbid anyway. Requests come by standard input and answers go by standard output, each a length of
four bytes and JSON:

    {"codec": name, "source": text}                     -> {"error": text or ""}
    {"codec": name, "frames": [[hex, port, ms], ...]}   -> [done, [["ok", value] or ["error", text], ...]], till all are

How long a frame takes is not its concern: who started it looks at the time, and kills it.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from py_mini_racer import JSEvalException, MiniRacer, init_mini_racer

DATA_BYTES_MAX = 512 * 1024**2
HEAP_BYTES_MAX = 64 * 1024**2
FILES_MAX = 256
"""Each codec's engine has three of its own, for its threads."""

_LIMITS = (
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_FSIZE, 0),
    (resource.RLIMIT_NOFILE, FILES_MAX),
    # Not the address space: V8 reserves far more of it than it uses.
    (resource.RLIMIT_DATA, DATA_BYTES_MAX),
)
_HEAD_BYTES = 4
_PR_SET_PDEATHSIG = 1

_TAKE = """runner.take(
    typeof decodeUplink === 'function' ? decodeUplink : null,
    typeof Decode === 'function' ? Decode : null,
    typeof Decoder === 'function' ? Decoder : null)"""


def _load(runner: str, source: str) -> MiniRacer:
    """A context of the codec alone. Raises JSEvalException, ValueError."""
    context = MiniRacer()
    try:
        _prepare(context, runner, source)
    except (JSEvalException, ValueError):
        context.close()
        raise
    return context


def _prepare(context: MiniRacer, runner: str, source: str) -> None:
    # A constant is no property of the global object, and the codec can't replace it.
    context.eval(f"const runner = {runner}")
    # Its last value is nobody's: a BigInt, for one, is never handed over.
    context.eval(f"{source}\n;0", max_memory=HEAP_BYTES_MAX)
    problem = str(context.eval(_TAKE, max_memory=HEAP_BYTES_MAX))
    if problem:
        raise ValueError(problem)


def _run(context: MiniRacer, frames: list[list[object]]) -> bytes:
    call = f"runner.run({json.dumps(json.dumps(frames))})"
    return str(context.eval(call, max_memory=HEAP_BYTES_MAX)).encode(errors="replace")


def _confine() -> None:
    for limit, most in _LIMITS:
        # A service that is confined already may not be allowed to confine us further.
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))
    # Who started us may be killed while a codec runs and reads nothing.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.chdir("/")


def _write(answer: bytes) -> None:
    left = memoryview(len(answer).to_bytes(_HEAD_BYTES, "big") + answer)
    while left:
        left = left[os.write(1, left) :]


def main() -> None:
    """Answer requests until there are no more."""
    runner = Path(__file__).with_name("codec_runner.js").read_text(encoding="utf-8")
    init_mini_racer(flags=("--single-threaded", "--jitless"))
    MiniRacer().eval("0")
    _confine()
    codecs: dict[str, MiniRacer] = {}
    _write(b'{"error":""}')
    while head := sys.stdin.buffer.read(_HEAD_BYTES):
        request = json.loads(sys.stdin.buffer.read(int.from_bytes(head, "big")))
        name = request["codec"]
        if "source" in request:
            try:
                loaded = _load(runner, request["source"])
                if name in codecs:
                    codecs[name].close()
                codecs[name] = loaded
                _write(b'{"error":""}')
            except (JSEvalException, ValueError) as error:
                _write(json.dumps({"error": " ".join(str(error).split())[:300]}).encode())
            continue
        frames = request["frames"]
        while frames:
            answer = _run(codecs[name], frames)
            _write(answer)
            frames = frames[json.loads(answer)[0] :]


if __name__ == "__main__":
    main()
