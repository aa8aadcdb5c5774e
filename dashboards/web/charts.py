"""The board's charts: what each shows of a hub's days and hours. Their drawing is `dashboards.charts`.

Texts under the pointer are worded here: a chart and its table say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from dashboards.charts import (
    Band,
    Bars,
    Chart,
    Dots,
    Fill,
    Layer,
    Limit,
    Line,
    Marks,
    Pattern,
    Shape,
    Slot,
    Tick,
    Tone,
)
from dashboards.web import wording
from dashboards.web.days import WITHOUT_COUNT, WORDS, Day, DayState, EstateDay, Hour
from schemas.measures import CO2_FAIR_PPM, CO2_POOR_PPM, COMFORT_MAX_PCT, COMFORT_MIN_PCT, WORKROOM_MIN_C
from schemas.texts import N_, _

AnyDay = Day | EstateDay

_MARKS = {
    DayState.CLOSED: (Shape.DASH, Tone.QUIET, N_("closed")),
    DayState.ZERO: (Shape.RING, Tone.ENTRIES, N_("no visitors")),
    DayState.SILENT: (Shape.CROSS, Tone.ALARM, N_("no data")),
    DayState.PARTIAL: (Shape.DIAMOND, Tone.ENTRIES, N_("incomplete, nobody counted")),
}
"""What stands at the foot of a day that has no bar."""
_MONDAYS_MAX = 9
HOVER_DAYS_MAX = 100
"""Of more days no words lie under the pointer: a day is two or three pixels wide, and its figures are in the table."""
_HOURS_A_TICK = 3
_RANGE_WIDTH = 0.55


def entries(days: Sequence[AnyDay], now: date, title: str) -> Chart:
    """Entries per day. Solid: counted. Hatched: incomplete. Pale: so far. A mark where there is nobody to draw."""
    bars = {i: day for i, day in enumerate(days) if day.entries and day.state not in WITHOUT_COUNT}

    def counts(*states: DayState, today: bool = False) -> dict[int, float]:
        return {
            i: float(day.entries or 0)
            for i, day in bars.items()
            if day.today is today and (today or day.state in states)
        }

    layers: list[Layer] = [
        Bars(_("counted"), Tone.ENTRIES, counts(DayState.COUNTED)),
        Bars(_("incomplete"), Tone.ENTRIES, counts(DayState.PARTIAL), Fill.HATCHED),
        Bars(_("today, so far"), Tone.ENTRIES, counts(today=True), Fill.PALE),
        *(
            Marks(_(name), tone, shape, [i for i, day in enumerate(days) if day.state is state and i not in bars])
            for state, (shape, tone, name) in _MARKS.items()
        ),
    ]
    layers.append(noted(days))
    slots = _slots(days, [_hover(day, now) for day in days] if len(days) <= HOVER_DAYS_MAX else ())
    return Chart("entries", title, _("people a day"), _entries_summary(days), slots, _mondays(days, now), layers)


def hours(of: Sequence[Hour]) -> Chart:
    """Today's hours beside those of a week ago. Each keeps its place: on a day of a clock change there are 23 or 25."""
    labels = [wording.clock(hour.start) for hour in of]
    today = {i: float(hour.entries) for i, hour in enumerate(of) if hour.entries is not None}
    # A line in steps: each hour's value from its beginning to its end.
    week_ago = [(i + edge, hour.week_ago) for i, hour in enumerate(of) for edge in (0, 1)]
    usual = [(i + edge, hour.usual) for i, hour in enumerate(of) for edge in (0, 1)]
    return Chart(
        "hours",
        _("Today by the hour"),
        _("people entering"),
        _hours_summary(of),
        [
            Slot(
                (
                    label,
                    _("{people} today").format(people=_people(hour.entries)),
                    _("{people} a week ago").format(people=_people(hour.week_ago)),
                    *_usual(hour),
                )
            )
            for label, hour in zip(labels, of, strict=True)
        ],
        [Tick(i + 0.5, labels[i], spare=i % 2 == 1) for i in range(0, len(of), _HOURS_A_TICK)],
        (
            Bars(_("today, so far"), Tone.ENTRIES, {i: people for i, people in today.items() if people}, Fill.PALE),
            Line(_("usual at this weekday and hour, while open"), Tone.ENTRIES, usual),
            Line(_("a week ago"), Tone.QUIET, week_ago, Pattern.DASHED),
        ),
    )


def _usual(hour: Hour) -> Iterator[str]:
    if hour.usual is None:
        return
    yield _("usually {people}").format(people=wording.number(hour.usual, 1))
    if hour.under_way:
        yield _("the hour is not over")
    if hour.entries_open is not None and hour.entries_open != hour.entries:
        yield _("while open: {people} today").format(people=wording.number(hour.entries_open))


def wifi(days: Sequence[Day], now: date) -> Chart:
    """The most Wi-Fi clients connected at once, and the mean over opening hours."""
    return measured(
        "wifi",
        (_("Wi-Fi"), _("clients connected")),
        days,
        now,
        {_("most at once"): "wifi_peak_clients", _("mean while open"): "wifi_mean_clients"},
        (
            _line("", days, "wifi_peak_clients", Tone.WIFI),
            _dots(_("most at once"), days, "wifi_peak_clients", Tone.WIFI),
            Dots(_("mean while open"), Tone.WIFI, _values(days, "wifi_mean_clients"), frozenset(range(len(days)))),
        ),
        from_zero=True,
    )


def temperature(days: Sequence[Day], now: date) -> Chart:
    """Each day's range and mean, beside the lowest temperature for a workroom."""
    return measured(
        "temperature",
        (_("Temperature"), "°C"),
        days,
        now,
        {
            _("mean while open"): "temperature_mean_c",
            _("lowest"): "temperature_min_c",
            _("highest"): "temperature_max_c",
        },
        (
            _range(_("lowest to highest"), days, ("temperature_min_c", "temperature_max_c"), Tone.HEAT),
            _dots(_("mean while open"), days, "temperature_mean_c", Tone.HEAT),
            Limit(
                _("{limit}\u00a0°C, the least for a workroom").format(limit=WORKROOM_MIN_C), Tone.COLD, WORKROOM_MIN_C
            ),
        ),
    )


def humidity(days: Sequence[Day], now: date) -> Chart:
    """Each day's mean, beside the comfort band."""
    low, high = COMFORT_MIN_PCT, COMFORT_MAX_PCT
    return measured(
        "humidity",
        (_("Relative humidity"), "%"),
        days,
        now,
        {_("mean while open"): "relative_humidity_mean_pct"},
        (
            Band(_("comfort, {low} to {high}\u00a0%").format(low=low, high=high), Tone.GOOD, low, high),
            _line("", days, "relative_humidity_mean_pct", Tone.DAMP),
            _dots(_("mean while open"), days, "relative_humidity_mean_pct", Tone.DAMP),
        ),
    )


def co2(days: Sequence[Day], now: date) -> Chart:
    """Each day's mean and maximum, beside the two guide values."""
    return measured(
        "co2",
        ("CO₂", "ppm"),
        days,
        now,
        {_("mean while open"): "co2_mean_ppm", _("highest"): "co2_max_ppm"},
        (
            _range(_("mean to highest"), days, ("co2_mean_ppm", "co2_max_ppm"), Tone.AIR),
            _dots(_("mean while open"), days, "co2_mean_ppm", Tone.AIR),
            Limit(_("{limit}\u00a0ppm, well ventilated below").format(limit=CO2_FAIR_PPM), Tone.QUIET, CO2_FAIR_PPM),
            Limit(
                _("{limit}\u00a0ppm, poor above").format(limit=wording.number(CO2_POOR_PPM)), Tone.ALARM, CO2_POOR_PPM
            ),
        ),
    )


def pressure(days: Sequence[Day], now: date, unit: str) -> Chart:
    """Each day's mean; `unit` says of which altitude it is."""
    return measured(
        "pressure",
        (_("Pressure"), unit),
        days,
        now,
        {_("mean"): "pressure_mean_hpa"},
        (
            _line("", days, "pressure_mean_hpa", Tone.AIR_MASS),
            _dots(_("mean"), days, "pressure_mean_hpa", Tone.AIR_MASS),
        ),
    )


def measured(
    id_: str,
    title: tuple[str, str],
    days: Sequence[Day],
    now: date,
    said: dict[str, str],
    layers: Sequence[Layer],
    *,
    from_zero: bool = False,
) -> Chart:
    """A chart of days: `said` are the figures that stand under the pointer, the last of them in the summary."""
    words = [
        (
            _heading(day, now),
            *(f"{name}: {wording.measure(day.figure(field), field)}" for name, field in said.items()),
            *_note_words(day),
        )
        for day in (days if len(days) <= HOVER_DAYS_MAX else ())
    ]
    summary = _summary(days, list(said.values())[-1])
    layers = (*layers, noted(days))
    return Chart(id_, *title, summary, _slots(days, words), _mondays(days, now), layers, from_zero=from_zero)


def _slots(days: Sequence[AnyDay], words: Sequence[tuple[str, ...]]) -> list[Slot]:
    return [Slot(each) for each in words] or [Slot(())] * len(days)


def noted(days: Sequence[AnyDay]) -> Marks:
    """A flag at the top of each day that somebody wrote about."""
    return Marks(_("note"), Tone.QUIET, Shape.FLAG, [i for i, day in enumerate(days) if day.notes], at_top=True)


def _note_words(day: AnyDay) -> Iterator[str]:
    return (_("note: {text}").format(text=text) for text in day.notes)


def _values(days: Sequence[Day], field: str) -> dict[int, float]:
    return {i: value for i, day in enumerate(days) if (value := day.figure(field)) is not None}


def _dots(name: str, days: Sequence[Day], field: str, tone: Tone) -> Dots:
    return Dots(name, tone, _values(days, field), frozenset(i for i, day in enumerate(days) if day.today))


def _line(name: str, days: Sequence[Day], field: str, tone: Tone) -> Line:
    return Line(name, tone, [(i + 0.5, day.figure(field)) for i, day in enumerate(days)])


def _range(name: str, days: Sequence[Day], ends: tuple[str, str], tone: Tone) -> Bars:
    """Floating bars: a gap stays a gap, where a filled band would be drawn across it."""
    low, high = (_values(days, end) for end in ends)
    known = {i: value for i, value in high.items() if i in low}
    return Bars(name, tone, known, Fill.PALE, {i: low[i] for i in known}, _RANGE_WIDTH)


def _mondays(days: Sequence[AnyDay], now: date) -> list[Tick]:
    mondays = [i for i, day in enumerate(days) if day.date.weekday() == 0]
    shown = mondays[:: -(-len(mondays) // _MONDAYS_MAX) or 1]
    return [Tick(i + 0.5, wording.day(days[i].date, now), spare=n % 2 == 1) for n, i in enumerate(shown)]


def _people(count: int | None) -> str:
    if count is None:
        return _("no count")
    return _("{people} in").format(people=wording.plural(count, "person", "people"))


def _hover(day: AnyDay, now: date) -> tuple[str, ...]:
    first = _(WORDS[day.state]) if day.entries is None or day.state in WITHOUT_COUNT else _people(day.entries)
    rest = day.hubs_text.split(", ") if isinstance(day, EstateDay) else _caveats(day)
    return _heading(day, now), first, *rest, *_note_words(day)


def _heading(day: AnyDay, now: date) -> str:
    named = wording.day(day.date, now)
    return _("{day} so far").format(day=named) if day.today else named


def _caveats(day: Day) -> list[str]:
    caveats = []
    if day.state is DayState.PARTIAL and not day.today:
        caveats.append(_("incomplete: {why}").format(why=day.covered))
    if day.door_silent:
        caveats.append(_("door counter silent now"))
    if day.provisional and day.figures:
        caveats.append(_("provisional"))
    return caveats


def _entries_summary(days: Sequence[AnyDay]) -> str:
    counts = [day.entries for day in days if day.entries is not None and not day.today and _is_whole(day)]
    if not counts:
        return _("No day was counted in full yet.")
    low, high = wording.number(min(counts)), wording.number(max(counts))
    return _("{low} to {high} people a day over these days.").format(low=low, high=high)


def _is_whole(day: AnyDay) -> bool:
    """Whether a day's count lacks nothing."""
    return day.state in (DayState.COUNTED, DayState.ZERO)


def _hours_summary(of: Sequence[Hour]) -> str:
    counted = [hour for hour in of if hour.entries]
    if not counted:
        return _("Nobody was counted yet today.")
    busiest = max(counted, key=lambda hour: hour.entries or 0)
    start, people = wording.clock(busiest.start), wording.number(busiest.entries)
    return _("Busiest so far from {time}, with {people} people.").format(time=start, people=people)


def _summary(days: Sequence[Day], field: str) -> str:
    values = [value for day in days if (value := day.figure(field)) is not None]
    if not values:
        return _("No day was measured yet.")
    low, high = wording.measure(min(values), field), wording.measure(max(values), field)
    return _("{low} to {high} over these days.").format(low=low, high=high)
