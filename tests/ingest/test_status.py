"""When the pipeline reports of itself."""

from pathlib import Path

from ingest.status import StatusReport
from tests.ingest.given import DAY_NS, Clock, OpenBuffer


def test_a_clock_that_was_ahead_once_does_not_end_the_reports(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    clock = Clock()
    report, buffer = StatusReport("ingest", clock_ns=clock), open_buffer(tmp_path)
    clock.now_ns += DAY_NS
    report.lines(buffer)
    clock.now_ns -= DAY_NS
    assert report.due()

    report.lines(buffer)
    assert not report.due()
    clock.forward(10)
    assert report.due()
