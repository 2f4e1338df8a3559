"""What the pretend vendor answers when nobody scripted it, so that clients it does not know work too.

A prompt may carry directives: `[[tool:Bash {"command":"echo hi"}]]` asks for a tool call, `[[agent: text]]`
for a subagent with that prompt (which may hold directives of its own). Several make parallel calls. After
the results the conversation is closed with a short text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from clauditor.demo.reply import Reply, Text, Thinking, ToolUse
from clauditor.demo.request import Request

_SUMMARY: Final = (
    "<analysis>Nothing is lost.</analysis>\n<summary>A pretend conversation, kept short.</summary>"
)


def default_reply(request: Request) -> Reply:
    """A short, valid answer to any request of `/v1/messages`."""
    if request.kind == "compaction":
        return Reply.text(_SUMMARY)
    schema = _schema(request)
    if schema is not None:
        return Reply.text(json.dumps(_example(schema)))
    if request.tool_results:
        return Reply.text("Done. The tool answered and nothing is left to do.")
    calls = tuple(directives(request.last_user_text)) if request.tools else ()
    if calls:
        return Reply(steps=(Text("I will do that."), *calls))
    thinking = request.json.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive"):
        return Reply(steps=(Thinking("A short thought."), Text("Hello from the pretend vendor.")))
    return Reply.text("Hello from the pretend vendor.")


def directives(text: str) -> Iterator[ToolUse]:
    """The tool calls that a prompt asks for; what is no valid directive is skipped."""
    for content in _brackets(text):
        kind, separator, rest = content.partition(":")
        if not separator:
            continue
        if kind == "agent":
            arguments = {
                "description": "pretend work",
                "prompt": rest.strip(),
                "subagent_type": "general-purpose",
            }
            yield ToolUse("Agent", arguments)
        elif kind == "tool":
            name, _, written = rest.strip().partition(" ")
            try:
                parsed = json.loads(written or "{}")
            except ValueError:
                continue
            if name and isinstance(parsed, dict):
                yield ToolUse(name, parsed)


def _brackets(text: str) -> Iterator[str]:
    """The contents of the outermost `[[…]]` pairs."""
    depth, start, i = 0, 0, 0
    while i < len(text):
        pair = text[i : i + 2]
        if pair == "[[":
            depth += 1
            i += 2
            start = i if depth == 1 else start
        elif pair == "]]" and depth:
            depth -= 1
            if depth == 0:
                yield text[start:i]
            i += 2
        else:
            i += 1


def _schema(request: Request) -> dict[str, Any] | None:
    output = request.json.get("output_config")
    form = output.get("format") if isinstance(output, dict) else None
    schema = form.get("schema") if isinstance(form, dict) else None
    return schema if isinstance(schema, dict) else None


def _example(schema: dict[str, Any]) -> Any:
    """The smallest value that a simple JSON schema accepts."""
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties")
        items = properties.items() if isinstance(properties, dict) else ()
        return {name: _example(part) for name, part in items if isinstance(part, dict)}
    return {"string": "pretend", "boolean": True, "array": [], "integer": 0, "number": 0}.get(str(kind))
