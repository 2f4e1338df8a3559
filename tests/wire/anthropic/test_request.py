"""Requests as Claude Code and others send them -> the events of their start."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from typing import Any

import pytest

from clauditor.model.events import AttemptFailed, AttemptStarted, Event, LabelFound, Malformed, ToolCalled
from support.messages_api import (
    HEADERS,
    SESSION,
    Player,
    assistant,
    body,
    message_delta,
    message_start,
    request,
    text,
    tool_block,
    tool_result,
    tool_use,
    user,
)

CACHED = {"cache_control": {"type": "ephemeral"}}
CACHED_HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
HISTORY = (user("fix it"), assistant(text("ok"), tool_use("toolu_1", "Bash", command="ls")))


def started(value: dict[str, Any] | None = None, **headers: str) -> AttemptStarted:
    named = {name.replace("_", "-"): header for name, header in headers.items()}
    return Player().ask(value, {**HEADERS, **named}).one(AttemptStarted)


def digest_of(*messages: Any, **more: Any) -> str:
    return started(request(*messages, **more)).messages_digest


def test_a_turn_of_the_main_thread_is_told_with_what_the_request_says() -> None:
    value = request(metadata={"user_id": json.dumps({"account_uuid": "0a-1", "session_id": "other"})})
    event = started(value, anthropic_beta="a,context-1m-2025-08-07", x_claude_code_prompt_id="p-1")
    assert event.session_id == SESSION
    assert (event.agent_id, event.request_class, event.identity) == ("main", "main", "header")
    assert (event.model, event.stream, event.message_count) == ("claude-opus-5-5", True, 1)
    assert (event.client, event.entrypoint) == ("claude-cli/2.1.330", "sdk-cli")
    assert (event.prompt_id, event.new_prompt, event.long_context) == ("p-1", True, True)
    assert event.request_bytes == len(body(value))
    assert event.account is not None
    assert "0a-1" not in event.account


def test_without_a_header_the_session_comes_from_metadata_or_is_derived() -> None:
    bare = {":method": "POST", ":path": "/v1/messages", "user-agent": "Anthropic/Python 2.12.0"}
    legacy = request(metadata={"user_id": f"user_{'a' * 64}_account__session_{SESSION}"})
    assert Player().ask(legacy, bare).one(AttemptStarted).identity == "metadata"
    first = Player().ask(request(user("hi")), bare).one(AttemptStarted)
    assert first.identity == "derived"
    longer = request(user(text("hi", **CACHED)), assistant("yes"), user("more"))
    assert Player().ask(longer, bare).one(AttemptStarted).session_id == first.session_id
    assert Player().ask(request(user("hello")), bare).one(AttemptStarted).session_id != first.session_id


def test_a_base_url_with_a_prefix_is_still_the_messages_api() -> None:
    assert started(None, **{":path": "/gateway/v1/messages?beta=true"}).session_id == SESSION


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("GET", "/v1/messages"),
        ("POST", "/v1/messages/batches"),
        ("POST", "/v1/messages/cache_touch"),
        ("POST", "/api/event_logging/batch"),
        ("POST", "/"),
    ],
)
def test_other_traffic_makes_no_event(method: str, path: str) -> None:
    player = Player().ask(None, {**HEADERS, ":method": method, ":path": path}).stream().close()
    assert player.events == []
    assert player.exchange.is_finished
    assert player.exchange.request_bytes > 0
    assert player.exchange.response_bytes > 0


def test_attempts_of_one_turn_have_equal_digests() -> None:
    messages = (user(text("fix it", **CACHED)),)
    first = digest_of(*messages)
    assert digest_of(*messages) == first
    assert digest_of(*messages, stream=False, max_tokens=64000) == first
    assert digest_of(*messages, model="claude-sonnet-5-5") == first
    assert digest_of(user("fix it")) == first
    assert digest_of(user(text("fix it"))) == first
    assert digest_of(user(text("fix it", **CACHED_HOUR))) == first


def test_cache_marks_inside_and_between_members_do_not_matter() -> None:
    plain = digest_of(*HISTORY, user(tool_result("toolu_1", "ok")))
    assert digest_of(*HISTORY, user([tool_result("toolu_1", "ok", **CACHED)])) == digest_of(
        *HISTORY, user([tool_result("toolu_1", "ok")])
    )
    assert digest_of(*HISTORY, user({**CACHED, **tool_result("toolu_1", "ok")})) == plain


def test_other_messages_have_other_digests() -> None:
    digests = {
        digest_of(user("fix it")),
        digest_of(user("fix it."), assistant("")),
        digest_of(user("fix it"), user("")),
        digest_of(user("fix"), user("it")),
        digest_of(assistant("fix it")),
        digest_of(*HISTORY),
        digest_of(user('fix "cache_control":{"type":"ephemeral"}')),
        digest_of(user('fix "cache_control":{"type":"other"}')),
    }
    assert len(digests) == 8


@pytest.mark.parametrize(
    ("more", "messages", "seconds"),
    [
        ({}, (user("x"),), None),
        ({}, (user(text("x", **CACHED)),), 300),
        ({"system": [text("s", **CACHED_HOUR)]}, (user(text("x", **CACHED)),), 3600),
        ({"tools": [{"name": "t", **CACHED}]}, (user("x"),), 300),
        ({}, (user('say "cache_control": {"ttl": "1h"}'),), None),
    ],
)
def test_the_asked_cache_lifetime_is_read(more: dict[str, Any], messages: Any, seconds: int | None) -> None:
    assert started(request(*messages, **more)).cache_ttl_seconds == seconds


def test_an_agent_is_linked_to_the_tool_call_that_started_it() -> None:
    prompt = "Search the café code.\n"
    arguments = json.dumps({"subagent_type": "Explore", "prompt": prompt})
    answer = message_start() + tool_block("toolu_9", "Agent", arguments) + message_delta("tool_use")
    call = Player().ask().stream(answer).one(ToolCalled)
    first = user(text("<system-reminder>x</system-reminder>"), text(prompt, **CACHED))
    agent = started(
        request(first), x_claude_code_agent_id="acc4f0a0d74f49324", x_claude_code_agent_type="Explore"
    )
    assert agent.agent_id == "acc4f0a0d74f49324"
    assert (agent.request_class, agent.agent_type, agent.new_prompt) == ("subagent", "Explore", False)
    assert call.prompt_digest is not None
    assert agent.first_text_digest == call.prompt_digest
    assert started(request(first)).first_text_digest is None


def test_a_nested_agent_names_its_parent_and_has_no_label() -> None:
    headers = {**HEADERS, "x-claude-code-agent-id": "a1", "x-claude-code-parent-agent-id": "a0"}
    player = Player().ask(request(user("look into it")), headers)
    assert player.one(AttemptStarted).parent_agent_id == "a0"
    assert player.of(LabelFound) == []


def test_agents_of_clients_without_ids_are_told_apart_by_prompt_and_first_text() -> None:
    def agent(first: str, *more: Any) -> AttemptStarted:
        system = [text("You are an agent for Claude Code, x")]
        return started(request(user(first), *more, system=system))

    one = agent("search")
    assert (one.request_class, one.session_id) == ("subagent", SESSION)
    assert one.agent_id != "main"
    assert agent("search", assistant("x"), user("y")).agent_id == one.agent_id
    assert agent("write").agent_id != one.agent_id


def test_a_continued_thread_makes_no_label_and_no_link() -> None:
    thread = {"type": "continue", "previous_message_id": "msg_0"}
    player = Player().ask(request(user("and now?"), thread=thread))
    assert player.one(AttemptStarted).new_prompt
    assert player.of(LabelFound) == []


def test_a_compressed_body_is_read() -> None:
    for data in (
        gzip.compress(body(request())),
        gzip.compress(body(request())[:50]) + gzip.compress(body(request())[50:]),
    ):
        player = Player().head({**HEADERS, "content-encoding": "gzip"}).send(data)
        assert player.one(AttemptStarted).request_bytes == len(data)


def test_runs_of_spaces_from_an_upload_ahead_are_no_trouble() -> None:
    player = Player().head()
    for piece in (b'{"model":"m","messages":[', b" ", b"   ", b'{"role":"user","content":"x"}]}'):
        player.send(piece, end=False)
        player.at += 10
    player.send(b"", end=True)
    assert player.one(AttemptStarted).at == player.at


def unreadable(data: bytes) -> list[Event]:
    player = Player().head().send(data).answer_head({":status": "400"}).answer(b"{}").close()
    assert player.exchange.partial == ["request_unreadable"]
    return player.events


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"messages":5}',
        b'{"messages":null}',
        b"\xff\xfe",
    ],
)
def test_what_never_parses_starts_nothing(data: bytes) -> None:
    (event,) = unreadable(data)
    assert isinstance(event, Malformed)
    assert (event.where, event.reason, event.session_id) == ("request", "unreadable", SESSION)


@pytest.mark.parametrize(
    "value",
    [
        {"messages": []},
        {"messages": [5, None, "x", {}, {"role": 5}, {"role": "user"}, {"role": "user", "content": 5}]},
        {"messages": [user([5, {"type": 7}, text("ok"), {"type": "text", "text": 5}, tool_result("t", 9)])]},
        {"messages": [user("x")], "model": 5, "system": 7, "tools": {}, "metadata": [], "stream": "yes"},
        {"messages": [user("x")], "tools": [{"name": 5}, 7], "thread": 1, "output_config": {"format": 3}},
        {
            "messages": [user([{"type": "tool_result", "tool_use_id": 5, "is_error": "maybe"}])],
            "safeguards": [1],
        },
        {"messages": [user("half \ud83d pair")]},
    ],
)
def test_members_of_the_wrong_type_count_as_absent(value: dict[str, Any]) -> None:
    raw = json.dumps({"stream": True, **value}).encode()
    player = Player().head().send(raw).stream()
    assert player.one(AttemptStarted).session_id == SESSION
    assert player.exchange.partial == []


def test_a_body_over_the_bound_is_marked_and_forgotten() -> None:
    from clauditor.wire.bounds import Limits

    player = Player(limits=Limits(request_bytes=1000)).head()
    player.send(body(request(user("x" * 5000))), chunks=[500] * 20).stream().close()
    assert player.exchange.partial == ["limit_expansion"]
    assert [type(event) for event in player.events] == [Malformed]
    assert len(player.exchange._request) == 0
    bomb = Player(limits=Limits(request_bytes=1000)).head({**HEADERS, "content-encoding": "gzip"})
    bomb.send(gzip.compress(b" " * 100_000)).close()
    assert bomb.exchange.partial == ["limit_expansion"]


@pytest.mark.parametrize("unit", [b"{},", b"1,", b"[],", b'{"role":"user","content":""},', b'"x",'])
def test_a_body_of_countless_tiny_items_costs_bounded_time_and_memory(unit: bytes) -> None:
    items = unit * (3_000_000 // len(unit)) + unit.rstrip(b",")
    message = b'{"role":"user","content":[' + items + b"]}"
    for data in (
        b'{"messages":[' + items + b"]}",
        b'{"messages":[' + message + b'],"tools":[' + items + b"]}",
    ):
        before = time.process_time()
        tracemalloc.start()
        player = Player().head().send(data).close()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert time.process_time() - before < 5
        assert peak < 120_000_000
        assert len(player.of(AttemptStarted)) == len(player.of(AttemptFailed))
