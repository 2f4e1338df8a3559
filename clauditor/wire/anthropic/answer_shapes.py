"""The shapes in which parts of an answer are decoded: those members that are read, and nothing else of it."""

from __future__ import annotations

from typing import Any, Final

import msgspec


class Delta(msgspec.Struct):
    text: str = ""
    thinking: str = ""
    partial_json: str = ""


class BlockDelta(msgspec.Struct):
    delta: Delta
    index: int = 0
    replayed: bool = False


class ContentBlock(msgspec.Struct):
    type: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"null")


class Whole(msgspec.Struct):
    """An answer that was not streamed: its parts become objects one by one, and only those that are asked for."""

    type: str = ""
    id: Any = None
    model: Any = None
    stop_reason: Any = None
    content: msgspec.Raw = msgspec.Raw(b"null")
    usage: msgspec.Raw = msgspec.Raw(b"null")
    diagnostics: msgspec.Raw = msgspec.Raw(b"null")
    context_management: msgspec.Raw = msgspec.Raw(b"null")


class BlockStart(msgspec.Struct):
    content_block: ContentBlock
    index: int = 0


class BlockStop(msgspec.Struct):
    index: int = 0
    incomplete: bool = False


BLOCK_DELTA: Final = msgspec.json.Decoder(BlockDelta)
BLOCK_START: Final = msgspec.json.Decoder(BlockStart)
BLOCK_STOP: Final = msgspec.json.Decoder(BlockStop)
WHOLE: Final = msgspec.json.Decoder(Whole)


class ToolBlock:
    """A tool_use block under way; its input is forgotten once it is longer than the bound."""

    __slots__ = ("given", "input_bytes", "name", "streamed", "tool_use_id")

    def __init__(self, tool_use_id: str, name: str, given: bytes) -> None:
        self.tool_use_id = tool_use_id
        self.name = name
        self.given = given  # at its start: `{}` as a rule
        self.streamed: bytearray | None = bytearray()
        self.input_bytes = 0

    def add(self, part: bytes, most: int) -> bool:
        """Take the next part; False: it is too long to be kept."""
        self.input_bytes += len(part)
        if self.input_bytes > most:
            self.streamed = None
        elif self.streamed is not None:
            self.streamed += part
        return self.streamed is not None
