"""Digests of a request: which attempts are one turn, and what of the prompt cache can still be used.

The API caches by prefix, in the order tools, system, messages (page "Prompt caching", 2026); its marks
(`cache_control`) move from request to request and change nothing. All digests are keyed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator
from itertools import islice
from typing import Final

import msgspec

from clauditor import text
from clauditor.model.request_shape import MESSAGE_DIGEST_BYTES, RequestShape
from clauditor.wire import jsontext
from clauditor.wire.anthropic.body import ReadBody, raw_blocks, tool_definitions
from clauditor.wire.identity import Secrets, digest, identifier

MAX_TOOLS: Final = 1000
MAX_BETAS: Final = 64
MAX_SYSTEM_BLOCKS: Final = 64  # Claude Code sends four
MAX_MARKS: Final = 10_000  # of one content, quoted ones included; the API takes four in a request

_SLICE_BYTES: Final = 1024 * 1024  # digested between two pauses: 1 to 3 ms
_MESSAGE_COST_BYTES: Final = 500  # a message takes as long as so many bytes of it
_CACHE_CONTROL: Final = re.compile(
    rb',\s*"cache_control"\s*:\s*(\{[^{}]*\}|null)|"cache_control"\s*:\s*(\{[^{}]*\}|null)\s*,?'
)
_MARK: Final = re.compile(rb'"cache_control"')
_ONE_HOUR: Final = re.compile(rb'"ttl"\s*:\s*"1h"')
_BILLING: Final = b"x-anthropic-billing-header:"  # a block of the system prompt that counts requests


class Shaping:
    """Digests one request; `run` is to be exhausted before the other members are read.

    `messages_digest` is equal for a request, its identical retry, and its resend in another mode or to
    another model. `cache_ttl_seconds` is the longest lifetime asked for (None: no cache mark).
    """

    def __init__(self, body: ReadBody, betas: str, secrets: Secrets) -> None:
        self.messages_digest = ""
        self.cache_ttl_seconds: int | None = None
        self.shape = RequestShape()
        self._body = body
        self._betas = betas
        self._secrets = secrets

    def run(self) -> Generator[None]:
        """Digests everything, pausing after about a megabyte."""
        messages = yield from self._messages()
        body = self._body
        output_config = jsontext.mapping(jsontext.decode_any(body.output_config))
        betas = (beta.strip() for beta in self._betas.split(","))
        self.shape = RequestShape(
            tools=tuple(self._tools()),
            system=tuple((self._digest("system", raw)[:16], len(raw)) for raw in self._system()),
            messages=messages,
            betas=tuple(sorted({beta for beta in betas if identifier(beta)}))[:MAX_BETAS],
            effort=identifier(output_config.get("effort")),
            thinking=self._thinking(),
            speed=identifier(jsontext.decode_any(body.speed)),
        )

    def _messages(self) -> Generator[None, None, bytes]:
        keyed = hashlib.sha256(hashlib.sha256(self._secrets.start_secret).digest())
        whole, chain = keyed.copy(), bytearray()
        since_pause = 0
        for message in self._body.messages:
            parts, ttl_seconds = _plain_parts(message.content)
            self._take_lifetime(ttl_seconds)
            size = sum(map(len, parts))
            hasher = keyed.copy()
            hasher.update(f"{message.role}:".encode("utf-8", "replace"))
            for part in parts:
                hasher.update(part)
            one = hasher.digest()
            whole.update(one)
            chain += one[:MESSAGE_DIGEST_BYTES]
            chain += message.role[:1].encode("ascii", "replace") or b"?"
            chain += min(size, 0xFFFF_FFFF).to_bytes(4, "big")
            since_pause += size + _MESSAGE_COST_BYTES
            if since_pause > _SLICE_BYTES:
                since_pause = 0
                yield
        self.messages_digest = whole.hexdigest()[:32]
        return bytes(chain)

    def _tools(self) -> Generator[tuple[str, str, int]]:
        for name, definition in tool_definitions(self._body)[:MAX_TOOLS]:
            raw = self._plain(definition)
            yield text.clean(name, 128), self._digest("tool", raw)[:16], len(raw)

    def _system(self) -> list[bytes]:
        plain = [self._plain(raw) for raw in raw_blocks(self._body.system)]
        return [raw for raw in plain if _BILLING not in raw[:200]][:MAX_SYSTEM_BLOCKS]

    def _thinking(self) -> str | None:
        thinking = jsontext.mapping(jsontext.decode_any(self._body.thinking))
        kind, budget = identifier(thinking.get("type")), jsontext.count(thinking.get("budget_tokens"))
        return f"{kind}:{budget}" if kind and budget is not None else kind

    def _digest(self, purpose: str, *parts: bytes) -> str:
        return digest(self._secrets.start_secret, purpose, *parts)

    def _plain(self, raw_json: msgspec.Raw) -> bytes:
        plain, ttl_seconds = without_cache_marks(raw_json)
        self._take_lifetime(ttl_seconds)
        return plain

    def _take_lifetime(self, seconds: int | None) -> None:
        if seconds is not None:
            self.cache_ttl_seconds = max(seconds, self.cache_ttl_seconds or 0)


def without_cache_marks(content: msgspec.Raw) -> tuple[bytes, int | None]:
    """The content as text blocks without `cache_control`, and the longest lifetime that stood there.

    A string in which such a member is quoted keeps it: its quotation marks are escaped.
    """
    parts, ttl_seconds = _plain_parts(content)
    return b"".join(parts), ttl_seconds


def _plain_parts(content: msgspec.Raw) -> tuple[list[bytes | memoryview], int | None]:
    """The same in parts that copy nothing: a message may have the length of the whole request."""
    view = memoryview(content)
    if bytes(view[:1]) == b'"':
        return [b'[{"type":"text","text":', view, b"}]"], None
    if _MARK.search(view) is None:
        return [view], None
    marks = list(islice(_CACHE_CONTROL.finditer(view), MAX_MARKS + 1))
    if not marks or len(marks) > MAX_MARKS:
        return [view], None
    ends = [0, *(mark.end() for mark in marks)]
    starts = [*(mark.start() for mark in marks), view.nbytes]
    parts: list[bytes | memoryview] = [view[end:start] for end, start in zip(ends, starts, strict=True)]
    return parts, max(3600 if _ONE_HOUR.search(mark[0]) else 300 for mark in marks)
