"""A worker process: decodes what ingest hands to it and answers with what it became.

    ingest -> Setup (estate, limits), then Task by Task -> worker
    ingest <- for each Task: BEGUN, then Answer         <- worker

It holds nothing and connects to nothing: killed, its messages are decoded again by its successor. Only ingest tells it
to end, by closing the line or by its own end.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import repeat
from multiprocessing.connection import Connection
from pathlib import Path

from ingest.batches import Batch
from ingest.decoder import Decoder
from ingest.decoding import decode
from ingest.new_sensors import NewSensors
from ingest.tasks import BEGUN, Answer, Setup, Task
from mqtt.messages import Message

_PR_SET_PDEATHSIG = 1
_ENDED_FIRST = "500"
"""Where memory ends, the kernel ends a worker rather than ingest (proc(5), oom_score_adj)."""


def serve(line: Connection) -> None:
    """Answer until the line is closed."""
    now_ns = [0]
    decoder: Decoder | None = None
    for request in _requests(line):
        if isinstance(request, Setup):
            known = NewSensors(request.settings.ingest.new_sensors_max, request.new_sensors)
            decoder = Decoder(request.registry, request.settings, clock_ns=lambda: now_ns[0], new_sensors=known)
            decoder.remember(request.announced)
        elif decoder is not None:
            now_ns[0] = request.now_ns
            line.send(BEGUN)
            line.send(_answer(decoder, request))


def _requests(line: Connection) -> Iterator[Setup | Task]:
    while True:
        try:
            yield line.recv()
        except (EOFError, OSError):
            return


def _answer(decoder: Decoder, task: Task) -> Answer:
    answer = Answer(Batch(), [])
    for first_ns, maybe_repeated, (topics, payloads, retained, cut) in task.shares:
        messages = list(map(Message, topics, payloads, repeat(0), repeat(0), retained, cut))
        answer.batch.add(
            decode(
                decoder,
                messages,
                maybe_repeated=maybe_repeated,
                report=answer.faults.append,
                received_ns=first_ns,
            )
        )
    return answer


def main() -> None:
    """`python -m ingest.worker FILE_DESCRIPTOR PARENT`."""
    line, parent = Connection(int(sys.argv[1])), int(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGTERM):  # also sent to all of a terminal or a service: ingest decides
        signal.signal(number, signal.SIG_IGN)
    with suppress(AttributeError, OSError):  # also where a decoder of somebody's never returns
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_ENDED_FIRST, "ascii")
    with closing(line), suppress(BrokenPipeError, ConnectionResetError):
        serve(line)


if __name__ == "__main__":
    main()
