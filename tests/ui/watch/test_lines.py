"""Lines of news: their columns, how they give way, and that nothing foreign leaves its place."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.text import width as cells
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.incident import incident_of
from clauditor.ui.views.news import News
from clauditor.ui.views.segments import plain
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.watch.lines import news_lines, opening
from clauditor.ui.watch.moments import Moments
from clauditor.ui.watch.output import JsonLines, Output, TextLines
from clauditor.ui.watch.paint import has_colours, painted
from ui import afternoon
from ui.hostile import HOSTILE, is_harmless

SESSION = session_view(afternoon.snapshot("5f0c2a11-aaaa", project="webshop", label="fix login test"))
LOOP = News(
    at=afternoon.NOW,
    session=SESSION,
    session_id=SESSION.session_id,
    text="Bash (make): 6 times the same call. Next: Press Esc in its terminal.",
    role="act",
    sign="!!",
    is_signal=True,
)


def shown(width: int | None, *, named: bool = True, news: News = LOOP) -> list[str]:
    return [plain(line) for line in news_lines(news, UTC, width, named=named)]


def test_a_line_says_when_how_pressing_whose_and_what() -> None:
    assert shown(80) == [
        "14:32:08 !! webshop fix login test Bash (make): 6 times the same call. Next:",
        "                                   Press Esc in its terminal.",
    ]


def test_where_nothing_limits_it_a_line_is_whole() -> None:
    (line,) = shown(None)
    assert line.startswith("14:32:08 !! webshop fix login test ")
    assert line.endswith("Press Esc in its terminal.")


def test_one_session_needs_no_name() -> None:
    assert shown(100, named=False) == [
        "14:32:08 !! Bash (make): 6 times the same call. Next: Press Esc in its terminal."
    ]


def test_on_narrow_screens_first_the_column_gives_way_then_the_clock() -> None:
    assert shown(48)[0] == "14:32:08 !! webshop: fix login test: Bash"
    assert shown(30)[0] == "!! webshop: fix login test:"


@pytest.mark.parametrize("width", [20, 24, 33, 40, 48, 80, 200])
@pytest.mark.parametrize("named", [True, False])
def test_no_line_is_wider_than_the_screen(width: int, named: bool) -> None:
    for news in (LOOP, News(at=None, session=None, session_id="", text="x" * 500)):
        assert all(cells(line) <= width for line in shown(width, named=named, news=news))


def test_colours_only_where_they_are_wanted_and_always_switched_off_again() -> None:
    (line,) = news_lines(LOOP, UTC, 200, named=False)
    assert painted(line, colours=False) == plain(line)
    coloured = painted(line, colours=True)
    assert "\x1b[1;31m!! \x1b[0m" in coloured
    assert coloured.count("\x1b[0m") * 2 == coloured.count("\x1b[")
    assert has_colours({"TERM": "xterm"}, is_terminal=True)
    assert not has_colours({"TERM": "xterm", "NO_COLOR": "1"}, is_terminal=True)
    assert not has_colours({"TERM": "dumb"}, is_terminal=True)
    assert not has_colours({"TERM": "xterm"}, is_terminal=False)


def test_the_opening_tells_how_things_stand_most_pressing_last() -> None:
    sessions = [session_view(shot) for shot in afternoon.with_signals()]
    scene = Scene(now=afternoon.NOW, zone=UTC)
    told = list(opening(sessions, scene, signals_only=False))
    states = [news.session.session_id for news in told if not news.is_signal and news.session]
    attention = {session.session_id: session.attention for session in sessions}
    assert states == sorted(states, key=lambda key: (attention[key], key))
    assert not {session.session_id for session in sessions if session.state == "idle"} & set(states)
    assert all(news.is_signal for news in opening(sessions, scene, signals_only=True))


# -- outputs -------------------------------------------------------------------------------------------


def text_lines(out: io.StringIO, *, width: int | None = None, **options: Any) -> TextLines:
    return TextLines(out, width=lambda: width, zone=lambda _: UTC, **options)


def play(output: Output, *frames: tuple[str, Mapping[str, Any]]) -> None:
    moments = Moments()
    moments.take("snapshot", {"sessions": [afternoon.snapshot("a", project="webshop")], "full": True})
    output.begin(moments.sessions.values(), afternoon.NOW)
    for name, data in frames:
        for moment in moments.take(name, data):
            output.tell(moment)


def happened(type_: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    return "event", {"type": type_, "at": afternoon.NOW, "session_id": "a", "agent_id": "main"} | fields


CALL = happened("ToolCalled", tool_use_id="t", name="Bash", target="make")
RAISED = happened("SignalRaised", name="tool_loop", severity="act", summary="Loop.", next_step="Esc.")
FLUSH = ("snapshot", {"sessions": [afternoon.snapshot("a", project="webshop")]})


def test_only_signals_if_nothing_else_is_wanted() -> None:
    out = io.StringIO()
    play(text_lines(out, signals_only=True, opens=False), CALL, RAISED, FLUSH)
    assert [line.split(None, 1)[1] for line in out.getvalue().splitlines()] == [
        "!! webshop a                        Loop. Next: Esc."
    ]


def test_json_lines_have_a_version_and_the_project_but_no_label() -> None:
    out = io.StringIO()
    usage = {"output": 5}
    before = afternoon.snapshot("a", project="webshop", label="my secret plan")
    done = before | {"agents": [afternoon.agent(tokens={"output": 905}, cost_usd=2.5)]}
    play(
        JsonLines(out),
        ("snapshot", {"sessions": [before | {"agents": [afternoon.agent(cost_usd=2.25)]}]}),
        happened("AttemptFinished", usage=usage),
        ("snapshot", {"sessions": [done]}),
    )
    (line,) = out.getvalue().splitlines()
    told = json.loads(line)
    assert (told["schema_version"], told["type"], told["project"]) == (1, "AttemptFinished", "webshop")
    assert told["cost_usd"] == 0.25
    assert "secret" not in line


def test_json_lines_may_be_signals_only_and_tell_what_was_missed() -> None:
    out = io.StringIO()
    output = JsonLines(out, signals_only=True)
    play(output, CALL, RAISED, FLUSH)
    output.missed(1.0, 2.0)
    assert [json.loads(line)["type"] for line in out.getvalue().splitlines()] == [
        "SignalRaised",
        "EventsMissed",
    ]


def test_trouble_that_sessions_share_is_said_once_and_when_it_is_over() -> None:
    out = io.StringIO()
    output = text_lines(out, opens=False)
    incident = incident_of({"incident": afternoon.INCIDENT})
    assert incident is not None
    output.begin([], afternoon.NOW)
    output.incident(None, incident, afternoon.NOW)
    output.incident(incident, incident, afternoon.NOW)
    output.incident(incident, None, afternoon.NOW)
    first, last = out.getvalue().splitlines()
    assert "!! all sessions" in first
    assert "over: " in last


def test_a_new_day_is_marked() -> None:
    out = io.StringIO()
    midnight = datetime(2026, 11, 23, 0, 0, 1, tzinfo=UTC).timestamp()
    play(
        text_lines(out, opens=False), CALL, FLUSH, happened("SessionEnded", at=midnight, reason="hook"), FLUSH
    )
    assert out.getvalue().splitlines()[1] == "── 2026-11-23 ──"


# -- hostile -------------------------------------------------------------------------------------------

TYPES = (
    "AttemptStarted",
    "FirstToken",
    "AttemptFinished",
    "AttemptFailed",
    "ToolCalled",
    "ToolReturned",
    "Compacted",
    "HookSeen",
    "SignalRaised",
    "SignalCleared",
    "GapFound",
    "SessionEnded",
    "ClockJumped",
    "SideCallFinished",
    "LimitsSeen",
)
FIELDS = (
    "name",
    "target",
    "tool_use_id",
    "agent_id",
    "exchange_id",
    "model",
    "stop_reason",
    "summary",
    "next_step",
    "reason",
    "severity",
    "kind",
    "status",
    "error_type",
    "outcome",
    "trigger",
    "usage",
    "tool_name",
    "hook",
    "at",
    "raised_at",
    "seconds",
    "duration_seconds",
    "new_prompt",
    "complete",
    "retry_after_seconds",
    "unseen_bytes",
)
_text = st.text(max_size=30) | st.sampled_from([text.replace("\ud800", "") for text in HOSTILE])
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | _text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_text, inner, max_size=2),
    max_leaves=4,
)
_event = st.tuples(
    st.sampled_from(TYPES), st.dictionaries(st.sampled_from(FIELDS), _text | _json, max_size=8)
)
_SHOT_KEYS = (
    "label",
    "project",
    "branch",
    "client",
    "verdict",
    "agents",
    "signals",
    "tools",
    "cache",
    "retry",
    "state",
)


@given(
    events=st.lists(_event, max_size=4),
    fields=st.dictionaries(st.sampled_from(_SHOT_KEYS), _text | _json, max_size=6),
    width=st.none() | st.integers(min_value=20, max_value=220),
    named=st.booleans(),
)
def test_nothing_foreign_reaches_a_line(
    events: list[tuple[str, dict[str, Any]]], fields: dict[str, Any], width: int | None, named: bool
) -> None:
    out, as_json = io.StringIO(), io.StringIO()
    frames: list[tuple[str, dict[str, Any]]] = [happened(type_, **given) for type_, given in events]
    shot = afternoon.with_signals()[0] | {"session_id": "a"} | fields
    frames += [("snapshot", {"sessions": [shot]}), *frames, ("snapshot", {"removed": ["a"]})]
    text = TextLines(
        out, width=lambda: width, zone=lambda at: datetime.fromtimestamp(at, UTC).tzinfo or UTC, named=named
    )
    for output in (text, JsonLines(as_json)):
        play(output, *frames)
    for line in out.getvalue().removesuffix("\n").split("\n"):
        assert is_harmless(line), line
        assert width is None or cells(line) <= width
    for line in as_json.getvalue().removesuffix("\n").split("\n"):
        assert line.isascii()
        assert line.isprintable()


@pytest.mark.parametrize("poison", HOSTILE)
@pytest.mark.parametrize("type_", TYPES)
def test_every_field_of_every_event_may_be_hostile(poison: str, type_: str) -> None:
    out = io.StringIO()
    event = happened(type_, **dict.fromkeys(set(FIELDS) - {"at"}, poison))
    shot = afternoon.snapshot("a", label=poison, project=poison, client=poison, branch=poison)
    play(text_lines(out, width=60), event, ("snapshot", {"sessions": [shot]}))
    assert all(is_harmless(line) and cells(line) <= 60 for line in out.getvalue().split("\n"))
