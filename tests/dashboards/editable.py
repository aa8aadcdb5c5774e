"""A board whose estate file may be changed in the browser, and the writer that does what is asked there."""

import json
import re
import shutil
from pathlib import Path

from fastapi.testclient import TestClient
from httpx2 import Response

from dashboards.access.accounts import Accounts, Role
from dashboards.edits.queue import Edit, EditFile
from dashboards.edits.writer import EditWriter
from dashboards.web.board import create_board
from dashboards.web.edit_page import Editing, add_edit_page
from ingest.buffer import Buffer
from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas import Estate, Settings
from schemas.localtime import NS_A_SECOND, to_ns
from sensors.estate_file import load_estate
from sensors.registry import Registry
from tests.dashboards.conftest import NOW, Filled

PASSWORD = "correct horse battery"
ORIGIN = "http://board"
DEVICE = "24e124710c401234"
FILE = """\
# ours, by hand
name: 'Leeds'   # as on the letterhead
timezone: Europe/London
sources: [{topic: "hubs/#"}, {topic: "v3/#", format: tts}]
hubs:
  - id: armley
    opening:
      mon-fri: '09:00-17:00'   # the caretaker's
      sat: "10:00-13:00"
    # Christmas is always the same
    closures: ["2026-12-25..2027-01-01"]
    sensors:
      - {id: door-1, kinds: [footfall], every: 5m}   # north
  - {id: beeston, sensors: []}
"""
OPENING = "mon-fri: 09:00-17:00\nsat: 10:00-13:00"
CLOSURES = "2026-12-25..2027-01-01"


class Site:
    """A board with an editable estate, and the writer that does what is asked there."""

    def __init__(self, known: Filled, folder: Path, accounts: Accounts) -> None:
        store = known.open()
        store.prepare()
        store.close()
        self.path = folder / "estate.yaml"
        self.path.write_text(FILE)
        self.settings = Settings(data_dir=folder / "data", estate=self.path)
        self.settings.data_dir.mkdir()
        self.now_ns = to_ns(NOW)
        shutil.copy(accounts.path, self.settings.data_dir)
        self.accounts = Accounts(self.settings.data_dir)
        self.board = create_board(
            open_store=known.open, estate=self.estate, clock_ns=lambda: self.now_ns, accounts=self.accounts
        )
        add_edit_page(self.board, Editing(self.settings, known.open, lambda: self.now_ns))
        self.queue = EditFile(self.settings.audits_folder)
        self.writer = EditWriter(self.settings, self.estate, known.open, lambda: self.now_ns)
        self._tokens: dict[str, str] = {}

    def estate(self) -> Estate:
        return load_estate(self.path)

    def visitor(self, name: str) -> TestClient:
        if name not in self._tokens:
            self._tokens[name] = self.accounts.add_token(name, "test", self.now_ns // NS_A_SECOND + 3600)
        headers = {"Authorization": f"Bearer {self._tokens[name]}"}
        return TestClient(self.board, base_url=ORIGIN, client=("192.0.2.7", 5), headers=headers, follow_redirects=False)

    def refuse(self, *messages: Message) -> None:
        """Messages that ingest refuses, in its quarantine."""
        decoder = Decoder(Registry(load_estate(self.path)), self.settings, clock_ns=lambda: self.now_ns)
        buffer = Buffer(self.settings.data_dir, clock_ns=lambda: self.now_ns)
        buffer.commit(decoder.decode(list(messages), received_ns=self.now_ns))
        buffer.close()

    def last(self) -> Edit:
        return self.queue.recent(1)[0]


def accounts_in(folder: Path) -> Accounts:
    """Who may do what on the page."""
    made = Accounts(folder)
    for name, role, hubs in (
        ("vera", Role.VIEWER, None),
        ("mia", Role.MANAGER, None),
        ("ada", Role.ADMIN, None),
        ("alan", Role.ADMIN, None),
        ("one", Role.ADMIN, ["armley"]),
    ):
        made.add(name, PASSWORD, role, hubs)
    return made


def hours(visitor: TestClient, opening: str = OPENING, closures: str = CLOSURES, **more: str) -> Response:
    return visitor.post("/edit/hours/armley", data={"opening": opening, "closures": closures, "step": "preview"} | more)


def digest_of(page: Response) -> str:
    assert page.status_code == 200, page.text
    found = re.search(r'name="digest" value="([0-9a-f]{64})"', page.text)
    assert found is not None
    return found[1]


def uplink() -> Message:
    sent = {
        "end_device_ids": {"dev_eui": DEVICE.upper()},
        "received_at": "2026-11-20T13:00:00Z",
        "uplink_message": {"f_port": 1, "f_cnt": 7, "frm_payload": "AA==", "decoded_payload": {"temperature": 21.5}},
    }
    return Message(b"v3/app/devices/x/up", json.dumps(sent).encode())
