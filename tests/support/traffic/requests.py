"""What a plan's calls look like on the wire: the bodies and heads of Claude Code, of its older versions, and of a
program that talks to the API by itself.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from typing import Any

import brotli
import zstandard

from clauditor.demo import ToolUse
from clauditor.demo import claude_request as wire
from clauditor.demo.claude_head import THINKING_COUNT_BETA, headers
from clauditor.demo.claude_request import Conversation
from support.traffic.plan import FORKED, TURNS, Attempt, Call, Session

NUMBER_HEADER = "x-exchange"
_INSTRUCTIONS = {
    "compaction": wire.COMPACT_MARKER,
    "suggestion": wire.SUGGESTION_MARKER,
    "side_question": "<system-reminder>This is a side question from the user.</system-reminder> Why?",
    "recap": "The user stepped away and is coming back. Recap in under 40 words.",
}
_SIDE_SYSTEMS = {
    "title": wire.TITLE_MARKER,
    "rename": "Generate a short kebab-case name for this.",
    "web_search": "You run a web search for another Claude model, and report.",
    "web_fetch": "Short.",
    "classifier": "You are a security monitor for autonomous AI coding agents.",
}
_CLASSES = {"compaction": "compaction"} | dict.fromkeys(FORKED, "side_reply") | {"workflow": "workflow"}
_AGENT_TYPES = {"fork": "fork", "workflow": "workflow-subagent"}
_ELSEWHERE = (
    ("GET", "/v1/models?limit=1000"),
    ("POST", "/v1/messages/cache_touch"),
    ("POST", "/v1/messages/batches"),
    ("GET", "/v1/messages/batches/msgbatch_1/results"),
    ("DELETE", "/anything?at=all"),
)


class Pen:
    """Writes the requests of one session, whose conversations grow as they are answered."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._conversations: dict[str, Conversation] = {}
        self._prompts = 0

    def agent_id(self, agent: str) -> str:
        """As the client would call it; the main thread has its own word."""
        if agent == "main":
            return agent
        return "a" + hashlib.sha256(f"{self._session.number} {agent}".encode()).hexdigest()[:16]

    def begin(self, call: Call) -> None:
        """The call's new words join the conversation, with the results of the tools asked for before."""
        if call.kind not in TURNS:
            return
        conversation = self._conversation(call)
        messages = conversation.messages
        if not messages:
            messages += wire.first_message(self._session.profile, call.text)
            if call.kind == "fork":
                messages[0]["content"].append(_text("<fork-boilerplate>a fork</fork-boilerplate>"))
        else:
            asked = _tools_of(messages[-1])
            results = [
                {"type": "tool_result", "tool_use_id": block["id"], "content": "ok", "is_error": False}
                for block in asked
            ]
            messages.append({"role": "user", "content": results or [_text(call.text)]})
            if results:
                return
        self._prompts += 1
        conversation.prompt_id = f"prompt-{self._prompts}" if call.kind == "main" else None

    def finish(self, call: Call) -> None:
        """The call is over: its answer, if it came to one, is history."""
        conversation = self._conversation(call)
        if call.kind == "compaction" and call.shape is not None:
            conversation.messages = wire.first_message(self._session.profile, wire.CONTINUED_MARKER)
        if call.kind not in TURNS:
            return
        blocks: list[dict[str, Any]] = []
        if call.shape is None:
            blocks.append(_text("(nothing came)"))
        else:
            blocks += [
                {"type": "tool_use", "id": step.id, "name": step.name, "input": dict(step.input)}
                for step in call.shape.reply.steps
                if isinstance(step, ToolUse)
            ]
            blocks.append(_text("(an answer)"))
        conversation.messages.append({"role": "assistant", "content": blocks})

    def request(
        self, call: Call, attempt: Attempt, host: str
    ) -> tuple[str, str, list[tuple[str, str]], bytes]:
        """Method, target, headers and body of one attempt."""
        if call.kind == "elsewhere":
            method, target = _ELSEWHERE[attempt.number % len(_ELSEWHERE)]
            body = b'{"request_id":"req_1"}' if method == "POST" else b""
        else:
            method, target = "POST", "/v1/messages?beta=true"
            if call.kind == "count_tokens":
                target = "/v1/messages/count_tokens?beta=true"
            body = json.dumps(self._body(call, attempt), ensure_ascii=False, separators=(",", ":")).encode()
        content = encoded(body, attempt.encoded)
        heads = self._head(call, attempt, host, content)
        if attempt.encoded != "identity":
            heads.append(("Content-Encoding", attempt.encoded.partition(" ")[0]))
        return method, target, [*heads, (NUMBER_HEADER, str(attempt.number))], content

    def _conversation(self, call: Call) -> Conversation:
        agent = call.agent
        if agent not in self._conversations:
            is_main = agent == "main"
            kind = None if is_main else _AGENT_TYPES.get(call.kind, "general-purpose")
            self._conversations[agent] = Conversation(
                model="",
                tools=wire.tools_for(self._session.profile, kind),
                agent_id=None if is_main else self.agent_id(agent),
                parent_agent_id=self.agent_id("subagent 0") if call.kind == "nested" else None,
                agent_type=kind,
            )
        return self._conversations[agent]

    def _body(self, call: Call, attempt: Attempt) -> dict[str, Any]:
        body = self._plain_body(call) if self._session.identity == "derived" else self._client_body(call)
        body["model"] = attempt.model
        if call.kind != "count_tokens":
            body["stream"] = attempt.is_streamed
        if attempt.shape is not None:
            body |= attempt.shape.request
        return body

    def _plain_body(self, call: Call) -> dict[str, Any]:
        messages = self._conversation(call).messages
        spoken = [message for message in messages if message["role"] != "system"]
        return {"max_tokens": 1000, "system": "You help.", "messages": spoken}

    def _client_body(self, call: Call) -> dict[str, Any]:
        profile, session_id = self._session.profile, self._session.session_id or ""
        conversation = self._conversation(call)
        match call.kind:
            case "quota_probe":
                body: dict[str, Any] = {"max_tokens": 1, "messages": [{"role": "user", "content": "quota"}]}
            case "count_tokens":
                return {"messages": [{"role": "user", "content": "foo"}], "tools": conversation.tools[:1]}
            case "title" | "rename" | "web_search" | "web_fetch" | "classifier":
                body = self._side_body(call, session_id)
            case _:
                instruction = _INSTRUCTIONS.get(call.kind)
                body = wire.body(profile, session_id, conversation, instruction=instruction)
        body["metadata"] = {"user_id": self._user_id(session_id)}
        return body

    def _side_body(self, call: Call, session_id: str) -> dict[str, Any]:
        text = "\nWeb page content:\n---\nA page." if call.kind == "web_fetch" else f"<session>{call.text}"
        schema = {"type": "object", "properties": {"title" if call.kind == "title" else "name": {}}}
        body = wire.side_body(self._session.profile, session_id, _SIDE_SYSTEMS[call.kind], text, schema)
        if call.kind == "web_search":
            body["tools"] = [{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}]
        if call.kind not in ("title", "rename"):
            del body["output_config"]
        return body

    def _user_id(self, session_id: str) -> str:
        if self._session.is_legacy:
            return f"user_{'0a' * 32}_account__session_{session_id}"
        return wire.user_id(self._session.profile, session_id)

    def _head(self, call: Call, attempt: Attempt, host: str, content: bytes) -> list[tuple[str, str]]:
        session = self._session
        is_client_call = call.kind in (*TURNS, *FORKED, "compaction")
        heads = headers(
            session.profile,
            session.session_id or "",
            host,
            content,
            self._conversation(call) if is_client_call else None,
            without=THINKING_COUNT_BETA if attempt.without_beta else None,
            request_class=_CLASSES.get(call.kind),
            extra=(("x-claude-code-compaction", "manual"),) if call.kind == "compaction" else (),
        )
        changed = {"accept-encoding": attempt.accepted}
        if session.identity == "derived":
            changed["user-agent"] = "Anthropic/Python 2.12.0"
        dropped = () if session.identity == "header" else ("x-claude-code-",)
        return [
            (name, changed.get(name.lower(), value))
            for name, value in heads
            if not (dropped and name.lower().startswith(dropped))
        ]


def encoded(body: bytes, name: str) -> bytes:
    """A request body in a content coding; `gzip members` puts it into two members."""
    match name:
        case "gzip":
            return gzip.compress(body)
        case "gzip members":
            half = len(body) // 2
            return gzip.compress(body[:half]) + gzip.compress(body[half:])
        case "br":
            return bytes(brotli.compress(body, quality=3))
        case "zstd":
            return zstandard.ZstdCompressor().compress(body)
        case "deflate":
            return zlib.compress(body)
        case _:
            return body


def _tools_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [block for block in content if isinstance(block, dict) and block.get("type") == "tool_use"]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
