from __future__ import annotations

from typing import Any

import pytest

from clauditor.model.events import AttemptStarted
from clauditor.wire.anthropic.environment import base_name
from support.messages_api import Player, request, text, user


def place(*messages: Any, **more: Any) -> tuple[str | None, str | None]:
    event = Player().ask(request(*messages, **more)).one(AttemptStarted)
    return event.project, event.branch


def guards(**context: Any) -> list[dict[str, Any]]:
    return [{"type": "other"}, {"type": "dangerous_tool_use", "classifier_context": {"v": 1, **context}}]


def test_safeguards_tell_project_and_branch() -> None:
    git = {"cwd": "/home/me/shop/src", "root": "/home/me/shop", "branch": "feat/login"}
    assert place(safeguards=guards(live_cwd="/tmp", git_state=git)) == ("shop", "feat/login")
    assert place(safeguards=guards(live_cwd="/home/me/notes")) == ("notes", None)


@pytest.mark.parametrize(
    ("messages", "more"),
    [
        (
            (
                user("x"),
                {"role": "system", "content": "# Environment\n - Primary working directory: /home/me/shop\n"},
            ),
            {},
        ),
        (
            (
                user(
                    text("<system-reminder>\nWorking directory: /home/me/shop\n</system-reminder>"), text("x")
                ),
            ),
            {},
        ),
        (
            (user("x"),),
            {"system": [text("a"), text("<env>\nWorking directory: /home/me/shop/\nIs git: yes</env>")]},
        ),
        ((user("x"),), {"system": "cwd: C:\\Users\\me\\shop\nnext"}),
    ],
)
def test_the_environment_text_tells_the_project(messages: tuple[Any, ...], more: dict[str, Any]) -> None:
    assert place(*messages, **more) == ("shop", None)


def test_the_environment_text_may_tell_the_branch() -> None:
    assert place(system="Working directory: /a/shop\n\nCurrent branch: main\n") == ("shop", "main")


def test_what_a_person_writes_about_directories_is_not_the_environment() -> None:
    assert place(user("my Working directory: /home/me/other")) == (None, None)


@pytest.mark.parametrize(
    "safeguards",
    [
        5,
        [],
        [5],
        [{"classifier_context": 5}],
        guards(git_state=7),
        guards(git_state={"root": 5, "branch": 6}),
    ],
)
def test_nonsense_tells_nothing(safeguards: Any) -> None:
    assert place(safeguards=safeguards) == (None, None)


def test_names_are_harmless() -> None:
    assert base_name("/a/\x1b]0;x\x07b\u202e") == "b"
    assert base_name("/") is None
    assert base_name("/a/" + "x" * 500) == "x" * 63 + "…"
    assert base_name("/a/sk-ant-api03-AAAABBBBCCCC") == "[redacted]"
