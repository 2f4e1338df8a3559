"""Whatever goes beyond a limit is counted by the limit's own name, once an exchange, and marks it unless only a detail is lost."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from clauditor.model.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    InputLimit,
    Malformed,
    ToolCalled,
)
from clauditor.wire.bounds import COUNTED_ONLY, KIB, MIB, Limits
from support.messages_api import (
    HEADERS,
    JSON_HEAD,
    MESSAGE_STOP,
    STREAM_HEAD,
    Player,
    body,
    message_delta,
    message_start,
    request,
    sse,
    text_block,
    tool_block,
    tool_result,
    tool_use,
    user,
)

DEEP = b"[" * 100_000 + b"]" * 100_000
DIGITS = b"9" * 5000
END = text_block("x") + message_delta() + MESSAGE_STOP


def streamed(*parts: bytes, limits: Limits | None = None) -> Player:
    return Player(limits=limits).ask().stream(message_start() + b"".join(parts) + END).close()


def flooded(flood: bytes, limits: Limits) -> Player:
    player = Player(limits=limits).ask().stream(message_start() + flood, end=False)
    return player.answer(END).close()


def whole(**more: Any) -> Player:
    message = {"type": "message", "model": "m", "usage": {"output_tokens": 2}, **more}
    return Player().ask().answer_head(JSON_HEAD).answer(body(message)).close()


def event(name: bytes, data: bytes) -> bytes:
    return b"event: " + name + b"\ndata: " + data + b"\n\n"


def asked(data: bytes, headers: dict[str, str] | None = None) -> Player:
    return Player().head(headers).send(data).stream().close()


def blocks(raw: bytes) -> bytes:
    return b'{"model":"m","stream":true,"messages":[{"role":"user","content":' + raw + b"}]}"


def open_tools(count: int) -> bytes:
    return b"".join(
        sse("content_block_start", index=n, content_block={"type": "tool_use", "id": f"t{n}", "name": "Bash"})
        for n in range(count)
    )


TOOLS = b"".join(tool_block(f"t{n}", "Bash", "{}", index=n) for n in range(1001))
SMALL = Limits(free_lines=50, bytes_per_line=1000)


def deep_answer() -> Player:
    data = b'{"type":"message","model":"m","content":' + DEEP + b"}"
    return Player().ask().answer_head(JSON_HEAD).answer(data).close()


REACHED: dict[InputLimit, list[Callable[[], Player]]] = {
    "expansion": [
        lambda: asked(gzip.compress(b" " * 50 * MIB), {**HEADERS, "content-encoding": "gzip"}),
        lambda: (
            Player()
            .ask()
            .answer_head({**STREAM_HEAD, "content-encoding": "gzip"})
            .answer(gzip.compress(b"\0" * 50 * MIB))
        ),
    ],
    "line": [lambda: streamed(event(b"ping", b"x" * 1000), limits=Limits(line_bytes=500))],
    "events": [
        lambda: flooded(b"data: a\n\n" * 100, SMALL),
        lambda: flooded(event(b"message_delta", b"{") * 9, Limits(unreadable_events=8)),
    ],
    "answer": [lambda: whole(content=[{"type": "text", "text": "x" * 9 * MIB}])],
    "early_answer": [
        lambda: Player().head().stream(b"x" * 2 * MIB, end=False).send(body(request())).close(),
    ],
    "nesting": [
        lambda: streamed(event(b"content_block_delta", b'{"x":' + DEEP + b"}")),
        lambda: streamed(event(b"message_delta", DEEP)),
        deep_answer,
        lambda: asked(b'{"messages":' + DEEP + b"}"),
    ],
    "number": [
        lambda: streamed(event(b"content_block_delta", b'{"delta":{},"index":' + DIGITS + b"}")),
        lambda: streamed(event(b"message_delta", b'{"usage":{"output_tokens":' + DIGITS + b"}}")),
        lambda: streamed(event(b"message_delta", b'{"usage":{"output_tokens":1e999}}')),
    ],
    "value": [lambda: streamed(sse("message_delta", usage={"output_tokens": 5}, x="y" * 2 * MIB))],
    "items": [
        lambda: asked(b'{"messages":[' + b",".join([b'{"role":"","content":0}'] * 100_001) + b"]}"),
        lambda: asked(b'{"messages":[' + b",".join([b'{"\\u0072ole":"","content":0}'] * 100_001) + b"]}"),
        lambda: asked(blocks(b"[" + b",".join([b'{"type":"0123456789"}'] * 100_001) + b"]")),
        lambda: asked(blocks(b"[" + b",".join([b"1"] * 200_000) + b"]")),
    ],
    "blocks": [lambda: streamed(open_tools(65))],
    "tools": [
        lambda: streamed(TOOLS),
        lambda: whole(content=[tool_use(f"t{n}", "Bash") for n in range(1001)]),
        lambda: asked(body(request(user([tool_result(f"t{n}", "ok") for n in range(1001)])))),
    ],
    "tool_input": [
        lambda: streamed(tool_block("t", "Write", '{"content":"' + "x" * 300 * KIB + '"}')),
        lambda: streamed(
            sse(
                "content_block_start",
                index=0,
                content_block={"type": "tool_use", "id": "t", "name": "Write", "input": {"x": "y" * 300 * KIB}},
            ),
            sse("content_block_stop", index=0),
        ),
    ],
    "headers": [
        lambda: asked(body(request()), {**HEADERS, "anthropic-beta": "x" * 20_000}),
        lambda: (
            Player()
            .ask()
            .answer_head({**STREAM_HEAD, **{f"anthropic-{n}": "x" for n in range(300)}})
            .answer(message_start() + END)
        ),
    ],
    "models": [
        lambda: (
            Player()
            .head({":method": "GET", ":path": "/v1/models"}, end=True)
            .answer_head(JSON_HEAD)
            .answer(body({"data": [{"id": f"m{n}", "max_input_tokens": 200_000} for n in range(1001)]}))
        ),
    ],
}  # fmt: skip


CASES = [(limit, play) for limit, plays in REACHED.items() for play in plays]


def test_every_limit_is_tried() -> None:
    assert set(REACHED) == set(get_args(InputLimit))


@pytest.mark.parametrize(("limit", "play"), CASES, ids=[f"{limit}-{n}" for n, (limit, _) in enumerate(CASES)])
def test_a_limit_that_is_met_is_counted_once_and_marked(
    limit: InputLimit, play: Callable[[], Player]
) -> None:
    player = play()
    told = [(event.where, event.reason) for event in player.of(Malformed)]
    assert told.count(("limit", limit)) == 1
    assert (f"limit_{limit}" in player.exchange.partial) == (limit not in COUNTED_ONLY)
    starts, ends = player.of(AttemptStarted), [*player.of(AttemptFinished), *player.of(AttemptFailed)]
    assert len(starts) == len(ends) <= 1


def test_what_is_below_every_limit_is_whole() -> None:
    player = streamed(tool_block("t", "Bash", "{}"), b"data: a\n\n" * 1000)
    assert player.exchange.partial == []
    assert player.of(Malformed) == []
    assert player.one(ToolCalled).name == "Bash"


def test_a_flood_of_events_ends_the_reading_and_not_the_answer() -> None:
    flood = b"data: a\n\n" * 300_000
    player = Player().ask().answer_head({**STREAM_HEAD, "content-encoding": "gzip"})
    player.answer(gzip.compress(message_start() + flood), end=False)
    read = player.exchange._reply._sse.lines  # type: ignore[union-attr]
    assert read < 600_000
    player.answer(b"", end=False).close()
    assert "limit_events" in player.exchange.partial
    assert player.one(AttemptFailed).kind == "aborted"


def test_an_input_at_the_start_of_a_block_is_taken_and_a_long_one_forgotten() -> None:
    def start(**given: str) -> bytes:
        block = {"type": "tool_use", "id": "t", "name": "Read", "input": given}
        return sse("content_block_start", index=0, content_block=block) + sse("content_block_stop", index=0)

    assert streamed(start(file_path="/a/b.py")).one(ToolCalled).target == "b.py"
    long = streamed(start(file_path="/a/b.py", more="x" * 300 * KIB)).one(ToolCalled)
    assert (long.target, long.input_digest) == (None, "")


def test_the_page_lists_every_limit() -> None:
    page = (Path(__file__).parents[2] / "docs" / "wire.md").read_text(encoding="utf-8")
    table = page.split("## Limits of what is read")[1].split("\n## ")[0]
    rows = [row.split("|") for row in table.splitlines() if row.startswith("| `")]
    assert {row[1].strip(" `") for row in rows} == set(get_args(InputLimit))
    assert {row[1].strip(" `") for row in rows if row[4].strip() == "no"} == COUNTED_ONLY
