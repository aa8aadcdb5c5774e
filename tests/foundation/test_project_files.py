from pathlib import Path, PurePosixPath

from tests.project_files import files_below


def test_files_are_told_from_what_git_ignores_without_git(tmp_path: Path) -> None:
    for name in (".git/config", ".venv/lib/a.py", "data/store.db", "room/data/b.py", "room/__pycache__/b.pyc", "c.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    (tmp_path / ".gitignore").write_text("/.venv/\n/data/\n__pycache__/\n")

    assert list(files_below(tmp_path)) == [PurePosixPath(name) for name in (".gitignore", "c.md", "room/data/b.py")]
