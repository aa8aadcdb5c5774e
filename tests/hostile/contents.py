"""What a hostile client sends: makers of one message each, and mixtures of them."""

import json
import time
from collections.abc import Callable, Mapping
from random import Random

HUB = "beeston"
_DAY_S = 86_400

Made = tuple[str, bytes]
Maker = Callable[[Random, int], Made]


def _topic(kind: str, sensor: str) -> str:
    return f"hubs/{HUB}/{kind}/{sensor}"


def _timed(**fields: float) -> bytes:
    return json.dumps({"time": time.time_ns(), **fields}).encode()


def _mac(rng: Random) -> str:
    pairs = [f"{rng.randrange(256):02x}" for _ in range(6)]
    return rng.choice(
        [":".join(pairs), "-".join(pairs), "".join(pairs), " ".join(pairs), "%3A".join(pairs), "\\u003a".join(pairs)]
    )


_VALID: Mapping[str, Maker] = {
    "gauges": lambda rng, n: (_topic("temperature", f"air-{n % 5}"), _timed(value=rng.uniform(15, 30))),
    "bare gauges": lambda rng, n: (_topic("co2", f"air-{n % 5}"), b"%d" % rng.randrange(400, 2000)),
    "counts": lambda rng, n: (_topic("footfall", f"gate-{n % 3}"), _timed(entries=rng.randrange(5))),
    "counts without a time": lambda rng, n: (
        _topic("footfall", f"gate-{n % 3}"),
        b'{"entries": %d}' % rng.randrange(5),
    ),
    "wifi": lambda rng, _n: (_topic("wifi", "ap"), _timed(clients=rng.randrange(90))),
    "past times": lambda rng, _n: (
        _topic("pressure", "air-1"),
        json.dumps({"time": int(time.time()) - rng.randrange(900 * _DAY_S), "value": 1000}).encode(),
    ),
}
_INVENTED: Mapping[str, Maker] = {
    "invented sensors": lambda rng, n: (_topic("humidity", f"new-{n}"), b"%d" % rng.randrange(100)),
    "invented gates": lambda rng, n: (_topic("footfall", f"new-{n}"), _timed(entries=rng.randrange(5))),
    "an address in the topic": lambda rng, _n: (
        _topic("co2", "".join(f"{rng.randrange(256):02x}" for _ in range(6))),
        b"9",
    ),
}
_BROKEN: Mapping[str, Maker] = {
    "rubbish": lambda rng, _n: (_topic("footfall", "gate-1"), rng.randbytes(rng.randrange(300))),
    "nested": lambda _rng, _n: (_topic("footfall", "gate-1"), b'{"entries": ' + b"[" * 500),
    "digits that might be addresses": lambda rng, _n: (
        _topic("footfall", "gate-1"),
        b"a4c1380b1c%02x " % rng.randrange(256) * 39,
    ),
    "out of range": lambda _rng, _n: (_topic("footfall", "gate-2"), b'{"entries": -5}'),
    "addresses": lambda rng, _n: (
        _topic("wifi", "ap"),
        json.dumps({"mac": _mac(rng), "seen": [_mac(rng)] * 3}).encode(),
    ),
}
_FOREIGN: Mapping[str, Maker] = {
    "other hubs": lambda _rng, _n: ("hubs/armley/footfall/door", b'{"entries": 1000}'),
    "other formats": lambda rng, _n: ("v3/app@ttn/devices/eui-1/up", rng.randbytes(200)),
    "deep topics": lambda rng, _n: (f"hubs/{HUB}/" + "x/" * rng.randrange(60), b"1"),
}
_ARRAYS: Mapping[str, Maker] = {
    "arrays of a kilobyte": lambda _rng, _n: (_topic("footfall", "gate-1"), b"[" + b"1," * 500 + b"1]"),
    "arrays with times": lambda rng, n: (
        _topic("footfall", f"gate-{n % 3}"),
        json.dumps([{"time": time.time_ns() - m, "entries": 1} for m in range(rng.randrange(1, 20))]).encode(),
    ),
}
_SELDOM: Mapping[str, Maker] = {
    "huge arrays": lambda _rng, _n: (_topic("footfall", "gate-1"), b"[" + b"1," * 500_000 + b"1]"),
    "arrays": lambda rng, _n: (
        _topic("co2", "air-1"),
        json.dumps([{"time": time.time_ns() - n, "value": 500} for n in range(rng.randrange(3000))]).encode(),
    ),
    "thousands of past days": lambda _rng, _n: (
        _topic("footfall", "gate-1"),
        json.dumps([{"time": int(time.time()) - n * _DAY_S, "entries": 1} for n in range(9000)]).encode(),
    ),
    "beyond every limit": lambda _rng, _n: (_topic("footfall", "gate-1"), bytes(3 * 1024**2)),
}

CONTENTS: Mapping[str, Mapping[str, Maker]] = {
    "valid": _VALID,
    "broken": _BROKEN,
    "foreign": _FOREIGN,
    "arrays": _ARRAYS,
    "invented": _INVENTED,
    "mixed": {**_VALID, **_BROKEN, **_FOREIGN, **_ARRAYS, **_INVENTED},
}
"""What is sent at the rate asked for; each in its turn."""
SELDOM: Mapping[str, Mapping[str, Maker]] = {"arrays": _SELDOM, "mixed": _SELDOM}
"""What is sent every half second beside it: it is large."""
