"""What needs attention: silent counters by what they cost, and counters in doubt."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dashboards.web.attention import notices
from dashboards.web.snapshot import take
from schemas.localtime import to_ns
from tests.dashboards.conftest import ESTATE, LONDON, NOW, TODAY, Filled
from tests.dashboards.test_pages import Browse, text_of
from usage.attention.doubts import Doubt, Witness
from usage.attention.rows import doubt_line, silence_line
from usage.attention.silences import Silence

SINCE = datetime(2026, 11, 17, 11, 10, tzinfo=ZoneInfo("Europe/London"))


def silence(hub: str, people: int, *, is_silent: bool = True) -> Silence:
    then = TODAY + timedelta(days=7)
    return Silence(hub, "door-1", is_silent, SINCE, date(2026, 11, 1), then, 0.02, 0.057, people)


def doubt(*witnesses: Witness, until: date | None = None) -> Doubt:
    return Doubt("armley", "door-1", date(2026, 11, 3), date(2026, 11, 9), until, -0.3, witnesses)


def put_silent_doors(filled: Filled, *hubs: str) -> None:
    for hub in hubs:
        filled.put_fresh_readings(hub)
        filled.put_reading(hub, "footfall", "door-1", NOW - SINCE, entries=1)


def told(filled: Filled) -> list[tuple[str, str, str]]:
    """Each notice's hub, word and text."""
    store = filled.open()
    found = notices(take(store, ESTATE, to_ns(NOW)))
    store.close()
    return [(notice.hub.state.id, notice.level.word, notice.text) for notice in found]


def test_silent_counters_are_ranked_by_what_they_cost(filled: Filled) -> None:
    for number, (first, second) in enumerate(((10, 90), (90, 10))):
        filled.put(silence_line(silence("armley", first), LONDON), silence_line(silence("otley", second), LONDON))
        silent = [(hub, text) for hub, word, text in told(filled) if word == "silent" and "only be stated" in text]
        assert [hub for hub, _ in silent] == (["armley", "otley"] if number else ["otley", "armley"])
        assert "; from Friday on November can only be stated within 6\u00a0%" in silent[0][1]


def test_what_is_silent_goes_before_what_is_wrong_and_that_before_batteries(filled: Filled) -> None:
    filled.put_fresh_readings("armley", co2_ppm=1900.0)
    filled.put_reading("armley", "device", "air-1", timedelta(minutes=2), battery_pct=5.0)
    words = [word for _, word, _ in told(filled)]
    assert words == ["silent", "silent", "poor air", "flat battery"]


def test_a_counter_that_sends_again_costs_nothing_any_more(filled: Filled) -> None:
    filled.put_fresh_readings("armley")
    filled.put(silence_line(silence("armley", 10), LONDON))
    assert not [text for hub, _, text in told(filled) if hub == "armley" and "stated" in text]


def test_a_counter_that_sends_in_part_is_listed(filled: Filled) -> None:
    filled.put_fresh_readings("armley")
    filled.put(silence_line(silence("armley", 10, is_silent=False), LONDON))
    expected = "door-1 sends only in part; from Friday on November can only be stated within 6\u00a0%"
    assert ("armley", "in part", expected) in told(filled)


def test_a_door_that_the_estate_file_does_not_name_is_listed_with_what_to_write(filled: Filled, browse: Browse) -> None:
    filled.put_fresh_readings("armley")
    filled.put_reading("armley", "footfall", "door-9", timedelta(days=2), entries=1)
    expected = "door-9 counts as another door, is not in the estate file, and is expected until 2 December"
    assert ("armley", "not named", expected) in told(filled)
    page = text_of(browse(filled).get("/").text)
    assert "add to the sensors of armley: {id: door-9, kinds: [footfall]}" in page
    assert "{id: door-9, kinds: [footfall], until: 2026-11-18}" in page


def test_a_doubt_that_stands_is_listed_and_every_one_is_on_the_hub_page(filled: Filled, browse: Browse) -> None:
    filled.put_fresh_readings("armley")
    sentence = "door-1 probably counts 30 % too few since 3 November"
    filled.put(doubt_line(doubt(Witness.WIFI, Witness.SISTERS), LONDON))
    assert ("armley", "in doubt", sentence.replace(" %", "\u00a0%")) in told(filled)
    page = browse(filled)
    assert sentence in text_of(page.get("/").text)
    assert sentence in text_of(page.get("/hubs/armley").text)


def test_what_the_other_hubs_alone_say_is_on_the_hub_page_alone(filled: Filled, browse: Browse) -> None:
    filled.put_fresh_readings("armley")
    filled.put(doubt_line(doubt(Witness.SISTERS), LONDON))
    assert not [word for _, word, _ in told(filled) if word == "in doubt"]
    assert "than the other hubs let expect" in text_of(browse(filled).get("/hubs/armley").text)


def test_a_month_that_ends_sooner_is_stated_by_its_end() -> None:
    """Seven days from the end of November on are of December: November is over by then."""
    late = Silence("otley", "door-1", True, SINCE, date(2026, 11, 1), date(2026, 12, 1), 0.02, 0.057, 10)
    assert late.consequence() == "by its end November can only be stated within 6\u00a0%"
