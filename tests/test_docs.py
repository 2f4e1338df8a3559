"""The pages that make promises are held to the code."""

from __future__ import annotations

import re
from pathlib import Path

from clauditor.cli import COMMANDS, GROUPS
from clauditor.edge.endpoints import ENDPOINTS
from clauditor.model.session import Session
from clauditor.model.snapshot import session_snapshot

ROOT = Path(__file__).parent.parent
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_api_page_names_every_path_and_no_other() -> None:
    assert set(re.findall(r"^\| `(/[^`]*)`", API, re.MULTILINE)) == {endpoint.path for endpoint in ENDPOINTS}


def test_the_api_page_names_every_key_of_a_snapshot_and_no_other() -> None:
    table = API.split("## A session's snapshot")[1].split("## The stream")[0]
    rows = re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    assert named == set(session_snapshot(Session(session_id="s", started_at=0, last_activity_at=0), 0))


def test_the_readme_names_only_commands_that_exist() -> None:
    named = set(re.findall(r"(?:^|[`(] ?|    )clauditor ([a-z-]+)", README, re.MULTILINE))
    assert named
    assert named <= set(COMMANDS)


def test_every_command_that_is_not_hidden_stands_in_the_readme() -> None:
    for group in GROUPS.values():
        for name in group:
            assert f"clauditor {name}" in README, name


def test_links_of_the_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
