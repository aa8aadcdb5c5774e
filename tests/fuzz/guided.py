"""One target under atheris: `python -m tests.fuzz.guided TARGET [CORPUS...] [libFuzzer's options]`; see __main__.py."""

import sys

import atheris

with atheris.instrument_imports(
    include=["schemas", "mqtt", "sensors", "stores", "ingest", "dashboards", "cli", "starlette"],
    enable_loader_override=False,
):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until libFuzzer's limits say so."""
    target = TARGETS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
