"""An estate file and the secrets of an installation."""

from pathlib import Path

import yaml

from tests.cli.command import Answer, CommandLine

HUBS = ("armley", "beeston")
SOURCES = ("hubs/#", "v3/+/devices/+/up")


class Installation:
    """An estate file and the secrets that `hubpulse init` makes for it."""

    def __init__(self, folder: Path) -> None:
        self.secrets = folder / "deploy/secrets"
        self.estate = folder / "deploy/estate/estate.yaml"
        self._command = CommandLine(folder)
        self.write_estate()

    def write_estate(self, *, hubs: tuple[str, ...] = HUBS, sources: tuple[str, ...] = SOURCES) -> None:
        self.estate.parent.mkdir(parents=True, exist_ok=True)
        formats = {"v3/+/devices/+/up": "tts"}
        document = {
            "hubs": [{"id": hub} for hub in hubs],
            "sources": [{"topic": topic, "format": formats.get(topic, "native")} for topic in sources],
        }
        self.estate.write_text(yaml.safe_dump(document))

    def run_init(self, *arguments: str) -> Answer:
        """Run `hubpulse init` where a checkout has its root."""
        return self._command.run("init", *arguments)

    def init(self, *arguments: str) -> str:
        """Run it to a good end; what it said."""
        answer = self.run_init(*arguments)
        assert (answer.exit_code, answer.err) == (0, "")
        return answer.out

    def files(self) -> dict[str, str]:
        return {str(p.relative_to(self.secrets)): p.read_text() for p in self.secrets.rglob("*") if p.is_file()}

    def password(self, user: str) -> str:
        """The password of one of the broker's users."""
        places = {"ingest": "hubpulse/mqtt_password", "simulator": "hubpulse/simulator_mqtt_password"}
        place = places.get(user) or (
            "gateway/mqtt_password" if user == "gateway" else f"hubs/{user.removeprefix('hub-')}/mqtt_password"
        )
        return (self.secrets / place).read_text()
