"""Turns, compactions and side calls are told apart by hints first, then by documented markers."""

from __future__ import annotations

from typing import Any

import pytest

from clauditor.model.events import AttemptStarted, Compacted, SideCallFinished, ToolReturned
from clauditor.wire.anthropic.request import SIDE_CALLS
from support.messages_api import (
    HEADERS,
    JSON_HEAD,
    Player,
    assistant,
    body,
    request,
    text,
    tool_result,
    tool_use,
    user,
)

AGENT_TOOL = {"tools": [{"name": "Agent", "input_schema": {}}, {"name": "Bash", "input_schema": {}}]}
WEB_SEARCH = {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}]}
COMPACT = (
    "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\nYour task is to create a detailed summary"
)
MONITOR = "You are a security monitor for autonomous AI coding agents."


def schema(*names: str) -> dict[str, Any]:
    properties = {name: {"type": "string"} for name in names}
    return {"format": {"type": "json_schema", "schema": {"type": "object", "properties": properties}}}


def play(value: dict[str, Any], **hints: str) -> Player:
    headers = {**HEADERS, **{f"x-claude-{name.replace('_', '-')}": hint for name, hint in hints.items()}}
    return Player().ask(value, headers).stream().close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("suggestion", request(assistant("done"), user("[SUGGESTION MODE: x] y"), **AGENT_TOOL)),
        (
            "side_question",
            request(
                assistant("x"),
                user("<system-reminder>This is a side question from the user. y"),
                **AGENT_TOOL,
            ),
        ),
        ("recap", request(user("The user stepped away and is coming back. Recap in under 40 words"))),
        (
            "progress_summary",
            request(
                user("Describe your most recent action in 3-5 words using present tense (-ing)."),
                **AGENT_TOOL,
            ),
        ),
        (
            "web_search",
            request(system=[text("a"), text("You run a web search for another Claude model")], **WEB_SEARCH),
        ),
        ("web_fetch", request(user("\nWeb page content:\n---\nx"), system=[text("a")])),
        ("prompt_hook", request(system=[text("x"), text("You are evaluating a hook in Claude Code")])),
        (
            "prompt_hook",
            request(
                system=[text("a stop-condition hook")], output_config=schema("ok", "reason", "impossible")
            ),
        ),
        ("title", request(user("<session>x</session>"), system=[text("You are naming a coding session.")])),
        ("title", request(system=[text("Say if isNewTopic is true")])),
        ("title", request(output_config=schema("isNewTopic", "title"))),
        ("rename", request(user("Generate a short kebab-case name for this"), output_config=schema("name"))),
        ("rename", request(system="Generate a short kebab-case name")),
        ("classifier", request(system=[text("x"), text(MONITOR)], stream=False)),
        ("file_paths", request(system="Extract any file paths that this command reads or modifies")),
        ("quota_probe", request(user("quota"), max_tokens=1)),
        ("key_check", request(user("test"), max_tokens=1)),
    ],
)
def test_a_marker_makes_a_side_call(name: str, value: dict[str, Any]) -> None:
    player = play(value)
    assert player.one(SideCallFinished).name == name
    assert name in SIDE_CALLS
    assert player.of(AttemptStarted) == []


@pytest.mark.parametrize(
    "value",
    [
        request(user("quota")),
        request(user("quota"), max_tokens=1, system="You are x"),
        request(user("test"), assistant("t"), max_tokens=1),
        request(**WEB_SEARCH),
        request(system="You run a web search for another Claude model", **AGENT_TOOL),
        request(user("Why does [SUGGESTION MODE: x] appear?"), **AGENT_TOOL),
        request(user("Web page content:\n---"), **AGENT_TOOL),
        request(user("[SUGGESTION MODE: old"), assistant("x"), user("go on")),
        request(user([tool_result("t", "[SUGGESTION MODE: quoted in a file")])),
        request(user("Explain: Your task is to create a detailed summary of the conversation so far")),
        request(system=[text(MONITOR)], stream=True),
        request(system="You are evaluating a hook in Claude Code", **AGENT_TOOL),
        request(output_config=schema("title")),
    ],
)
def test_without_its_full_marker_a_call_is_a_turn(value: dict[str, Any]) -> None:
    assert play(value).one(AttemptStarted).request_class == "main"


def test_hints_win_over_markers() -> None:
    suggestion = request(user("[SUGGESTION MODE: x]"), **AGENT_TOOL)
    assert play(suggestion, code_request_class="main").one(AttemptStarted).request_class == "main"
    assert play(suggestion, code_request_class="auxiliary").one(SideCallFinished).name == "suggestion"
    assert play(suggestion, code_request_class="something-new").one(SideCallFinished).name == "suggestion"


@pytest.mark.parametrize(
    ("hints", "name"),
    [
        ({"code_request_class": "auxiliary"}, "auxiliary"),
        ({"code_request_class": "side_reply"}, "side_reply"),
        ({"code_request_class": "auxiliary", "code_auxiliary_type": "cowork_memory_save"}, "memory_save"),
        ({"code_request_class": "auxiliary", "1p_request_class": "followup-generation"}, "suggestion"),
    ],
)
def test_a_hinted_side_call_without_a_marker_has_the_name_of_its_hint(
    hints: dict[str, str], name: str
) -> None:
    assert play(request(), **hints).one(SideCallFinished).name == name


@pytest.mark.parametrize(
    ("hints", "request_class"),
    [
        ({"code_request_class": "main"}, "main"),
        ({"code_request_class": "subagent", "code_agent_id": "a1"}, "subagent"),
        ({"code_agent_id": "a1"}, "subagent"),
        ({"code_request_class": "subagent", "code_agent_id": "a1", "code_agent_type": "fork"}, "fork"),
        ({"code_request_class": "workflow", "code_agent_id": "a1"}, "workflow"),
        ({"code_agent_id": "a1", "code_agent_type": "workflow-subagent"}, "workflow"),
    ],
)
def test_agents_are_told_by_their_headers(hints: dict[str, str], request_class: str) -> None:
    assert play(request(**AGENT_TOOL), **hints).one(AttemptStarted).request_class == request_class


def test_agents_are_told_by_their_prompts_where_headers_are_missing() -> None:
    billing = text("x-anthropic-billing-header: cc_version=2; cc_is_subagent=true;")
    for system in ([billing], [text("x"), text("You are a file search specialist for x")]):
        assert play(request(system=system)).one(AttemptStarted).request_class == "subagent"
    boilerplate = request(
        user("x"), assistant("y"), user(text("<fork-boilerplate>z")), assistant("y"), user("on")
    )
    assert play(boilerplate, code_agent_id="a1").one(AttemptStarted).request_class == "fork"
    assert play(boilerplate).one(AttemptStarted).request_class == "main"


@pytest.mark.parametrize(
    ("value", "hints", "trigger"),
    [
        (request(assistant(text("x")), user(COMPACT), **AGENT_TOOL), {}, None),
        (request(assistant(text("x")), user(text("a"), text(COMPACT))), {}, None),
        (request(user("Your task is to create a detailed summary of the conversation so far, x")), {}, None),
        (request(), {"code_compaction": "auto", "code_request_class": "compaction"}, "auto"),
        (request(), {"code_compaction": "manual"}, "manual"),
        (request(), {"code_request_class": "compaction"}, None),
        (request(), {"code_compaction": "surprising"}, None),
    ],
)
def test_a_compaction_is_neither_turn_nor_side_call(
    value: dict[str, Any], hints: dict[str, str], trigger: str | None
) -> None:
    player = play(value, **hints)
    event = player.one(Compacted)
    assert (event.trigger, event.complete, event.status) == (trigger, True, 200)
    assert event.usage is not None
    assert event.usage.output == 42
    assert player.of(AttemptStarted) == []
    assert player.of(SideCallFinished) == []


def test_tool_results_that_a_compaction_carries_are_not_lost() -> None:
    value = request(assistant(tool_use("t1", "Bash")), user([tool_result("t1", "x"), text(COMPACT)]))
    assert play(value).one(ToolReturned).tool_use_id == "t1"


def test_counting_tokens_is_a_side_call_without_usage() -> None:
    headers = {**HEADERS, ":path": "/v1/messages/count_tokens?beta=true"}
    player = Player().ask({"model": "m", "messages": [user("x")]}, headers)
    event = player.answer_head(JSON_HEAD).answer(body({"input_tokens": 17})).close().one(SideCallFinished)
    assert (event.name, event.usage, event.complete, event.status) == ("count_tokens", None, True, 200)


def test_a_side_call_that_fails_says_so() -> None:
    value = request(user("quota"), max_tokens=1)
    failed = Player().ask(value).answer_head({":status": "429"}).answer(b"{}").one(SideCallFinished)
    assert (failed.complete, failed.status, failed.usage) == (False, 429, None)
    cut = Player().ask(value).close().one(SideCallFinished)
    assert (cut.complete, cut.status) == (False, None)


def test_a_side_call_has_one_event_only_and_keeps_its_time_and_session() -> None:
    player = Player().ask(request(user("quota"), max_tokens=1))
    player.at += 3
    (event,) = player.stream().close().events
    assert isinstance(event, SideCallFinished)
    assert (event.started_at, event.at, event.identity) == (1000.0, 1003.0, "header")
    assert (event.client, event.model) == ("claude-cli/2.1.330", "claude-opus-5-5")
