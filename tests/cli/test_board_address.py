"""Links to the board name the place where it really listens."""

from pathlib import Path

from cli.board_address import board_url
from cli.stack import Stack
from schemas import Settings
from schemas.settings import BoardSettings, MqttSettings
from tests.servers import free_port


def test_a_board_notes_where_it_listens(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", board=BoardSettings(port=0), mqtt=MqttSettings(port=free_port()))
    assert board_url(settings) == "http://127.0.0.1:0"
    with Stack(settings) as stack:
        assert board_url(settings) == stack.board_url


def test_a_note_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    (tmp_path / "board.address").write_text("somewhere")
    assert board_url(settings) == "http://127.0.0.1:8080"
