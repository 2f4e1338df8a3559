"""docs/privacy.md says what is kept: each table, each column, each part of a packed session, each file."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from contextlib import closing
from pathlib import Path

from clauditor.model.session import Session
from clauditor.store.database import open_for_writing

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def documented() -> dict[str, set[str]]:
    """Columns by table, as the page has them."""
    found: dict[str, set[str]] = {}
    table = ""
    for row in re.findall(r"^\|(.*)\|$", section("The database"), re.MULTILINE)[2:]:
        first, columns, _ = (cell.strip() for cell in row.split("|", 2))
        table = words(first)[0] if words(first) else table
        found.setdefault(table, set()).update(words(columns))
    return found


def patterns() -> list[str]:
    rows = re.findall(r"^\|(.*)\|$", section("Files in the data directory"), re.MULTILINE)[2:]
    return ["clauditor.db", *(name for row in rows for name in words(row.split("|")[0]))]


def undocumented(data_dir: Path) -> list[str]:
    """Files that the page does not name."""
    names = [str(file.relative_to(data_dir)) for file in data_dir.rglob("*") if not file.is_dir()]
    return [name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns())]


def test_the_page_has_every_table_and_column_and_no_other(tmp_path: Path) -> None:
    with closing(open_for_writing(tmp_path / "clauditor.db")) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        schema = {table: {row[1] for row in db.execute(f"PRAGMA table_info({table})")} for table in tables}
    assert documented() == schema


def test_the_page_has_every_part_of_a_packed_session() -> None:
    text = section("The database").split("The packed state of a session")[1].split(": the figures")[0]
    assert words(text.split("nothing else:")[1]) == [field.name for field in dataclasses.fields(Session)]


def test_it_can_tell(tmp_path: Path) -> None:
    (tmp_path / "transcripts.txt").write_text("x")
    (tmp_path / "token").write_text("x")
    assert undocumented(tmp_path) == ["transcripts.txt"]
