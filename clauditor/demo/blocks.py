"""The content blocks of an answer in the API's form: as a stream begins them, in pieces, and whole.

Source: Anthropic Messages API, content blocks and deltas (python SDK 2.12.0, 2026-11).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from clauditor.demo.counting import count_text
from clauditor.demo.reply import Block, ServerToolUse, Text, Thinking, ToolUse, Whole
from clauditor.demo.seeded import stable_id

_ID_PREFIXES: Final[Mapping[type[Block], str]] = {ToolUse: "toolu_", ServerToolUse: "srvtoolu_"}


def block_id(block: Block, origin: tuple[object, ...], message_id: str, index: int) -> str:
    """The id of a tool call, the signature of thinking; empty for what has neither."""
    match block:
        case ToolUse() | ServerToolUse():
            return block.id or stable_id(_ID_PREFIXES[type(block)], *origin, index)
        case Thinking():
            return stable_id("Er", message_id, index, length=40)
        case Text() | Whole():
            return ""


def begun(block: Block, own_id: str) -> dict[str, Any]:
    """The block as `content_block_start` shows it: empty, but for one that comes in one piece."""
    match block:
        case Text():
            return {"type": "text", "text": ""}
        case Thinking():
            return {"type": "thinking", "thinking": "", "signature": ""}
        case ToolUse():
            return {"type": "tool_use", "id": own_id, "name": block.name, "input": {}}
        case ServerToolUse():
            return {"type": "server_tool_use", "id": own_id, "name": block.name, "input": {}}
        case Whole():
            return dict(block.content)


def whole(block: Block, own_id: str) -> dict[str, Any]:
    """The block as it stands in an answer that is not streamed."""
    match block:
        case Text():
            return {"type": "text", "text": block.text}
        case Thinking():
            return {"type": "thinking", "thinking": block.text, "signature": own_id}
        case ToolUse() | ServerToolUse():
            return {**begun(block, own_id), "input": dict(block.input)}
        case Whole():
            return begun(block, own_id)


def deltas(block: Block, own_id: str, characters: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """What streams between the block's start and stop: the piece of content, and the delta that carries it."""
    content = written(block)
    pieces = [content[start : start + characters] for start in range(0, len(content), characters)]
    match block:
        case Text():
            yield from ((piece, {"type": "text_delta", "text": piece}) for piece in pieces)
        case Thinking():
            yield from ((piece, {"type": "thinking_delta", "thinking": piece}) for piece in pieces)
            yield "", {"type": "signature_delta", "signature": own_id}
        case ToolUse() | ServerToolUse():  # the vendor opens every tool input with an empty piece
            yield from (
                (piece, {"type": "input_json_delta", "partial_json": piece}) for piece in ("", *pieces)
            )
        case Whole():
            return


def written(block: Block) -> str:
    """The content of a block as the model wrote it."""
    match block:
        case Text() | Thinking():
            return block.text
        case ToolUse() | ServerToolUse():
            return json.dumps(dict(block.input), ensure_ascii=False)
        case Whole():
            return json.dumps(dict(block.content), ensure_ascii=False)


def tokens_of(block: Block, seed: int) -> int:
    return count_text(written(block), seed)
