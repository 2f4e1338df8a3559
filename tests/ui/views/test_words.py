"""STATE, WHY, CACHE and names: what a row says."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from clauditor.text import width
from clauditor.ui.views import cells, words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.fields import model_name, tool_name
from clauditor.ui.views.segments import plain
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.views.state import state_sentence
from clauditor.ui.views.timeline import attempt_words
from clauditor.ui.views.turns import turn_views
from ui.afternoon import NOW, agent, cache, judged, running, signal, snapshot, tools, verdict

SCENE = Scene(now=NOW, zone=UTC)


def view(**fields: Any) -> SessionView:
    return session_view(snapshot("5f0c2a11-aaaa", **fields))


@pytest.mark.parametrize(
    ("fields", "state", "why"),
    [
        (
            {"waiting_for": "approval", "tools": tools(running("Bash", 5))},
            "approve",
            "needs your ok: Bash",
        ),
        (
            {"waiting_for": "approval", "tools": tools(running("ExitPlanMode", 5))},
            "approve",
            "shows you its plan",
        ),
        ({"waiting_for": "question"}, "asks you", "asks a question"),
        ({"waiting_for": "approval", "state_evidence": "derived"}, "approve?", "needs your ok"),
        ({"waiting_for": "background", "state_evidence": "derived"}, "waits", "background work"),
        ({"waiting_for": "prompt"}, "your turn", "answer complete"),
        ({"waiting_for": "prompt", "stop_reason": "max_tokens"}, "your turn", "stopped: max_tokens"),
        ({"waiting_for": "background"}, "waits", "background work"),
        ({"waiting_for": None}, "waits", ""),
        ({"state": "thinking", "last_activity_at": NOW - 10}, "thinking", "call 12"),
        ({"state": "thinking", "last_activity_at": NOW - 11}, "thinking", "no bytes 0:11"),
        ({"state": "streaming", "last_activity_at": NOW - 10}, "writing", "61 tokens/s"),
        ({"state": "streaming", "last_activity_at": NOW - 174}, "writing", "no bytes 2:54"),
        ({"state": "streaming", "last_activity_at": None}, "writing", "61 tokens/s"),
        ({"state": "tool", "tools": tools(running("Bash", 3, "pytest"))}, "Bash", "pytest"),
        (
            {
                "state": "tool",
                "tools": tools(running("mcp__jira__search", 3), running("Read", 1), running("Read", 1)),
            },
            "jira.search",
            "jira.search, Read x2",
        ),
        ({"state": "tool", "tools": tools()}, "tool", "call 12"),
        ({"state": "retrying", "retry": {"attempt": 4, "status": 529}}, "retry 4", "529 overloaded"),
        (
            {"state": "retrying", "retry": {"attempt": 2, "status": 429, "limited_by": "plan"}},
            "retry 2",
            "429 plan limit",
        ),
        (
            {"state": "retrying", "retry": {"attempt": 2, "status": 429, "limited_by": "service"}},
            "retry 2",
            "429 service limit",
        ),
        ({"state": "retrying", "retry": {"attempt": 2, "status": 503}}, "retry 2", "503 server error"),
        ({"state": "retrying", "retry": {"attempt": 2, "status": 200}}, "retry 2", "answer broke off"),
        ({"state": "retrying", "retry": {"attempt": 2, "status": None}}, "retry 2", "connection broke"),
        ({"state": "retrying", "retry": None}, "retry", "connection broke"),
        ({"state": "stalled"}, "stalled", "call 12"),
        ({"state": "idle"}, "idle", "end_turn"),
        ({"state": "ended", "stop_reason": None}, "ended", ""),
        ({"state": "something new"}, "something new", "call 12"),
    ],
)
def test_state_and_why(fields: dict[str, Any], state: str, why: str) -> None:
    session = view(**fields)
    assert words.state_word(session) == state
    assert words.why(session, NOW, 19) == why


LOOP = signal("tool_loop", "act", "Bash: 6 times the same call.", "loop: same call x6", "Press Esc.")
FULL = signal("context_pressure", "watch", "It compacts soon.", "compacts ~4 calls", "/compact")
NOTE = signal("unobserved", "notice", "2 calls passed unseen.", "2 calls not seen", "Nothing to do.")
MUTED = {"muted_until": NOW + 600}


@pytest.mark.parametrize(
    ("fields", "room", "why"),
    [
        (judged(LOOP), 19, "loop: same call x6"),
        (judged(LOOP), 27, "Bash: 6 times the same call"),
        (judged(LOOP), 40, "Bash: 6 times the same call · Press Esc"),
        (judged(LOOP) | MUTED, 26, "muted: loop: same call x6"),
        (judged(LOOP) | MUTED, 40, "muted: Bash: 6 times the same call"),
        ({"verdict": verdict("ok", "all is well")}, 60, "answer complete"),
        ({"verdict": None, "signals": [NOTE]}, 60, "answer complete"),
        ({"agents": [agent(), agent("a", "Explore", state="tool")]}, 19, "1 agent at work"),
        # What the sidecar says nothing about is no reason, whatever the numbers are.
        ({"cache": cache(NOW - 1, rebuild_cost_usd=9.0)}, 60, "answer complete"),
        ({"model": {"requested": "claude-opus-5-5", "served": "claude-sonnet-5-5"}}, 60, "answer complete"),
    ],
)
def test_why_is_the_sidecars_reason_as_long_as_the_cells_allow(
    fields: dict[str, Any], room: int, why: str
) -> None:
    assert plain(cells.why(view(**fields), SCENE, room)) == why


@pytest.mark.parametrize(
    ("fields", "role"),
    [
        ({"state": "streaming", "last_activity_at": NOW - 174}, "plain"),
        ({"state": "stalled"}, "plain"),
        ({"waiting_for": "approval"}, "plain"),
        ({"state": "idle"}, "dim"),
        (judged(LOOP), "act"),
        (judged(FULL), "watch"),
        (judged(LOOP) | MUTED, "dim"),
    ],
)
def test_a_row_is_as_urgent_as_its_verdict_and_no_more(fields: dict[str, Any], role: str) -> None:
    session = view(**fields)
    assert words.urgency(session) == role
    assert words.sign(session) == {"act": "!!", "watch": "! "}.get(role, "  ")


def test_a_cell_has_the_colour_of_its_signal_only_while_that_holds() -> None:
    pressed, calm = view(**judged(FULL)), view(context={"tokens": 990_000, "used_ratio": 0.99})
    assert (cells.context_role(pressed, SCENE), cells.cache_role(pressed, SCENE)) == ("watch", "plain")
    assert cells.context_role(calm, SCENE) == "plain"
    assert cells.context_role(view(**judged(FULL) | MUTED), SCENE) == "plain"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"state": "streaming", "state_since": NOW - 200, "last_activity_at": NOW - 174},
            "writes its answer since 14:28:48; no bytes since 14:29:14",
        ),
        (
            {"state": "thinking", "state_since": NOW - 42, "last_activity_at": NOW - 42},
            "call 12 sent, no content yet since 14:31:26; no bytes since 14:31:26",
        ),
        (
            {"state": "streaming", "state_since": NOW - 200, "last_activity_at": NOW - 1},
            "writes its answer since 14:28:48; the call before ran at 61 tokens/s",
        ),
        (
            {"waiting_for": "approval", "state_evidence": "derived", "state_since": NOW - 130},
            "Claude seems to ask for your ok; waits since 14:29:58",
        ),
    ],
)
def test_the_pane_says_since_when_no_byte_came(fields: dict[str, Any], sentence: str) -> None:
    assert state_sentence(view(**fields), SCENE) == sentence


@pytest.mark.parametrize(
    ("state", "expires_in", "cell"),
    [
        ("waiting", 168, "2:48"),
        ("waiting", 3500, "58:20"),
        ("waiting", 0, "cold"),
        ("streaming", 20, "warm"),
        ("thinking", -5, "cold"),
        ("tool", 250, "warm"),
        ("tool", 90, "1:30"),
    ],
)
def test_cache_counts_down_only_while_nothing_refreshes_it(state: str, expires_in: float, cell: str) -> None:
    assert words.cache_cell(view(state=state, cache=cache(NOW + expires_in)), NOW) == cell


def test_cache_that_is_unknown_is_a_dash() -> None:
    assert words.cache_cell(view(cache={"state": None, "expires_at": None}), NOW) == "-"


@pytest.mark.parametrize("level", [None, "ok", "watch", "act"])
def test_sign_is_the_verdict_and_never_invented(level: str | None) -> None:
    session = view(state="stalled", verdict=None if level is None else verdict(level, "because"))
    assert words.sign(session) == {"act": "!!", "watch": "! "}.get(level or "", "  ")


@pytest.mark.parametrize(
    ("project", "label", "room", "shown"),
    [
        ("webshop", "fix login test", 23, ("webshop", "fix login test")),
        ("a-very-long-project-name", "fix login test", 23, ("a-very-lo…", "fix login t…")),
        ("a-very-long-project-name", "fix", 23, ("a-very-long-projec…", "fix")),
        (None, "fix login test", 23, ("", "fix login test")),
        ("webshop", None, 23, ("webshop", "5f0c2a11")),
        (None, None, 23, ("", "5f0c2a11")),
        ("日本語プロジェクト", "ログインのテストを直す", 23, ("日本語プ…", "ログインの…")),
    ],
)
def test_label_keeps_twelve_cells(
    project: str | None, label: str | None, room: int, shown: tuple[str, str]
) -> None:
    found = words.name_cells(view(project=project, label=label), room)
    assert width(found[0]) + 1 + width(found[1]) <= room
    assert found == shown


@pytest.mark.parametrize(
    ("model_id", "name"),
    [
        ("claude-opus-5-5", "opus-5.5"),
        ("claude-opus-5-5-20260901", "opus-5.5"),
        ("claude-3-5-sonnet-20241022", "sonnet-3.5"),
        ("claude-3-5-haiku-latest", "haiku-3.5"),
        ("claude-sonnet-4-20250514", "sonnet-4"),
        ("someone/else-7b", "someone/else-7b"),
        (None, None),
        (7, None),
    ],
)
def test_model_names(model_id: object, name: str | None) -> None:
    assert model_name(model_id) == name


def test_tool_names_of_servers() -> None:
    assert tool_name("mcp__jira__search__all") == "jira.search__all"
    assert tool_name("Bash") == "Bash"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"outcome": "ok", "status": 200}, "answered"),
        ({"status": 529, "error_type": "overloaded_error"}, "529 overloaded (overloaded_error)"),
        ({"status": 429, "limited_by": "plan"}, "429 plan limit"),
        ({"status": 429, "limited_by": "service"}, "429 service limit"),
        ({"status": 429}, "429 rate limited"),
        ({"status": 429, "limited_by": "\x1b[31m"}, "429 rate limited"),
    ],
)
def test_how_an_attempt_ended(fields: dict[str, Any], said: str) -> None:
    ((turn,),) = [turn_views([{"attempts": [{"outcome": "http"} | fields]}])]
    assert attempt_words(turn.attempts[0]) == said
