"""Every text that a person reads stands in the catalogue: a language that nobody speaks shows what escapes it."""

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from gettext import NullTranslations
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_keywords
from fastapi.testclient import TestClient

from dashboards.web import wording
from dashboards.web.assets import STATIC
from schemas import Estate, HubpulseError, texts
from schemas.measures import CO2_FAIR_PPM, CO2_POOR_PPM, FROST_C, MEASURES
from stores.sqlite_store import SqliteStore
from tests.dashboards.here import browser_of
from tests.dashboards.test_walk import EVERY
from tests.dashboards.walk import Walk
from tests.dashboards.walked import AS_ADMIN, NOW, WalkedEstate, document
from tests.real_parts import REPOSITORY

ROOMS = ("schemas", "usage", "dashboards")
SHIFTED = str.maketrans(
    {chr(code): chr(0x1D41A - ord("a") + code) for code in range(ord("a"), ord("z") + 1)}
    | {chr(code): chr(0x1D400 - ord("A") + code) for code in range(ord("A"), ord("Z") + 1)}
)
"""Each letter becomes the same one of another alphabet: what is still in ours was not looked up."""
KEPT = re.compile(r"(\{\w+\}|%\(\w+\)s|<code>.*?</code>|<[^>]+>|&\w+;|`[^`]+`)")
WORD = re.compile(r"[A-Za-z]{2,}")
NO_TEXTS = {"Hubpulse", "CO", "ppm", "hPa", "GMT", "BST", "UTC", "min", "CSV", "XLSX"}
NO_TEXTS |= {"admin", "hubpulse", "pdf", "csv"}
"""Names and units, which are the same in every language."""
UNGROUPED = re.compile(r"(?<![\w.-])(?!20\d\d\b)\d{4,}(?=\s)")
"""A number of four digits without a mark between thousands, which is no year."""
APART = re.compile(r"(\d|\}|\)s) (ppm|%|°C|hPa|dBm|dB|min|h|K|K·h)(?!\w)")
"""A number and its unit that a line may end between."""
CO_TWO = "CO2".translate(SHIFTED)
READ_ALOUD = ("aria-label", "title", "alt", "placeholder", "data-label")


class Shifted(NullTranslations):
    """Turns each text into the other alphabet, and knows which it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def gettext(self, message: str) -> str:
        self.asked.add(message)
        if message.startswith("mark "):
            return message
        parts = KEPT.split(message)
        return "".join(part if i % 2 else part.translate(SHIFTED) for i, part in enumerate(parts))

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


class Reader(HTMLParser):
    """What is read of a page: its texts, without program code, and what is read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code += tag in ("code", "pre", "script", "style")
        self.read += [value for name, value in attrs if name in READ_ALOUD and value]

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "pre", "script", "style")

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.read.append(data)


def words_of(value: object) -> Iterator[str]:
    """Every word of an estate file."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from words_of(key)
            yield from words_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from words_of(part)
    else:
        yield from WORD.findall(str(value))


def faulty(read: Iterable[str], names: set[str]) -> list[str]:
    """The texts that have a word which was not looked up, or a number as it is not written here."""
    known = NO_TEXTS | names
    return [
        text.strip()
        for text in dict.fromkeys(read)
        if not set(WORD.findall(text)) <= known or UNGROUPED.search(text) or APART.search(text) or CO_TWO in text
    ]


@pytest.fixture
def shifted() -> Iterator[Shifted]:
    catalogue = Shifted()
    texts.use(catalogue)
    yield catalogue
    texts.use(NullTranslations())


@pytest.fixture(scope="session")
def extracted() -> set[str]:
    """Every text that `make texts` finds."""
    makefile = (REPOSITORY / "Makefile").read_text()
    keywords = parse_keywords(re.findall(r"--keyword=(\S+)", makefile.split("KEYWORDS :=")[1].splitlines()[0]))
    known = parse_keywords(["gettext", "ngettext:1,2"]) | keywords
    found: set[str] = set()
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    for room in ROOMS:
        for *_, message, _comments, _context in extract_from_dir(REPOSITORY / room, methods, keywords=known):
            found |= {message} if isinstance(message, str) else set(message)
    assert len(found) > 150
    return found


def client_of(estate: WalkedEstate) -> TestClient:
    return browser_of(estate.board())


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("address", EVERY)
def test_no_text_of_a_page_escapes_the_catalogue(
    walk: Walk, shifted: Shifted, extracted: set[str], address: str
) -> None:
    page = client_of(walk.estate).get(address.replace("CODE", walk.estate.audit_code), headers=AS_ADMIN).text
    reader = Reader()
    reader.feed(page)
    assert faulty(reader.read, set(words_of(document()))) == []
    assert shifted.asked - extracted == set()


def test_no_line_ends_between_a_number_and_its_unit(extracted: set[str]) -> None:
    assert [text for text in extracted if APART.search(text)] == []


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_scripts_say_nothing_of_their_own(script: Path) -> None:
    """What they say, the page gives them: a literal with a blank in it is a sentence, or a selector."""
    code = re.sub(r"//[^\n]*", "", script.read_text())
    literals = [one for pair in re.findall(r'"([^"\n]*)"|`([^`]*)`', code) for one in pair if one]
    assert [text for text in literals if re.search(r"[A-Za-z]{2,} [a-z]{2,}", text) and text != "use strict"] == []


GERMAN = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "Sign in"
msgstr "Anmelden"

msgid "Fri"
msgstr "Fr"

msgid "Nov"
msgstr "Nov."

msgid "{weekday} {day} {month}"
msgstr "{weekday} {day}. {month}"

msgid "hub"
msgid_plural "hubs"
msgstr[0] "Haus"
msgstr[1] "Häuser"

msgid "mark between thousands"
msgstr "."

msgid "mark before decimals"
msgstr ","
"""


@pytest.fixture
def in_german(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "de.po").write_text(GERMAN, encoding="utf-8")
    texts.speak("de", tmp_path)
    yield
    texts.speak("en", tmp_path)


@pytest.mark.usefixtures("in_german")
def test_a_language_is_a_file_in_a_folder(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "store.db")) as store:
        store.prepare()
    estate = WalkedEstate(tmp_path, Estate(name="Leeds"), truth=None, audit_code="")
    page = client_of(estate).get("/login").text
    assert '<html lang="de">' in page
    assert "<h1>Anmelden</h1>" in page
    assert wording.day(NOW.date(), NOW.date()) == "Fr 20. Nov."
    assert [wording.plural(count, "hub", "hubs") for count in (1, 1204)] == ["1 Haus", "1.204 Häuser"]
    assert wording.number(-1204.5, 1) == "\u22121.204,5"
    assert wording.measure(1795.0, "co2_ppm") == "1.795\u00a0ppm"
    assert wording.measure(0.9999, "footfall_completeness") == "99\u00a0%"
    assert [texts.number_text(value, 1) for value in (-0.04, -0.05001)] == ["0,0", "\u22120,1"]
    assert wording.NEVER == "never"  # what a catalogue lacks stays English


@pytest.mark.parametrize("content", [None, "msgid broken", 'msgid "a\n'])
def test_a_language_that_is_not_there_or_broken_is_refused_in_a_sentence(tmp_path: Path, content: Any) -> None:
    if content is not None:
        (tmp_path / "de.po").write_text(content)
    with pytest.raises(HubpulseError, match=r"no texts in 'de'|no catalogue of texts"):
        texts.speak("de", tmp_path)


def test_labels_with_a_limit_name_the_one_of_the_catalogue() -> None:
    for name, limit in (
        (f"co2_minutes_over_{CO2_FAIR_PPM}", CO2_FAIR_PPM),
        (f"co2_minutes_over_{CO2_POOR_PPM}", CO2_POOR_PPM),
        ("frost_minutes_closed", FROST_C),
    ):
        assert re.findall(r"\d+", MEASURES[name].label.replace("\u202f", "")) == [str(limit)]
