"""Answers, streamed or whole -> what was answered."""

from __future__ import annotations

from typing import Any

import pytest

from clauditor.model.events import (
    AttemptFailed,
    AttemptFinished,
    FirstToken,
    Malformed,
    Progress,
    ResponseStarted,
    ToolCalled,
)
from clauditor.model.usage import Usage
from clauditor.wire.bounds import Limits
from support.messages_api import (
    ANSWER,
    JSON_HEAD,
    MESSAGE_STOP,
    PING,
    STREAM_HEAD,
    Player,
    body,
    message_delta,
    message_start,
    request,
    sse,
    text,
    text_block,
    tool_block,
    tool_use,
)


def finished(*parts: bytes) -> AttemptFinished:
    return Player().ask().stream(b"".join(parts) + MESSAGE_STOP).one(AttemptFinished)


def test_a_stream_is_told_from_its_head_to_its_end() -> None:
    player = Player().ask()
    player.at += 1
    player.answer_head(STREAM_HEAD)
    player.at += 1
    player.answer(ANSWER, end=False)
    assert [type(event) for event in player.events[-3:]] == [ResponseStarted, FirstToken, AttemptFinished]
    started, first, end = player.events[-3:]
    assert isinstance(started, ResponseStarted)
    assert isinstance(first, FirstToken)
    assert isinstance(end, AttemptFinished)
    assert (started.at, started.status, started.request_id) == (1001.0, 200, "req_1")
    assert (first.at, first.model, first.usage) == (1002.0, "claude-opus-5-5", Usage(input=10, output=1))
    assert end.usage == Usage(input=10, output=42)
    assert (end.stop_reason, end.message_id, end.request_id) == ("end_turn", "msg_1", "req_1")
    assert player.answer(b"").close().events[-1] is end


def test_the_first_token_waits_for_content() -> None:
    player = Player().ask().stream(message_start() + PING + PING, end=False)
    assert player.of(FirstToken) == []
    player.answer(sse("content_block_start", index=0, content_block={"type": "thinking"}), end=False)
    assert len(player.of(FirstToken)) == 1


def test_the_last_cumulative_usage_wins() -> None:
    several = message_delta(None, input_tokens=0) + message_delta("end_turn", cache_creation_input_tokens=120)
    start = message_start(cache_creation_input_tokens=100, cache_creation={"ephemeral_1h_input_tokens": 100})
    assert finished(start, several).usage == Usage(input=10, output=42, cache_write_1h=100, cache_write_5m=20)


def test_every_part_of_usage_is_read() -> None:
    start = message_start(
        cache_read_input_tokens=500,
        cache_creation={"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 8},
        service_tier="priority",
        inference_geo="us",
        speed="fast",
    )
    delta = message_delta(
        output_tokens_details={"thinking_tokens": 30},
        server_tool_use={"web_search_requests": 2, "web_fetch_requests": 1},
        iterations=[
            {"type": "message", "input_tokens": 10, "output_tokens": 42, "cache_read_input_tokens": 500},
            {"type": "advisor_message", "model": "claude-fable-5-2", "input_tokens": 5, "output_tokens": 6},
            {"type": "something_new", "input_tokens": 1},
            "nonsense",
        ],
    )
    assert finished(start, delta).usage == Usage(
        input=10,
        output=42,
        cache_read=500,
        cache_write_5m=7,
        cache_write_1h=8,
        thinking=30,
        web_searches=2,
        speed="fast",
        geography="us",
        service_tier="priority",
        context_tokens=510,
        extra=(("claude-fable-5-2", Usage(input=5, output=6)),),
    )


def test_a_server_side_fallback_names_the_model_that_served() -> None:
    delta = message_delta(
        input_tokens=0,
        iterations=[
            {"type": "message", "model": "claude-fable-5-2", "input_tokens": 100},
            {"type": "fallback_message", "model": "claude-opus-5-5", "input_tokens": 90, "output_tokens": 42},
        ],
    )
    event = finished(message_start("claude-fable-5-2"), delta)
    assert event.usage is not None
    assert (event.model, event.usage.input, event.usage.output) == ("claude-opus-5-5", 90, 42)


@pytest.mark.parametrize(
    "nonsense", [None, 5, [], {"output_tokens": "x"}, {"output_tokens": -1}, {"iterations": 5}]
)
def test_nonsense_in_usage_says_nothing(nonsense: Any) -> None:
    delta = sse("message_delta", delta={"stop_reason": "end_turn"}, usage=nonsense)
    assert finished(message_start(), delta).usage == Usage(input=10, output=1)


def test_an_answer_without_usage_is_complete_and_malformed() -> None:
    player = Player().ask().stream(sse("message_start", message={"id": "m", "model": "x"}) + MESSAGE_STOP)
    assert player.one(AttemptFinished).usage is None
    assert player.one(Malformed).where == "usage"


def test_replayed_deltas_are_neither_counted_nor_a_first_token() -> None:
    delta = {"type": "text_delta", "text": "old"}
    player = Player().ask().stream(message_start(), end=False)
    player.at += 1
    player.answer(sse("content_block_delta", index=0, delta=delta, replayed=True), end=False)
    assert player.of(FirstToken) == []
    (progress,) = player.progress()
    assert isinstance(progress, Progress)
    assert progress.output_bytes == 0


def test_unknown_events_blocks_and_deltas_are_skipped() -> None:
    stream = (
        message_start()
        + sse("brand_new", x=1)
        + sse("content_block_start", index=0, content_block={"type": "brand_new", "x": [1]})
        + sse("content_block_delta", index=0, delta={"type": "brand_new", "value": {"deep": 1}})
        + sse("content_block_stop", index=0)
        + b"data: no name\n\n: comment\n\n"
        + message_delta()
        + MESSAGE_STOP
    )
    player = Player().ask().stream(stream)
    assert player.of(AttemptFinished)
    assert player.of(Malformed) == []


@pytest.mark.parametrize(
    "event",
    [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
    ],
)
@pytest.mark.parametrize(
    "data", [b"{", b"[]", b"5", b"\xff", b'{"index":"x","delta":5,"content_block":7,"message":1}']
)
def test_one_broken_event_does_not_break_the_answer(event: str, data: bytes) -> None:
    broken = f"event: {event}\ndata: ".encode() + data + b"\n\n"
    player = (
        Player().ask().stream(message_start() + broken + text_block("x") + message_delta() + MESSAGE_STOP)
    )
    assert player.finished_usage.output == 42


def test_malformed_events_are_bounded() -> None:
    player = Player(limits=Limits(malformed=3)).ask()
    player.stream(b"event: message_delta\ndata: {\n\n" * 100 + ANSWER)
    assert len(player.of(Malformed)) == 3
    assert player.of(AttemptFinished)


def test_a_stop_without_a_start_is_no_answer() -> None:
    assert Player().ask().stream(MESSAGE_STOP).close().one(AttemptFailed).kind == "stream"


def test_progress_is_told_when_asked_for_if_bytes_came_since_and_pings_count() -> None:
    player = Player().ask().stream(message_start(), end=False)
    began_at = player.at
    assert [event.at for event in player.progress()] == [began_at]
    assert player.progress() == []
    player.at += 7
    player.answer(PING, end=False)
    player.at += 7
    assert [event.at for event in player.progress()] == [began_at + 7]
    player.answer(text_block("é"), end=False)
    (event,) = player.progress()
    assert isinstance(event, Progress)
    assert event.output_bytes == 2
    player.answer(message_delta() + MESSAGE_STOP)
    assert player.progress() == []


def test_an_answer_that_is_not_streamed_is_read_at_its_end() -> None:
    message = {
        "type": "message",
        "id": "msg_2",
        "model": "claude-sonnet-5-5",
        "content": [text("Hi"), tool_use("toolu_1", "Read", file_path="/a/b.py"), 5, {"type": "thinking"}],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 5},
    }
    player = Player().ask(request(stream=False)).answer_head(JSON_HEAD).answer(body(message), chunks=[7] * 9)
    assert (player.one(ToolCalled).target, player.one(ToolCalled).tool_use_id) == ("b.py", "toolu_1")
    event = player.one(AttemptFinished)
    assert (event.model, event.stop_reason, event.message_id) == ("claude-sonnet-5-5", "tool_use", "msg_2")
    assert event.usage == Usage(input=3, output=4, cache_read=5)
    assert player.of(FirstToken) == []


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"type":"message"', b'{"type":"list"}', b"plain"])
def test_an_unreadable_whole_answer_is_a_failure(data: bytes) -> None:
    player = Player().ask(request(stream=False)).answer_head(JSON_HEAD).answer(data).close()
    assert player.one(AttemptFailed).kind == "stream"


def test_a_whole_answer_over_the_bound_is_lost_by_us_and_not_by_the_upstream() -> None:
    player = Player(limits=Limits(json_answer_bytes=100)).ask().answer_head(JSON_HEAD).answer(b"x" * 500)
    assert player.one(AttemptFailed).kind == "proxy"
    assert player.exchange.partial == ["limit_answer"]


def test_the_content_type_decides_over_what_was_asked() -> None:
    asked_whole = Player().ask(request(stream=False)).answer_head(STREAM_HEAD).answer(ANSWER)
    assert asked_whole.of(AttemptFinished)
    unnamed = Player().ask(request(stream=True)).answer_head({":status": "200"}).answer(ANSWER)
    assert unnamed.of(AttemptFinished)


def test_text_of_the_answer_is_in_no_event() -> None:
    player = (
        Player()
        .ask()
        .stream(
            message_start()
            + text_block("private words")
            + tool_block("t", "Bash", '{"command":"x private words"}')
        )
    )
    assert "private" not in repr(player.close().events)
