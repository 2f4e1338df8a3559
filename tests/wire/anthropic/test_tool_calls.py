"""Tool calls of an answer are told when their block stops, with a digest and one safe word."""

from __future__ import annotations

from clauditor.model.events import ToolCalled
from clauditor.wire.bounds import Limits
from support.messages_api import (
    JSON_HEAD,
    MESSAGE_STOP,
    Player,
    body,
    message_delta,
    message_start,
    request,
    sse,
    text,
    tool_block,
    tool_use,
)


def called(*parts: bytes, limits: Limits | None = None) -> list[ToolCalled]:
    player = Player(limits=limits).ask()
    return player.stream(message_start() + b"".join(parts) + message_delta("tool_use") + MESSAGE_STOP).of(
        ToolCalled
    )


def test_a_tool_call_is_told_when_its_block_stops() -> None:
    player = Player().ask().stream(message_start(), end=False)
    block = tool_block("toolu_1", "Bash", '{"command": "cd /x', ' && npm test"}')
    stop = sse("content_block_stop", index=1)
    player.answer(block.removesuffix(stop), end=False)
    assert player.of(ToolCalled) == []
    player.answer(stop, end=False)
    event = player.one(ToolCalled)
    assert (event.tool_use_id, event.name, event.target) == ("toolu_1", "Bash", "npm")
    assert event.input_bytes == len('{"command": "cd /x && npm test"}')
    assert len(event.input_digest) == 32


def test_parallel_tools_keep_their_inputs_apart() -> None:
    def part(index: int, value: str) -> bytes:
        return sse(
            "content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": value}
        )

    starts = b"".join(
        sse("content_block_start", index=i, content_block={"type": "tool_use", "id": f"t{i}", "name": "Read"})
        for i in (0, 1)
    )
    mixed = part(0, '{"file_path":') + part(1, '{"file_path":"/b') + part(0, '"/a"}') + part(1, '"}')
    stops = sse("content_block_stop", index=1) + sse("content_block_stop", index=0)
    assert [(call.tool_use_id, call.target) for call in called(starts, mixed, stops)] == [
        ("t1", "b"),
        ("t0", "a"),
    ]


def test_equal_input_has_an_equal_digest_and_other_input_another() -> None:
    one, same, spaced, other, renamed = (
        called(tool_block("t", name, value))[0].input_digest
        for name, value in [
            ("Read", '{"a":1,"b":2}'),
            ("Read", '{"a":1,"b":2}'),
            ("Read", '{"b": 2, "a": 1}'),
            ("Read", '{"a":1,"b":3}'),
            ("Edit", '{"a":1,"b":2}'),
        ]
    )
    assert one == same == spaced
    assert len({one, other, renamed}) == 3


def test_a_tool_without_input_is_called_too() -> None:
    (event,) = called(tool_block("t", "ListAgents"))
    assert (event.target, event.input_bytes) == (None, 0)
    assert event.input_digest


def test_input_over_the_bound_is_counted_but_not_kept() -> None:
    parts = ['{"file_path":"/a","content":"', *["x" * 100] * 50, '"}']
    (event,) = called(tool_block("t", "Write", *parts), limits=Limits(tool_input_bytes=1000))
    assert (event.target, event.input_digest) == (None, "")
    assert event.input_bytes == sum(map(len, parts))


def test_tools_that_run_at_the_server_or_never_run_are_no_calls() -> None:
    server = sse(
        "content_block_start",
        index=0,
        content_block={"type": "server_tool_use", "id": "s", "name": "web_search"},
    )
    assert called(server, sse("content_block_stop", index=0)) == []
    assert called(tool_block("t", "Bash", '{"command"', incomplete=True)) == []
    assert called(tool_block("t", "Bash", '{"comm')) == []


def test_the_number_of_tool_calls_and_open_blocks_is_bounded() -> None:
    blocks = [tool_block(f"t{i}", "Read", "{}") for i in range(20)]
    assert len(called(*blocks, limits=Limits(tool_calls=5))) == 5
    starts = [
        sse("content_block_start", index=i, content_block={"type": "tool_use", "id": "t", "name": "R"})
        for i in range(20)
    ]
    stops = [sse("content_block_stop", index=i) for i in range(20)]
    assert len(called(*starts, *stops, limits=Limits(open_blocks=3))) == 3


def test_a_call_in_a_whole_answer_is_the_same_call() -> None:
    content = [text("Hi"), tool_use("toolu_1", "Read", file_path="/a/b.py")]
    message = {"type": "message", "model": "m", "content": content, "usage": {"output_tokens": 1}}
    player = Player().ask(request(stream=False)).answer_head(JSON_HEAD).answer(body(message))
    (streamed,) = called(tool_block("toolu_1", "Read", '{"file_path": "/a/b.py"}'))
    whole = player.one(ToolCalled)
    assert (whole.target, whole.input_digest) == (streamed.target, streamed.input_digest)
