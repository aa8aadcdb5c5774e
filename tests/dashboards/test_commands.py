"""Commands that sentences name are shown as code, on every page, and nothing else is touched."""

import pytest

from dashboards.web.commands import with_commands
from dashboards.web.pages import render


@pytest.mark.parametrize(
    "written, shown",
    [
        ("<p>see `hubpulse doctor`.</p>", "<p>see <code>hubpulse doctor</code>.</p>"),
        ("<p>`a &lt;b&gt;` or `c`</p>", "<p><code>a &lt;b&gt;</code> or <code>c</code></p>"),
        ('<i title="`a`">`', '<i title="`a`">`'),
        ("<textarea name=x>`a`</textarea>`b`", "<textarea name=x>`a`</textarea><code>b</code>"),
        ("<title>`a`</title><svg><text>`b`</text></svg><pre>`c`</pre>",) * 2,
        ("<p>`a</p><p>b`</p>",) * 2,
    ],
)
def test_what_stands_between_backquotes_is_code(written: str, shown: str) -> None:
    assert with_commands(written) == shown


def test_what_people_wrote_stays_escaped() -> None:
    page = render("problem.html", status=400, title="`<b>`", detail="`<script>` & `x`")
    assert b"<code>&lt;script&gt;</code> &amp; <code>x</code>" in page.body
    assert b"<script>" not in page.body
