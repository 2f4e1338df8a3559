"""Answers of the Messages API: events of a stream, or one JSON message -> what was answered.

Source: Messages API "Streaming" and the python SDK 2.12.0 (2026-11). Event names, block and delta types
that are not known are skipped, as the API's versioning asks. Text of the answer is counted and dropped at
once; tool input is kept until its block stops, for the digest and the one safe word of it.
"""

from __future__ import annotations

import msgspec

from clauditor import text
from clauditor.model.events import Event, FirstToken, ToolCalled
from clauditor.model.usage import Usage, UsageReport
from clauditor.wire import jsontext
from clauditor.wire.anthropic import errors
from clauditor.wire.anthropic.answer_shapes import (
    BLOCK_DELTA,
    BLOCK_START,
    BLOCK_STOP,
    WHOLE,
    ContentBlock,
    ToolBlock,
)
from clauditor.wire.anthropic.body import blocks
from clauditor.wire.anthropic.request import text_digest
from clauditor.wire.anthropic.tool_target import AGENT_TOOLS, target
from clauditor.wire.anthropic.usage import usage_report
from clauditor.wire.bounds import Limits
from clauditor.wire.identity import Origin, Secrets, digest, identifier
from clauditor.wire.problems import Problems
from clauditor.wire.sse import SKIPPED


class Answer:
    """One answer as far as it came. Feed it events, or the whole message; it never raises.

    `is_complete`: the answer ended as it should. `error_type`: it broke with this error (or "unknown").
    `has_final_usage`: the output was counted to its end, not only where the answer began.
    `output_bytes`: content so far, in UTF-8.
    """

    def __init__(self, *, requested_model: str, secrets: Secrets, limits: Limits, problems: Problems) -> None:
        self.is_complete = False
        self.has_final_usage = False
        self.error_type: str | None = None
        self.stop_reason: str | None = None
        self.message_id: str | None = None
        self.cache_miss_reason: str | None = None
        self.context_edited = False
        self.output_bytes = 0
        self._requested_model = requested_model
        self._model: str | None = None
        self._report: UsageReport | None = None
        self._secrets = secrets
        self._limits = limits
        self._problems = problems
        self._has_started = False
        self._has_content = False
        self._tools: dict[int, ToolBlock] = {}
        self._tool_calls = 0

    @property
    def is_over(self) -> bool:
        return self.is_complete or self.error_type is not None

    @property
    def model(self) -> str | None:
        """The model that serves: after a server-side fallback another than the message named."""
        return (self._report.fallback_model if self._report else None) or self._model

    @property
    def usage(self) -> Usage | None:
        return self._report.usage(self._requested_model) if self._report else None

    def on_event(self, name: bytes, data: bytes, origin: Origin, at: float) -> list[Event]:
        """Takes one event of the stream; returns what it means, mostly nothing."""
        if name == b"content_block_delta":
            return self._on_delta(data, origin, at)
        if name == b"content_block_start":
            return self._on_block_start(data, origin, at)
        if name == b"content_block_stop":
            return self._on_block_stop(data, origin, at)
        if name == b"message_start":
            self._on_message(
                jsontext.mapping(jsontext.decode_any(data, self._problems.reach)).get("message"),
                is_whole=False,
            )
        elif name == b"message_delta":
            self._on_message_delta(data)
        elif name == b"message_stop":
            if self._has_started:
                self._complete()
            else:
                self._problems.add("stream", "stop_without_start")
        elif name == SKIPPED[0]:
            self._problems.reach("line")
        elif name == b"error":
            self.error_type = errors.error_type(data) or "unknown"
        return []

    def on_whole(self, data: bytes | bytearray, origin: Origin, at: float) -> list[Event]:
        """Takes an answer that was not streamed; without being complete then, it was none."""
        reach = self._problems.reach
        whole = jsontext.decode(WHOLE, data, reach)
        if whole is not None and whole.type == "error":
            self.error_type = errors.error_type(data) or "unknown"
            return []
        if whole is None or whole.type != "message":
            self._problems.add("answer", "not_a_message")
            return []
        message = {name: getattr(whole, name) for name in ("id", "model")}
        for name in ("usage", "diagnostics", "context_management"):
            message[name] = jsontext.decode_any(getattr(whole, name), reach)
        self._on_message(message, is_whole=True)
        self.stop_reason = identifier(whole.stop_reason)
        self.output_bytes += memoryview(whole.content).nbytes
        events: list[Event] = []
        for block in blocks(whole.content, reach):
            if block.type == "tool_use":
                size = memoryview(block.input).nbytes
                tool_input = jsontext.decode_any(block.input, reach)
                name = text.clean(block.name, 128)
                events += self._tool_called(text.clean(block.id, 128), name, tool_input, size, origin, at)
        self._complete()
        return events

    def _complete(self) -> None:
        self.is_complete = True
        self._tools.clear()
        if not self.has_final_usage:
            self._problems.add("usage", "not_final")

    def _on_message(self, value: object, *, is_whole: bool) -> None:
        message = jsontext.mapping(value)
        if not message:
            self._problems.add("message_start", "not_a_message")
            return
        self._has_started = True
        self.message_id = identifier(message.get("id"))
        model = message.get("model")
        self._model = text.clean(model, 128) or None if isinstance(model, str) else None
        self._diagnose(message.get("diagnostics"))
        self._note_edits(message.get("context_management"))
        self._merge(message.get("usage"), is_final=is_whole)

    def _diagnose(self, diagnostics: object) -> None:
        reason = jsontext.mapping(jsontext.mapping(diagnostics).get("cache_miss_reason")).get("type")
        self.cache_miss_reason = identifier(reason) or self.cache_miss_reason

    def _note_edits(self, context_management: object) -> None:
        edits = jsontext.mapping(context_management).get("applied_edits")
        for edit in edits if isinstance(edits, list) else ():
            if jsontext.count(jsontext.mapping(edit).get("cleared_input_tokens")):
                self.context_edited = True

    def _on_message_delta(self, data: bytes) -> None:
        event = jsontext.mapping(jsontext.decode_any(data, self._problems.reach))
        if not event:
            self._problems.add("message_delta", "not_json")
            return
        delta = jsontext.mapping(event.get("delta"))
        self.stop_reason = identifier(delta.get("stop_reason")) or self.stop_reason
        self._diagnose(delta.get("diagnostics"))
        self._note_edits(event.get("context_management"))
        self._merge(event.get("usage"), is_final=True)

    def _merge(self, usage: object, *, is_final: bool) -> None:
        report = usage_report(usage)
        if report is not None:
            self._report = self._report.merged(report) if self._report else report
            self.has_final_usage = self.has_final_usage or (is_final and report.output is not None)

    def _on_delta(self, data: bytes, origin: Origin, at: float) -> list[Event]:
        event = jsontext.decode(BLOCK_DELTA, data, self._problems.reach)
        if event is None:
            self._problems.add("content_block_delta", "unreadable")
            return []
        if event.replayed:
            return []
        delta = event.delta
        content = delta.text or delta.partial_json or delta.thinking
        size = len(content) if content.isascii() else len(content.encode("utf-8", "replace"))
        self.output_bytes += size
        if delta.partial_json:
            tool = self._tools.get(event.index)
            most = self._limits.tool_input_bytes
            if tool is not None and not tool.add(content.encode("utf-8", "replace"), most):
                self._problems.reach("tool_input")
        return [] if self._has_content else self._first_content(origin, at)

    def _first_content(self, origin: Origin, at: float) -> list[Event]:
        self._has_content = True
        return [FirstToken(at=at, model=self.model, usage=self.usage, **origin)]

    def _on_block_start(self, data: bytes, origin: Origin, at: float) -> list[Event]:
        event = jsontext.decode(BLOCK_START, data, self._problems.reach)
        if event is None:
            self._problems.add("content_block_start", "unreadable")
            return []
        if event.content_block.type == "tool_use":
            self._open_tool(event.index, event.content_block)
        return [] if self._has_content else self._first_content(origin, at)

    def _open_tool(self, index: int, block: ContentBlock) -> None:
        if len(self._tools) >= self._limits.open_blocks:
            self._problems.reach("blocks")
            return
        given = bytes(block.input)
        if len(given) > self._limits.tool_input_bytes:
            self._problems.reach("tool_input")
            given = b"null"
        self._tools[index] = ToolBlock(text.clean(block.id, 128), text.clean(block.name, 128), given)

    def _on_block_stop(self, data: bytes, origin: Origin, at: float) -> list[Event]:
        event = jsontext.decode(BLOCK_STOP, data, self._problems.reach)
        if event is None:
            self._problems.add("content_block_stop", "unreadable")
            return []
        tool = self._tools.pop(event.index, None)
        if tool is None or event.incomplete:
            return []
        if tool.streamed is None:
            tool_input = None
        elif tool.input_bytes:
            tool_input = jsontext.decode_any(tool.streamed, self._problems.reach)
            if tool_input is None:  # cut by max_tokens: the client cannot run it
                self._problems.add("tool_input", "not_json")
                return []
        else:
            tool_input = jsontext.decode_any(tool.given, self._problems.reach)
        return self._tool_called(tool.tool_use_id, tool.name, tool_input, tool.input_bytes, origin, at)

    def _tool_called(
        self, tool_use_id: str, name: str, tool_input: object, input_bytes: int, origin: Origin, at: float
    ) -> list[Event]:
        self._tool_calls += 1
        if self._tool_calls > self._limits.tool_calls:
            self._problems.reach("tools")
            return []
        if not tool_use_id or not name:
            self._problems.add("tool_use", "unusable")
            return []
        members = jsontext.mapping(tool_input)
        prompt = members.get("prompt") if name in AGENT_TOOLS else None
        return [
            ToolCalled(
                at=at,
                tool_use_id=tool_use_id,
                name=name,
                target=target(name, members),
                input_bytes=input_bytes,
                input_digest=self._input_digest(name, tool_input),
                prompt_digest=text_digest(self._secrets, prompt) if isinstance(prompt, str) else None,
                **origin,
            )
        ]

    def _input_digest(self, name: str, tool_input: object) -> str:
        """Equal for equal input, streamed or not; empty if the input was too long to keep."""
        if tool_input is None:
            return ""
        canonical = msgspec.json.encode(tool_input, order="deterministic")
        return digest(self._secrets.start_secret, "tool input", name, canonical)
