"""What the page of changes says: in words, with the board's head, and of a large estate what can be read."""

import html
import json
import re
from pathlib import Path

import pytest
from httpx2 import Response

from dashboards.access.accounts import Accounts
from dashboards.web import parts
from dashboards.web.parts import CHOICES_MAX, ROWS_MAX
from mqtt.messages import Message
from schemas import Reason
from schemas.localtime import NS_A_SECOND
from schemas.refusal_advice import REFUSAL_ADVICE, REFUSAL_WORDS
from tests.dashboards.conftest import Filled
from tests.dashboards.editable import DEVICE, FILE, OPENING, Site, accounts_in, digest_of, hours, uplink
from tests.dashboards.test_pages import text_of
from usage.lease import Lease


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Accounts:
    """Made once: a password takes a tenth of a second to be hashed."""
    return accounts_in(tmp_path_factory.mktemp("accounts"))


@pytest.fixture
def site(filled: Filled, tmp_path: Path, accounts: Accounts) -> Site:
    return Site(filled, tmp_path, accounts)


def words_of(page: Response) -> str:
    assert page.status_code == 200, page.text
    return text_of(page.text)


def test_every_page_of_changes_names_the_estate_and_the_time(site: Site) -> None:
    site.refuse(uplink())
    ada = site.visitor("ada")
    adopting = ada.post("/edit/adopt", data={"device": DEVICE, "hub": "armley", "step": "preview"})
    for page in (ada.get("/edit"), ada.get("/edit/hours/armley"), hours(ada), adopting):
        assert '<time datetime="2026-11-20T14:05:00+00:00">Fri 20 Nov, 14:05 GMT</time>' in page.text
    assert 'class="eyebrow">Leeds<' in ada.get("/edit").text
    site.path.unlink()
    assert "Fri 20 Nov, 14:05 UTC" in words_of(ada.get("/edit"))


def test_without_jobs_the_page_says_that_nothing_is_done(site: Site, filled: Filled) -> None:
    ada = site.visitor("ada")
    assert "No jobs run" not in words_of(ada.get("/edit"))
    store = filled.open()
    assert Lease(1).hold(store, site.now_ns - 7200 * NS_A_SECOND, lambda _seconds: None)
    store.close()
    assert "No jobs run" in words_of(ada.get("/edit"))


def test_refused_messages_and_edits_are_told_in_words_with_what_to_do(site: Site) -> None:
    payload = json.dumps({"hub": "otley", "sensor": "ap-1", "kind": "wifi", "value": 3}).encode()
    site.refuse(Message(b"hubs/otley/wifi/ap-1", payload), uplink())
    ada = site.visitor("ada")
    words = words_of(ada.get("/edit"))
    for reason in (Reason.UNKNOWN_HUB, Reason.UNKNOWN_SENSOR):
        assert f"1 message : {REFUSAL_WORDS[reason]} {reason} {REFUSAL_ADVICE[reason]} Send again" in words
    opening = OPENING.replace("17:00", "16:00")
    hours(ada, opening, step="queue", digest=digest_of(hours(ada, opening)))
    assert "Fri 20 Nov 14:05 ada opening times of armley" in words_of(ada.get("/edit"))
    site.path.write_text(FILE + "# one more line\n")
    site.writer.apply_next()
    ada.post("/edit/redrive", data={"reason": "unknown_hub"})
    words = words_of(ada.get("/edit"))
    assert f"sent again: {REFUSAL_WORDS[Reason.UNKNOWN_HUB]} waiting" in words
    assert "not done the estate file was changed after the preview: look at the preview again" in words
    assert '"kind"' not in words


def test_each_reason_has_words() -> None:
    assert REFUSAL_WORDS.keys() == set(Reason)


def test_the_hubs_of_a_large_estate_are_searched_and_typed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """10,000 links, and 10,000 choices for each device, are no page."""
    site.refuse(uplink())
    site.path.write_text(FILE + "".join(f"  - {{id: hub-{n}, name: Hub {n}}}\n" for n in range(CHOICES_MAX)))
    ada = site.visitor("ada")
    page = ada.get("/edit").text
    assert page.count('href="/edit/hours/') == ROWS_MAX
    assert f"1 to {ROWS_MAX} of {CHOICES_MAX + 2}" in page
    assert "<option" not in page
    assert '<input name="hub" required' in page
    found = re.findall(r'href="/edit/hours/([^"]+)"', ada.get("/edit?q=HUB 17").text)
    assert found == ["hub-17", *(f"hub-17{n}" for n in range(10))]
    assert "No hub has that in its name" in text_of(ada.get("/edit?q=nowhere").text)
    form = {"device": DEVICE, "hub": "hub-17", "step": "preview"}
    assert "It becomes a sensor of Hub 17" in text_of(ada.post("/edit/adopt", data=form).text)
    assert "hub 'hub-x' is not in" in html.unescape(ada.post("/edit/adopt", data=form | {"hub": "hub-x"}).text)
    monkeypatch.setattr(parts, "CHOICES_MAX", CHOICES_MAX + 2)
    assert "<option" in ada.get("/edit").text
