"""The request body of the Messages API, taken apart without decoding what nobody asks for.

Messages keep their content as raw JSON: of a 10 MB conversation only the end and the beginning are
decoded. Every part is read tolerantly: a member of the wrong type counts as absent.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import Final, Generic, TypeVar

import msgspec

from clauditor.wire import jsontext
from clauditor.wire.jsontext import RawJson, Reach, unheeded

M = TypeVar("M")
T = TypeVar("T")

_NOTHING: Final = msgspec.Raw(b"null")
# Items of a list cost many times their length. Required members keep real lists short; a list that lacks
# them is only taken apart item by item while it is no longer than this (tools of a session: 40 KB).
_TOLERANT_BYTES: Final = 2 * 1024 * 1024
_SLICE_BYTES: Final = 1024 * 1024
_MAX_ITEMS: Final = 100_000  # as many messages as the API takes
_ESCAPED_LETTER: Final = re.compile(rb"\\u00[67]")  # nobody writes "\u0072ole" but to hide how many there are


class Message(msgspec.Struct):
    role: str
    content: msgspec.Raw


class Block(msgspec.Struct):
    """A content block of a request; `text`, `content` and `input` stay raw JSON."""

    type: str
    text: msgspec.Raw = _NOTHING
    id: str = ""
    name: str = ""
    tool_use_id: str = ""
    is_error: bool | None = None
    content: msgspec.Raw = _NOTHING
    input: msgspec.Raw = _NOTHING


class Tool(msgspec.Struct):
    name: str
    type: str = ""


class Body(msgspec.Struct, Generic[M]):
    """Top-level members, each raw but the messages, so that one of the wrong type spoils no other."""

    messages: M
    model: msgspec.Raw = _NOTHING
    system: msgspec.Raw = _NOTHING
    tools: msgspec.Raw = _NOTHING
    metadata: msgspec.Raw = _NOTHING
    max_tokens: msgspec.Raw = _NOTHING
    safeguards: msgspec.Raw = _NOTHING
    output_config: msgspec.Raw = _NOTHING
    stream: msgspec.Raw = _NOTHING
    thread: msgspec.Raw = _NOTHING
    thinking: msgspec.Raw = _NOTHING
    speed: msgspec.Raw = _NOTHING


ReadBody = Body[list[Message]]

_BODY: Final = msgspec.json.Decoder(Body[list[Message]])
_LOOSE_BODY: Final = msgspec.json.Decoder(Body[msgspec.Raw])
_RAW_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_MESSAGE: Final = msgspec.json.Decoder(Message)
_BLOCK: Final = msgspec.json.Decoder(Block)
_BLOCKS: Final = msgspec.json.Decoder(list[Block])
_TOOL: Final = msgspec.json.Decoder(Tool)
_TOOLS: Final = msgspec.json.Decoder(list[Tool])


def read_body(data: bytes | bytearray, reach: Reach = unheeded) -> Generator[None, None, ReadBody | None]:
    """The body, or None if it is not a JSON object with a list of messages, of which the API takes 100,000.

    Takes 1 ms a megabyte, in two slices.
    """
    if _holds_too_many(data, b'"role"'):
        reach("items")
        return None
    yield
    body = jsontext.decode(_BODY, data, reach)
    if body is not None:
        return body
    loose = jsontext.decode(_LOOSE_BODY, data, reach)
    messages = None if loose is None else _each(_MESSAGE, loose.messages, reach)
    if loose is None or messages is None:
        return None
    members = {name: getattr(loose, name) for name in Body.__struct_fields__ if name != "messages"}
    return Body(messages=messages, **members)


def blocks(content: msgspec.Raw, reach: Reach = unheeded) -> list[Block]:
    """The blocks of a message's or tool result's content; a plain string is one text block."""
    if bytes(memoryview(content)[:1]) == b'"':
        return [Block(type="text", text=content)]
    return _list(_BLOCKS, _BLOCK, content, reach, key=b'"type"')


def tools(body: ReadBody, reach: Reach = unheeded) -> list[Tool]:
    """Name and type of each tool; schemas are skipped."""
    return _list(_TOOLS, _TOOL, body.tools, reach, key=b'"name"')


def tool_definitions(body: ReadBody) -> list[tuple[str, msgspec.Raw]]:
    """Name and raw definition of each tool."""
    raws = _raw_list(body.tools) or []
    return [(tool.name, raw) for raw in raws if (tool := jsontext.decode(_TOOL, raw)) is not None]


def raw_blocks(content: msgspec.Raw) -> list[msgspec.Raw]:
    """The raw blocks of a content; a plain string is one text block."""
    if bytes(memoryview(content)[:1]) == b'"':
        return [msgspec.Raw(b'{"type":"text","text":' + bytes(content) + b"}")]
    return _raw_list(content) or []


def system_texts(body: ReadBody, reach: Reach = unheeded) -> list[str]:
    """The texts of the system prompt, one for each block."""
    return list(texts(blocks(body.system, reach)))


def texts(of_blocks: Iterable[Block]) -> Iterator[str]:
    """The text of each text block."""
    for block in of_blocks:
        if block.type == "text":
            text = jsontext.text(block.text)
            if text is not None:
                yield text


def _list(
    whole: msgspec.json.Decoder[list[T]],
    one: msgspec.json.Decoder[T],
    raw: msgspec.Raw,
    reach: Reach,
    *,
    key: bytes,
) -> list[T]:
    """The items, each of which has the key; those of another shape are left out where that is cheap."""
    if _holds_too_many(raw, key):
        reach("items")
        return []
    found = jsontext.decode(whole, raw, reach)
    return (_each(one, raw, reach) or []) if found is None else found


def _holds_too_many(raw: RawJson, key: bytes) -> bool:
    """Whether so many items with the key may be in there that they would take much memory; short data never has."""
    if memoryview(raw).nbytes <= _TOLERANT_BYTES:
        return False
    view = memoryview(raw)
    pieces = range(0, view.nbytes, _SLICE_BYTES)  # a copy of all of it would be large
    # Each is an object; a single byte is counted ten times as fast as a key.
    if sum(bytes(view[start : start + _SLICE_BYTES]).count(b"{") for start in pieces) <= _MAX_ITEMS:
        return False
    return any(_are_many(found.finditer(view)) for found in (re.compile(re.escape(key)), _ESCAPED_LETTER))


def _are_many(found: Iterator[re.Match[bytes]]) -> bool:
    return sum(1 for _ in islice(found, _MAX_ITEMS + 1)) > _MAX_ITEMS


def _each(decoder: msgspec.json.Decoder[T], raw_list: msgspec.Raw, reach: Reach = unheeded) -> list[T] | None:
    items = _raw_list(raw_list, reach)
    if items is None:
        return None
    return [item for item in (jsontext.decode(decoder, raw) for raw in items) if item is not None]


def _raw_list(raw: msgspec.Raw, reach: Reach = unheeded) -> list[msgspec.Raw] | None:
    """The items as they stand, unless they are many or long: each takes 50 bytes, were it a single digit."""
    data = bytes(raw) if memoryview(raw).nbytes <= _TOLERANT_BYTES else b""
    if not data or data.count(b",") > _MAX_ITEMS:
        reach("items")
        return None
    return jsontext.decode(_RAW_LIST, data)
