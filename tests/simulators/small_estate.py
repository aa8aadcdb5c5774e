"""A small simulated estate for tests: three hubs, every kind of counter, doors that are open over midnight."""

import io
from datetime import date
from typing import Any

from simulators.messages import TimedMessage
from simulators.scenarios import simulation
from simulators.simulation import Simulation
from simulators.truth.record import TruthRecord

MONDAY, SUNDAY = date(2025, 5, 12), date(2025, 5, 18)
"""A week without a clock change or a bank holiday, in the past of every machine."""


def document(prefix: str = "") -> dict[str, Any]:
    """The estate file's content, with the hubs' ids prefixed."""
    air = ["temperature", "humidity", "pressure", "co2", "device"]
    day = {"mon-fri": "09:00-17:00", "sat": "10:00-13:00"}
    door16 = {"id": "door", "kinds": ["footfall"], "every": "10m", "counter_bits": 16, "max_step": 2000}
    return {
        "timezone": "Europe/London",
        "holidays": {"country": "GB", "subdivision": "ENG"},
        "hubs": [
            {
                "id": f"{prefix}north",
                "altitude_m": 120,
                "opening": day,
                "sensors": [
                    door16,
                    {"id": "wifi", "kinds": ["wifi"], "every": "10m"},
                    {"id": "air", "kinds": air, "zone": "hall", "every": "10m"},
                ],
            },
            {
                "id": f"{prefix}night",
                "sensors": [
                    {"id": "door", "kinds": ["footfall"], "every": "10m", "counter_bits": 32},
                    {"id": "back", "kinds": ["footfall"], "every": "15m"},
                    {"id": "air", "kinds": air, "zone": "cafe", "every": "10m"},
                ],
            },
            {
                "id": f"{prefix}south",
                "opening": {"mon-tue": "09:00-17:00", "wed": "09:00-12:30,13:30-20:00", "thu-sat": "10:00-15:00"},
                "closures": ["2025-05-15"],
                "sensors": [
                    {"id": "door", "kinds": ["footfall"], "every": "5m"},
                    {"id": "ap-1", "kinds": ["wifi"], "every": "10m"},
                    {"id": "ap-2", "kinds": ["wifi"], "every": "15m"},
                    {"id": "hall", "kinds": ["temperature", "humidity"], "zone": "hall", "every": "10m"},
                    {"id": "hall-co2", "kinds": ["co2", "pressure"], "zone": "hall", "every": "15m"},
                    {"id": "cafe", "kinds": ["temperature", "humidity", "co2"], "zone": "cafe", "every": "10m"},
                ],
            },
        ],
    }


def week(*faults: str, prefix: str = "", days: int = 7, last: date = SUNDAY, scenario: str = "normal") -> Simulation:
    """A simulation of a week at the small estate."""
    return simulation(document(prefix), scenario=scenario, last=last, days=days, seed=7, faults=faults)


def played(run: Simulation, *, readings_max: int = 144) -> tuple[list[TimedMessage], str]:
    """All messages of a run, and the text of its truth."""
    file = io.StringIO()
    truth = TruthRecord(file, run.estate, run.header())
    messages = list(run.messages(readings_max=lambda _day: readings_max, truth=truth))
    truth.close()
    return messages, file.getvalue()
