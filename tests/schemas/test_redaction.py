"""A server may send back what it was sent: no secret is seen in it."""

import base64
import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.redaction import Redaction

TOKEN = 'Zx9_q-7kP2/+wE="<ü'


@pytest.mark.parametrize(
    "spelled",
    [
        *(TOKEN, f"Token {TOKEN}", quote(TOKEN), quote(TOKEN, safe=""), json.dumps(TOKEN), html.escape(TOKEN)),
        *(base64.b64encode(TOKEN.encode()).decode(), base64.urlsafe_b64encode(TOKEN.encode()).decode(), repr(TOKEN)),
    ],
)
def test_a_secret_is_cut_out_however_it_is_spelled(spelled: str) -> None:
    shown = Redaction([TOKEN])(f"no such user: {spelled}!")

    assert shown.startswith("no such user: ")
    assert "***" in shown
    assert not any(spelled[start : start + 8] in shown for start in range(8, len(spelled) - 15))


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=9), st.integers(0, 5))
def test_what_was_cut_off_is_cut_out_too(secret: str, start: int) -> None:
    assert secret[start : start + 8] not in Redaction([secret])(f"({secret[start:-1]})")


def test_other_text_stays() -> None:
    assert Redaction([TOKEN, ""])("unauthorized access") == "unauthorized access"
    assert Redaction(["pw"])("a pw, and a password") == "a ***, and a password"
    assert Redaction([])("anything") == "anything"
