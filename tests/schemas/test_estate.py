"""The estate's models, built in code as other rooms and tests do, and as the file's text builds them."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

import schemas.time_zones
from schemas import Estate, Hub, Kind, Sensor, Source
from schemas.durations import DurationS
from schemas.estate import Holidays
from schemas.opening import Opening

DURATION: TypeAdapter[int] = TypeAdapter(DurationS)
YEAR_S = 366 * 86400
UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@given(count=st.integers(1, 99_999_999), unit=st.sampled_from(list(UNIT_S)))
def test_a_duration_is_its_seconds_up_to_a_year(count: int, unit: str) -> None:
    seconds = count * UNIT_S[unit]
    if seconds <= YEAR_S:
        assert DURATION.validate_python(f"{count}{unit}") == seconds
    else:
        with pytest.raises(ValidationError, match="is more than a year: write 366d or less"):
            DURATION.validate_python(f"{count}{unit}")


@given(
    count=st.integers(1, 9999), unit=st.sampled_from(["sec", "Seconds", "MIN", "mins", "hr", "hours", " day", "days"])
)
def test_a_duration_in_words_gets_a_hint_with_one_that_is_right(count: int, unit: str) -> None:
    hint = f"{count}{unit.strip()[0].lower()}"
    with pytest.raises(ValidationError, match=f"is not a duration: write {hint} "):
        DURATION.validate_python(f"{count}{unit}")
    assert int(hint[:-1]) == count
    assert hint[-1] in UNIT_S


@pytest.mark.parametrize(
    "text", ["", "m", "0m", "-5m", "5.5m", "1h30m", "PT5M", "5ms", "\u0665m", "5m\n", "9" * 5000 + "s"]
)
def test_what_is_no_duration_gets_examples(text: str) -> None:
    with pytest.raises(ValidationError, match=r"is not a duration: write (for example 30s, 5m, 1h or 1d|5m)"):
        DURATION.validate_python(text)


def test_a_number_without_a_unit_is_refused_in_a_file_and_is_seconds_in_code() -> None:
    with pytest.raises(ValidationError, match="'300' is not a duration: write 300s for seconds, 300m for minutes"):
        Sensor.model_validate({"id": "a", "every": "300"})
    assert Sensor(id="a", every=300).every_s == Sensor.model_validate({"id": "a", "every": "5m"}).every_s == 300
    for seconds in (-1, YEAR_S + 1):
        with pytest.raises(ValidationError):
            Sensor(id="a", every=seconds)


def test_a_sensor_may_report_on_change_with_a_heartbeat() -> None:
    door = Sensor.model_validate({"id": "a", "every": "change", "heartbeat": "60m"})
    assert (door.on_change, door.heartbeat_s) == (True, 3600)
    assert not Sensor.model_validate({"id": "a", "every": "5m"}).on_change
    assert not Sensor.model_validate({"id": "a"}).on_change


@pytest.mark.parametrize("bits", [8, 16, 24, 32, 48, 64])
def test_counter_bits_are_the_same_as_text_and_as_a_number(bits: int) -> None:
    assert Sensor.model_validate({"id": "a", "counter_bits": str(bits)}).counter_bits == bits
    assert Sensor.model_validate({"id": "a", "counter_bits": bits}).counter_bits == bits


@pytest.mark.parametrize("bits", [0, 12, 128, "16.0", "0x10", "", True, "99999"])
def test_no_other_width_is_taken(bits: object) -> None:
    with pytest.raises(ValidationError, match="counter_bits"):
        Sensor.model_validate({"id": "a", "counter_bits": bits})


@pytest.mark.parametrize("written", ["24E124710C401234", "24e124710c401234"])
def test_a_device_is_the_same_in_either_case(written: str) -> None:
    assert Sensor(id="a", device=written).device == "24e124710c401234"


@pytest.mark.parametrize("written", ["kitchen", "shellyht-A1B2C3", "Living room/air", "zigbee_0x00158d0001a2b3c4"])
def test_a_device_may_have_a_name_instead(written: str) -> None:
    assert Sensor(id="a", device=written).device == written


@pytest.mark.parametrize("written", ["24-E1-24-71-0C-40-12-34", "24:e1:24:71:0c:40:12:34", "0x24e124710c401234"])
def test_a_device_is_the_same_with_separators(written: str) -> None:
    assert Sensor(id="a", device=written).device == "24e124710c401234"


@pytest.mark.parametrize(
    "written", ["24E124710C40123", "24-E1-24-71-0C-40-12-34-5", "24:e1:24--71:0c:40:12:34", "12 34"]
)
def test_a_device_with_a_slip_gets_a_hint(written: str) -> None:
    with pytest.raises(ValidationError, match="is not a device EUI, 16 hex digits: copy it from the device's label"):
        Sensor(id="a", device=written)


@pytest.mark.parametrize(
    "topic", ["#", "+", "hubs/#", "+/+/#", "/leading", "trailing/", "a//b", "v3/+/devices/+/up", "x" * 65535]
)
def test_a_topic_filter_is_taken(topic: str) -> None:
    assert Source(topic=topic).topic == topic


@pytest.mark.parametrize(
    "topic", ["", "a#", "#/a", "a/#/b", "a+", "+a/b", "a/+b", "##", "++", "x" * 65536, "\u00e9" * 32768]
)
def test_what_is_no_topic_filter_is_refused(topic: str) -> None:
    with pytest.raises(ValidationError, match="is not a topic filter"):
        Source(topic=topic)


@pytest.mark.parametrize(
    "zone", ["", "London ", "Europe", "/etc/localtime", "../UTC", "a\0b", "x" * 5000, "Etc/GMT+99"]
)
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError, match="is not a time zone: write "):
        Estate(timezone=zone)


@pytest.mark.parametrize(
    "written, hint",
    [
        ("london", "Europe/London"),
        ("Europe/london", "Europe/London"),
        ("New York", "America/New_York"),
        ("Europe/Londn", "Europe/London"),
        ("GMT+1", "an IANA name"),  # Etc/GMT+1 would be two hours off
        ("BST", "an IANA name"),
    ],
)
def test_a_time_zone_gets_a_hint(written: str, hint: str) -> None:
    with pytest.raises(ValidationError, match=f"is not a time zone: write {hint}"):
        Estate(timezone=written)


def test_every_subdivision_that_the_library_knows_is_taken() -> None:
    assert Holidays(country="GB", subdivision="SCT").subdivision == "SCT"
    assert Holidays(country="DE", subdivision="BY").country == "DE"
    assert Holidays(country="FR").subdivision is None


def test_a_wrong_country_is_told_alone_and_not_also_its_subdivision() -> None:
    with pytest.raises(ValidationError) as caught:
        Holidays(country="England", subdivision="ENG")
    assert [error["loc"] for error in caught.value.errors()] == [("country",)]


def test_a_name_is_one_line() -> None:
    assert Hub(id="a", name=" Armley\n Hub\t1 ").name == "Armley Hub 1"


@pytest.mark.parametrize("altitude_m", ["nan", "inf", "-501", "9001", "60 m", float("nan")])
def test_an_altitude_is_a_place_on_earth(altitude_m: object) -> None:
    with pytest.raises(ValidationError, match="altitude_m"):
        Hub.model_validate({"id": "a", "altitude_m": altitude_m})


def hubs(*ids: str) -> list[dict[str, object]]:
    return [{"id": name} for name in ids]


def test_a_hub_a_sensor_a_device_and_a_topic_are_there_once() -> None:
    with pytest.raises(ValidationError, match="hub a is there twice"):
        Estate.model_validate({"hubs": hubs("a", "b", "a")})
    with pytest.raises(ValidationError, match="sensor s is there twice in this hub"):
        Hub.model_validate({"id": "a", "sensors": hubs("s", "s")})
    with pytest.raises(ValidationError, match="topic hubs/# is there twice"):
        Estate(sources=(Source(topic="hubs/#"), Source(topic="hubs/#", format="tts")))
    device = "24e124710c401234"
    with pytest.raises(ValidationError, match=f"device {device} is there twice"):
        Estate(
            hubs=(
                Hub(id="a", sensors=(Sensor(id="s", device=device),)),
                Hub(id="b", sensors=(Sensor(id="s", device=device.upper()),)),
            )
        )


def test_two_hubs_may_have_sensors_of_the_same_id() -> None:
    sensor = Sensor(id="door-1", kinds=(Kind.FOOTFALL,))

    assert len(Estate(hubs=(Hub(id="a", sensors=(sensor,)), Hub(id="b", sensors=(sensor,)))).hubs) == 2


def test_a_hub_s_zone_is_its_own_or_the_estate_s() -> None:
    estate = Estate(timezone="Europe/London", hubs=(Hub(id="a"), Hub(id="b", timezone="Asia/Singapore")))

    assert estate.zone_of("a") == estate.zone_of("unheard-of") == ZoneInfo("Europe/London")
    assert estate.zone_of("b") == ZoneInfo("Asia/Singapore")


def test_an_estate_is_what_it_says_also_after_it_was_asked() -> None:
    asked, fresh = (Estate(hubs=(Hub(id="a", timezone="Asia/Singapore"),)) for _ in range(2))
    asked.zone_of("a")

    assert asked == fresh
    assert asked.model_dump() == fresh.model_dump()


def test_an_estate_cannot_be_changed() -> None:
    estate = Estate(hubs=(Hub(id="a", opening=Opening(week=((),) * 7)),))

    for part, field in ((estate, "name"), (estate.hubs[0], "id"), (estate.hubs[0].opening, "week")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, field, "other")


def test_zones_are_listed_once_however_many_hubs_have_a_slip_in_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = []

    def listing() -> set[str]:
        listed.append(1)
        return {"Europe/London"}

    monkeypatch.setattr("schemas.time_zones.available_timezones", listing)
    schemas.time_zones._zones_to_write.cache_clear()
    with pytest.raises(ValidationError):
        Estate.model_validate({"hubs": [{"id": f"hub-{n}", "timezone": f"Europe/Londn{n}"} for n in range(50)]})
    schemas.time_zones._zones_to_write.cache_clear()

    assert len(listed) == 1


def test_a_copy_with_other_hubs_looks_them_up_anew() -> None:
    before = Estate.model_validate({"hubs": [{"id": "armley", "timezone": "Europe/London"}]})
    there = before.hub("armley"), before.hub("beeston"), before.zone_of("armley").key
    beeston = Estate.model_validate({"hubs": [{"id": "beeston", "timezone": "Europe/Paris"}]}).hubs
    after = before.model_copy(update={"hubs": beeston})

    assert there == (before.hubs[0], None, "Europe/London")
    assert (after.hub("armley"), after.hub("beeston"), after.zone_of("armley").key) == (None, beeston[0], "UTC")
