"""What a session did last, in a line."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from clauditor.ui.views.cells import Scene
from clauditor.ui.views.recent import recent_words
from clauditor.ui.views.segments import KEEP
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.views.turns import turn_views
from ui.afternoon import NOW, snapshot, tool, turn

SCENE = Scene(now=NOW, zone=UTC)


def said(*turns: dict[str, Any], **fields: Any) -> str:
    words = recent_words(session_view(snapshot("s", **fields)), turn_views(turns), SCENE)
    return words.replace(KEEP, " ")


def test_same_tools_are_counted_and_minutes_are_said_once() -> None:
    turns = [
        turn(
            -260, prompt="p1", out=1, tools=[tool("Read", "a.py"), tool("Read", "b.py"), tool("Read", "c.py")]
        ),
        turn(-190, prompt="p1", out=1, tools=[tool("Edit", "login_test.py")]),
        turn(-180, prompt="p1", out=1, tools=[tool("Bash", "pytest", outcome=None)]),
    ]
    assert said(*turns, waiting_for="approval") == (
        "14:27 prompt 3, Read x3, 14:28 Edit login_test.py, 14:29 Bash pytest asks"
    )
    assert said(*turns, state="tool", waiting_for=None).endswith("14:29 Bash pytest runs")
    assert said(*turns).endswith("14:29 Bash pytest")


def test_only_the_newest_of_the_main_thread_is_said() -> None:
    turns = [turn(-60 * n, prompt="p", out=1, tools=[tool(f"T{n}", None)]) for n in range(30, 0, -1)]
    helper = turn(-10, prompt="p", out=1, agent="a1", tools=[tool("Grep", None)])
    assert said(*turns, helper) == "14:27 T5, 14:28 T4, 14:29 T3, 14:30 T2, 14:31 T1"


def test_how_it_ended_is_said() -> None:
    broken = turn(-60, prompt="p1", out=1) | {"outcome": "stream"}
    failed = turn(-50, prompt="p2", out=1, tools=[tool("Bash", "make", outcome="error")])
    done = turn(-40, prompt="p2", out=1, stop="end_turn")
    assert said(broken, failed, done, prompts=9) == (
        "14:31 prompt 8, broke off, prompt 9, Bash make failed, answers"
    )


def test_without_calls_nothing_is_said() -> None:
    assert said() == ""
    assert said({"outcome": 7, "tools": "x", "started_at": "now"}, prompts=None) == ""
