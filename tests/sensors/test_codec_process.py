"""The process that runs vendors' JavaScript: what it can't do, and that it never holds up who asked."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensors.decoders.codec_process import _CHILD, CODECS_MAX, CodecError, CodecProcess, Frame
from tests.waiting import wait_until

pytest.importorskip("py_mini_racer", reason="the extra `codecs` is not installed")

GOOD = "function decodeUplink(input) { return {data: {co2: input.bytes[0] * 256 + input.bytes[1]}}; }"


@pytest.fixture(scope="module")
def process() -> Iterator[CodecProcess]:
    process = CodecProcess()
    yield process
    process.close()


@pytest.mark.claim("S-86")
def test_the_process_has_no_environment_and_opens_and_writes_no_file(process: CodecProcess) -> None:
    process.load("x", GOOD)
    child = process._child
    assert child is not None
    environment = Path(f"/proc/{child.pid}/environ").read_bytes()
    limits = Path(f"/proc/{child.pid}/limits").read_text()
    files = {str(file.readlink()) for file in Path(f"/proc/{child.pid}/fd").iterdir()}

    # What Python sets itself for its own locale.
    assert {name.partition(b"=")[0] for name in environment.split(b"\0") if name} <= {b"LC_CTYPE"}
    assert "Max file size             0" in limits
    assert not [name for name in files if name.startswith("/") and name != "/dev/null"]


def test_it_ends_with_us_also_while_a_codec_loops() -> None:
    source = """
import os
from sensors.decoders.codec_process import CodecProcess
process = CodecProcess()
process.load("x", "function Decoder(bytes) { for (;;); }")
child = process._child
process._send({"codec": "x", "frames": [["00", 1, 0]]})
print(child.pid, flush=True)
os._exit(0)
"""
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, timeout=60, check=True, text=True)

    state = Path(f"/proc/{int(ended.stdout)}/stat")
    # Whoever inherits it may never ask for its end.
    wait_until(lambda: not state.exists() or ") Z " in state.read_text(), 30, "the codec's process ends")


def test_a_killed_process_is_started_again(process: CodecProcess) -> None:
    process.load("x", GOOD)
    child = process._child
    assert child is not None
    child.kill()
    child.wait()

    assert process.run("x", [Frame(b"\2\x64", 1, 0)]) == [{"data": {"co2": 612}}]


def test_a_process_that_owes_an_answer_and_sleeps_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its CPU time alone it could go on for as long as the machine may be busy: 100 s."""
    asleep = tmp_path / "asleep.py"
    asleep.write_text("import sys, threading\nsys.stdin.buffer.read(4)\nthreading.Event().wait()\n")
    monkeypatch.setattr("sensors.decoders.codec_process._CHILD", asleep)
    process = CodecProcess()
    with pytest.raises(CodecError, match="waited for what never comes"):
        process.load("x", GOOD)
    process.close()


def test_more_codecs_than_fit_are_all_run(process: CodecProcess) -> None:
    names = [f"codec-{number}" for number in range(CODECS_MAX + 2)]
    for number, name in enumerate(names):
        process.load(name, f"function Decoder() {{ return {{co2: {number}}}; }}")

    found = [process.run(name, [Frame(b"", 1, 0)])[0]["data"]["co2"] for name in (names[0], names[-1], names[0])]

    assert found == [0, CODECS_MAX + 1, 0]


_NO_CODE_AT_RUN_TIME = """
import ctypes, mmap, runpy, sys
assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0, "unknown"
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    runpy.run_path(sys.argv[1], run_name="__main__")
"""
"""PR_SET_MDWE of prctl(2): what systemd's MemoryDenyWriteExecute asks of a newer kernel."""


def test_it_runs_where_the_system_forbids_writable_code() -> None:
    requests = [{"codec": "x", "source": GOOD}, {"codec": "x", "frames": [["0264", 1, 0]]}]
    texts = [json.dumps(request).encode() for request in requests]

    ended = subprocess.run(
        [sys.executable, "-I", "-c", _NO_CODE_AT_RUN_TIME, _CHILD],
        input=b"".join(len(text).to_bytes(4, "big") + text for text in texts),
        capture_output=True,
        timeout=60,
        check=False,
    )

    if b"unknown" in ended.stderr:
        pytest.skip("this kernel does not know PR_SET_MDWE")
    assert b'{"data":{"co2":612}}' in ended.stdout, ended.stderr


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frame=st.binary(max_size=64), value=st.text(max_size=20))
def test_no_codec_becomes_more_than_a_refusal(process: CodecProcess, frame: bytes, value: str) -> None:
    """A codec that is what a stranger wrote, run on what a stranger sent."""
    try:
        process.load("any", f"function decodeUplink(input) {{ return {{data: {value}}} }}")
    except CodecError:
        process.load("any", "function decodeUplink(input) { return {data: input.bytes}; }")
    [result] = process.run("any", [Frame(frame, 1, 0)])

    assert isinstance(result, (dict, CodecError))
