"""Whatever the bytes and wherever they are cut: one end for each start, and the same events."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from clauditor.model.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    Compacted,
    InputLimit,
    Malformed,
    SideCallFinished,
)
from clauditor.wire.bounds import Limits
from support.messages_api import (
    HEADERS,
    JSON_HEAD,
    MESSAGE_STOP,
    PING,
    STREAM_HEAD,
    Player,
    assistant,
    body,
    message_delta,
    message_start,
    request,
    sse,
    text,
    text_block,
    tool_block,
    tool_result,
    tool_use,
    user,
)

SMALL = Limits(
    request_bytes=4000,
    response_bytes=4000,
    response_bytes_per_call=3000,
    json_answer_bytes=1000,
    error_bytes=500,
    line_bytes=400,
    tool_input_bytes=50,
)
STREAM = (
    message_start(cache_read_input_tokens=5)
    + PING
    + text_block("Hé", "llo")
    + tool_block("toolu_1", "Bash", '{"command":', '"npm test"}')
    + tool_block("toolu_2", "Agent", '{"prompt":"look","subagent_type":"Explore"}', index=2)
    + message_delta("tool_use")
    + MESSAGE_STOP
)
WHOLE = body(
    {
        "type": "message",
        "model": "m",
        "content": [tool_use("toolu_1", "Read", file_path="/a")],
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }
)
REQUESTS = [
    request(),
    request(user("a"), assistant(tool_use("t", "Bash", command="x")), user([tool_result("t", "ok")])),
    request(user("quota"), max_tokens=1),
    request(user(text("CRITICAL: Respond with TEXT ONLY. Do NOT call any tools."))),
]
MANY = 4 * settings.get_profile("clauditor").max_examples
CUTS = st.lists(st.integers(1, 60), max_size=40)
FRAGMENTS = st.sampled_from(
    [
        message_start(),
        PING,
        text_block("x"),
        tool_block("t", "Bash", '{"command":"ls"}'),
        message_delta(),
        MESSAGE_STOP,
        sse("error", error={"type": "overloaded_error"}),
        sse("content_block_stop", index=1),
        b"event: message_delta\ndata: {\n\n",
        b"event: message_start\ndata: [1]\n\n",
        b"data: x\n\n",
        b"\xff\xfe",
        b"\r\n",
    ]
)
HEADS: list[dict[str, str]] = [
    STREAM_HEAD,
    JSON_HEAD,
    {":status": "529", "retry-after": "1"},
    {":status": "413"},
    {":status": "200"},
    {},
    {**STREAM_HEAD, "content-encoding": "gzip"},
    {**STREAM_HEAD, "content-encoding": "br"},
    {**JSON_HEAD, "content-encoding": "zstd, gzip"},
]


def check_ends(player: Player) -> None:
    starts = len(player.of(AttemptStarted))
    ends = len(player.of(AttemptFinished)) + len(player.of(AttemptFailed))
    others = len(player.of(SideCallFinished)) + len(player.of(Compacted))
    assert starts == ends <= 1
    assert starts + others <= 1
    assert len(player.of(Malformed)) <= Limits().malformed + len(get_args(InputLimit))
    if starts:
        kinds = [type(event) for event in player.events if not isinstance(event, Malformed)]
        assert kinds[0] is AttemptStarted
        assert kinds[-1] in (AttemptFinished, AttemptFailed)


@given(
    value=st.sampled_from(REQUESTS),
    head=st.sampled_from([STREAM_HEAD, JSON_HEAD, {":status": "500"}]),
    packed=st.booleans(),
    request_cuts=CUTS,
    answer_cuts=CUTS,
)
def test_the_events_are_the_same_for_every_chunking(
    value: dict[str, Any], head: dict[str, str], packed: bool, request_cuts: list[int], answer_cuts: list[int]
) -> None:
    def play(cuts: list[int], more: list[int]) -> Player:
        data = WHOLE if head is JSON_HEAD else STREAM
        answer = {**head, "content-encoding": "gzip"} if packed else head
        player = Player().head().send(body(value), chunks=cuts).answer_head(answer)
        return player.answer(gzip.compress(data, mtime=0) if packed else data, chunks=more).close()

    assert play(request_cuts, answer_cuts).events == play([], []).events


@given(value=st.sampled_from(REQUESTS), cut=st.integers(0, len(STREAM)), end=st.booleans(), chunks=CUTS)
def test_one_end_for_a_start_wherever_the_answer_is_cut(
    value: dict[str, Any], cut: int, end: bool, chunks: list[int]
) -> None:
    player = Player().ask(value).answer_head(STREAM_HEAD).answer(STREAM[:cut], end=end, chunks=chunks).close()
    check_ends(player)
    expected = len(player.of(AttemptStarted)) + len(player.of(SideCallFinished)) + len(player.of(Compacted))
    assert expected == 1


def test_every_single_cut_of_a_stream_gives_one_end_and_no_lost_token() -> None:
    whole = Player().ask().stream(STREAM).close().events
    for cut in range(len(STREAM) + 1):
        player = Player().ask().answer_head(STREAM_HEAD)
        player.answer(STREAM[:cut], end=False).answer(STREAM[cut:]).close()
        assert player.events == whole


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.binary(max_size=200), st.booleans()),
            st.tuples(st.just("send"), st.sampled_from([body(value) for value in REQUESTS]), st.booleans()),
            st.tuples(st.just("head"), st.sampled_from(HEADS), st.booleans()),
            st.tuples(st.just("answer"), st.binary(max_size=200), st.booleans()),
            st.tuples(st.just("answer"), FRAGMENTS, st.booleans()),
            st.tuples(st.just("answer"), st.lists(FRAGMENTS, max_size=8).map(b"".join), st.booleans()),
            st.tuples(st.just("trailers"), st.none(), st.none()),
            st.tuples(st.just("close"), st.none(), st.none()),
        ),
        max_size=20,
    ),
    small=st.booleans(),
    encoding=st.sampled_from(["", "gzip", "br", "zstd", "deflate", "what"]),
)
@settings(max_examples=MANY)
def test_one_end_for_a_start_in_any_order_of_any_bytes(steps: list[Any], small: bool, encoding: str) -> None:
    player = Player(limits=SMALL if small else None).head({**HEADERS, "content-encoding": encoding})
    for step, value, flag in steps:
        player.at += 0.1
        if step == "send":
            player.send(value, end=flag)
        elif step == "head":
            player.answer_head(value, end=flag)
        elif step == "answer":
            player.answer(value, end=flag)
        elif step == "trailers":
            player.events += player.exchange.response_trailers(at=player.at)
        else:
            player.close()
    check_ends(player.close())


@given(
    data=st.binary(max_size=400),
    headers=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=40)), max_size=6),
)
def test_any_bytes_and_headers_are_survived(data: bytes, headers: list[tuple[str, str]]) -> None:
    player = Player()
    pairs = [(":method", "POST"), (":path", "/v1/messages"), *headers]
    player.events += player.exchange.request_headers(pairs, end=False, at=1.0)
    player.send(data)
    player.events += player.exchange.response_headers([(":status", "200"), *headers], end=False, at=1.0)
    check_ends(player.answer(data).close())


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
REQUEST_KEYS = [
    "model", "messages", "system", "tools", "metadata", "max_tokens", "safeguards", "output_config", "stream", "thread",
]  # fmt: skip
EVENT_KEYS = [
    "message", "content_block", "index", "delta", "usage", "replayed", "incomplete", "error", "type", "iterations",
]  # fmt: skip


@given(members=st.dictionaries(st.sampled_from(REQUEST_KEYS), JSON_VALUES, max_size=6))
def test_a_request_of_any_members_starts_at_most_once(members: dict[str, Any]) -> None:
    check_ends(Player().head().send(body({"messages": [user("x")], **members})).stream(STREAM).close())


@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "message_start",
                    "content_block_start",
                    "content_block_delta",
                    "content_block_stop",
                    "message_delta",
                    "message_stop",
                    "error",
                ]
            ),
            st.dictionaries(st.sampled_from(EVENT_KEYS), JSON_VALUES, max_size=4),
        ),
        max_size=8,
    )
)
def test_a_stream_of_any_members_ends_exactly_once(events: list[tuple[str, dict[str, Any]]]) -> None:
    stream = b"".join(f"event: {name}\ndata: ".encode() + body(data) + b"\n\n" for name, data in events)
    check_ends(Player().ask().stream(stream).close())


def test_time_flows_through_the_events_unchanged() -> None:
    early, late = Player().ask().stream(STREAM).close(), Player()
    late.at = 5000.0
    late.ask().stream(STREAM).close()
    assert [replace(event, at=0.0) for event in early.events] == [
        replace(event, at=0.0) for event in late.events
    ]
