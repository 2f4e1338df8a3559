"""What `run claude` hands to the client, beside what stands in its files already."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from clauditor.config import Settings
from clauditor.hooks.command import EVENTS
from clauditor.setup.session_settings import with_settings

URL = "http://127.0.0.1:10000"


class Home:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.settings = Settings(data_dir=directory / "data")
        self.environ = {"CLAUDE_CONFIG_DIR": str(directory / "claude")}
        self.project = directory / "project"

    def write(self, path: str, settings: Any) -> None:
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(settings if isinstance(settings, str) else json.dumps(settings), encoding="utf-8")

    def command(self, *words: str) -> tuple[str, ...]:
        return with_settings(
            words, proxy_url=URL, settings=self.settings, environ=self.environ, directory=self.project
        )

    def given(self) -> dict[str, Any]:
        program, option, text, rest = self.command("/opt/claude", "-c")
        assert (program, option, rest) == ("/opt/claude", "--settings", "-c")
        return json.loads(text)  # type: ignore[no-any-return]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_url_hooks_and_status_line_are_given(home: Home) -> None:
    given = home.given()
    assert given["env"]["ANTHROPIC_BASE_URL"] == URL
    assert given["env"]["CLAUDE_CODE_GATEWAY_HINT_HEADERS"] == "1"
    assert set(given["hooks"]) == set(EVENTS)
    for groups in given["hooks"].values():
        ((entry,),) = (group["hooks"] for group in groups)
        assert (entry["type"], entry["async"]) == ("command", True)
        assert f"--data-dir={home.settings.data_dir}" in shlex.split(entry["command"])
    assert given["statusLine"]["type"] == "command"


@pytest.mark.parametrize(
    "words",
    [
        ("python", "app.py"),
        ("claude", "--settings", "mine.json"),
        ("claude", "-c", "--settings={}"),
    ],
)
def test_other_programs_and_own_settings_are_left_alone(home: Home, words: tuple[str, ...]) -> None:
    assert home.command(*words) == words


def test_a_status_line_of_the_users_is_wrapped_and_the_strongest_counts(home: Home) -> None:
    home.write("claude/settings.json", {"statusLine": {"type": "command", "command": "mine", "padding": 1}})
    line = home.given()["statusLine"]
    assert (shlex.split(line["command"])[-2:], line["padding"]) == (["--wrap", "mine"], 1)
    home.write("project/.claude/settings.json", {"statusLine": {"type": "command", "command": "ours all"}})
    assert shlex.split(home.given()["statusLine"]["command"])[-2:] == ["--wrap", "ours all"]


def test_what_install_has_written_is_not_given_twice(home: Home) -> None:
    first = home.given()
    home.write("claude/settings.json", {"hooks": first["hooks"], "statusLine": first["statusLine"]})
    assert set(home.given()) == {"env"}


@pytest.mark.parametrize(
    "settings", ["{", "[]", {"hooks": 3, "statusLine": 3, "env": 3}, {"hooks": {"Stop": [3]}}]
)
def test_files_that_hold_nonsense_are_no_obstacle(home: Home, settings: Any) -> None:
    home.write("claude/settings.json", settings)
    assert "ANTHROPIC_BASE_URL" in home.given()["env"]
