"""Token counts of the pretend vendor: a fixed function of the request's content and the seed.

About four bytes make a token. A text may weigh more than it is long: `[[tokens:400000]]` anywhere in a
block counts for 400,000 tokens, so that a play can fill a context window without sending megabytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

_WEIGHT = re.compile(rb"\[\[tokens:(\d{1,7})\]\]")
_BYTES_PER_TOKEN: Final = 4
_IMAGE_TOKENS: Final = 1_600
_BILLING_LINE: Final = "x-anthropic-billing-header:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """The prompt up to and including one block: its key, its size, and the lifetime asked for there.

    Two requests share a prefix exactly when its keys are equal. `ttl_seconds` is None where the block is
    no cache breakpoint.
    """

    key: bytes
    tokens: int
    ttl_seconds: int | None


def prefixes(body: dict[str, Any], seed: int) -> list[Prefix]:
    """The prompt's prefixes in the vendor's order: tools, system, messages.

    What changes the answer without being a block is mixed in where the vendor's rules say it invalidates:
    the speed before the system blocks; tool choice, thinking and effort before the messages.
    """
    chain = hashlib.blake2b(digest_size=16, key=seed.to_bytes(8, "big", signed=True))
    found: list[Prefix] = []
    tokens = 0
    for level, blocks in _levels(body):
        chain.update(level)
        for block in blocks:
            content = _canonical(block)
            chain.update(content)
            key = chain.digest()
            tokens += _count(content, key, block)
            found.append(Prefix(key=key, tokens=tokens, ttl_seconds=_ttl(block)))
    return found


def count_text(text: str, seed: int) -> int:
    """Tokens of a piece of the answer: at least one, weights included."""
    content = text.encode(errors="replace")
    return max(1, len(content) // _BYTES_PER_TOKEN + seed % 2) + _weight(content)


def _levels(body: dict[str, Any]) -> Iterator[tuple[bytes, Iterator[Any]]]:
    yield b"tools", iter(_list(body.get("tools")))
    yield _canonical(["system", body.get("speed")]), _system(body.get("system"))
    output = body.get("output_config")
    effort = output.get("effort") if isinstance(output, dict) else None
    yield _canonical(["messages", body.get("tool_choice"), body.get("thinking"), effort]), _messages(body)


def _system(system: Any) -> Iterator[Any]:
    """The system blocks; the client's billing line is for the vendor's books and no part of the prompt."""
    for block in [{"type": "text", "text": system}] if isinstance(system, str) else _list(system):
        if not (isinstance(block, dict) and str(block.get("text", "")).startswith(_BILLING_LINE)):
            yield block


def _messages(body: dict[str, Any]) -> Iterator[Any]:
    for message in _list(body.get("messages")):
        if not isinstance(message, dict):
            continue
        content = message.get("content")
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else _list(content):
            if isinstance(block, dict):
                yield {"role": message.get("role"), **block}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _canonical(block: Any) -> bytes:
    if isinstance(block, dict) and "cache_control" in block:
        block = {key: value for key, value in block.items() if key != "cache_control"}
    return json.dumps(block, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _count(content: bytes, key: bytes, block: Any) -> int:
    if isinstance(block, dict) and block.get("type") == "image":
        return _IMAGE_TOKENS
    return len(content) // _BYTES_PER_TOKEN + 1 + key[0] % 2 + _weight(content)


def _weight(content: bytes) -> int:
    return sum(int(match) for match in _WEIGHT.findall(content))


def _ttl(block: Any) -> int | None:
    control = block.get("cache_control") if isinstance(block, dict) else None
    if not isinstance(control, dict):
        return None
    return 3600 if control.get("ttl") == "1h" else 300
