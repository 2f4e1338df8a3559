"""A request as the pretend vendor reads it: who asks, for what, and which kind of call it is.

The kinds follow what the real client puts on the wire (headers first, then the documented markers).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from clauditor.demo.encoding import decoded

MAIN: Final = "main"
_OLD_USER_ID = re.compile(r"_session_([0-9a-f-]{36})$")
_MARKERS: Final = (
    ("CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.", "compaction"),
    ("[SUGGESTION MODE:", "suggestion"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One received request. `occurrence` counts how often the same session sent the same body before."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    json: dict[str, Any] = field(default_factory=dict)
    valid: bool = True
    occurrence: int = 0

    def header(self, name: str) -> str | None:
        """The first header of that name, any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    @property
    def body_sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @property
    def model(self) -> str:
        return str(self.json.get("model") or "")

    @property
    def stream(self) -> bool:
        return self.json.get("stream") is True

    @property
    def messages(self) -> list[dict[str, Any]]:
        messages = self.json.get("messages")
        return [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []

    @property
    def tools(self) -> list[dict[str, Any]]:
        tools = self.json.get("tools")
        return [t for t in tools if isinstance(t, dict)] if isinstance(tools, list) else []

    @property
    def session_id(self) -> str:
        """The session's id from its header or its metadata; empty when the client names none."""
        header = self.header("x-claude-code-session-id")
        if header:
            return header
        metadata = self.json.get("metadata")
        user_id = metadata.get("user_id") if isinstance(metadata, dict) else None
        if not isinstance(user_id, str):
            return ""
        if match := _OLD_USER_ID.search(user_id):
            return match[1]
        try:
            told = json.loads(user_id)
        except ValueError:
            return ""
        return str(told.get("session_id") or "") if isinstance(told, dict) else ""

    @property
    def agent_id(self) -> str:
        return self.header("x-claude-code-agent-id") or MAIN

    @property
    def system_text(self) -> str:
        return "\n".join(_texts(self.json.get("system")))

    @property
    def last_user(self) -> dict[str, Any]:
        return next((m for m in reversed(self.messages) if m.get("role") == "user"), {})

    @property
    def last_user_text(self) -> str:
        """What the last user message says, without the client's own reminders."""
        return _spoken(self.last_user)

    @property
    def first_user_text(self) -> str:
        """What the first user message says: for an agent, the prompt that started it."""
        return _spoken(next((m for m in self.messages if m.get("role") == "user"), {}))

    @property
    def tool_results(self) -> tuple[dict[str, Any], ...]:
        """The tool results that the last user message brings."""
        content = self.last_user.get("content")
        if not isinstance(content, list):
            return ()
        return tuple(b for b in content if isinstance(b, dict) and b.get("type") == "tool_result")

    @property
    def kind(self) -> str:
        """`main`, `subagent`, `workflow`, `compaction`, `suggestion`, `title`, `web_search`, `quota`,
        `side`, `count_tokens`, `models` or `other`.
        """
        if self.path.endswith("/v1/messages/count_tokens"):
            return "count_tokens"
        if not self.path.endswith("/v1/messages"):
            return "models" if "/v1/models" in self.path else "other"
        request_class = self.header("x-claude-code-request-class")
        if request_class in ("compaction", "workflow"):
            return request_class
        return self._marked_kind() or ("side" if request_class in ("auxiliary", "side_reply") else MAIN)

    def _marked_kind(self) -> str | None:
        text = self.last_user_text.lstrip()
        for marker, kind in _MARKERS:
            if text.startswith(marker):
                return kind
        if self.agent_id != MAIN:
            return "subagent"
        if not self.tools and "You are naming a coding session" in self.system_text:
            return "title"
        if any(str(tool.get("type", "")).startswith("web_search") for tool in self.tools):
            return "web_search"
        return "quota" if text == "quota" and self.json.get("max_tokens") == 1 else None


def read_request(
    method: str, target: str, headers: tuple[tuple[str, str], ...], body: bytes, occurrence: int = 0
) -> Request:
    """Parses what came over the wire; a body that is no JSON object gives `valid` False."""
    path, _, query = target.partition("?")
    encoding = next((value for key, value in headers if key.lower() == "content-encoding"), "")
    parsed: Any = {}
    valid = True
    if body:
        try:
            parsed = json.loads(decoded(encoding, body))
        except (ValueError, RecursionError):
            valid = False
    if not isinstance(parsed, dict):
        parsed, valid = {}, False
    return Request(
        method=method, path=path, query=query, headers=headers, body=body,
        json=parsed, valid=valid, occurrence=occurrence,
    )  # fmt: skip


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for block in content:
            if isinstance(block, dict) and isinstance(block.get("text"), str):
                yield block["text"]


def _spoken(message: dict[str, Any]) -> str:
    texts = _texts(message.get("content"))
    return "\n".join(text for text in texts if not text.lstrip().startswith("<system-reminder>"))
