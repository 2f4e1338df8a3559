"""A pretend Claude Code session: prompts, tool loops, agents, compaction, side calls and Esc.

    async with ClaudeCodeClient(url) as client:
        message = await client.prompt("fix the login test")

Source: captures of the real client 2.1.330 on loopback (2026-11).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from clauditor.demo import claude_request as wire
from clauditor.demo.claude_request import Conversation, Profile
from clauditor.demo.claude_sending import (
    MAX_RETRIES,
    Call,
    GaveUpError,
    InterruptedByUserError,
    Sender,
)
from clauditor.demo.claude_stream import Message, StatusError
from clauditor.demo.seeded import dice, digest, stable_uuid

_FORK_BETA: Final = "fallback-credit-2026-06-01"
_MS_PER_TOKEN: Final = 17
_REJECTED: Final = "The user doesn't want to proceed with this tool use."


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutcome:
    """What a tool gave back, and how many seconds it says that it ran."""

    content: str = "ok"
    is_error: bool | None = None
    seconds: float = 0.0


ToolRunner = Callable[[dict[str, Any]], Awaitable[ToolOutcome]]
"""Gets a tool_use block; takes as long as the tool, and the person who allows it, would take."""


async def run_nothing(_block: dict[str, Any]) -> ToolOutcome:
    return ToolOutcome()


class ClaudeCodeClient:
    """One session against `base_url`. `speed` divides every wait, `transport` takes the network's place."""

    def __init__(
        self,
        base_url: str,
        *,
        session_id: str | None = None,
        profile: Profile | None = None,
        run_tool: ToolRunner = run_nothing,
        seed: int = 1,
        speed: float = 1.0,
        max_retries: int = MAX_RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.profile = profile or Profile()
        self.session_id = session_id or stable_uuid(seed, "session", self.profile.cwd)
        self.run_tool = run_tool
        self.main = Conversation(model=self.profile.model, tools=wire.tools_for(self.profile))
        self._seed, self._prompts = seed, 0
        self._answering = False
        self._background: list[asyncio.Task[tuple[str, dict[str, Any], Message]]] = []
        self._sender = Sender(
            base_url,
            self.profile,
            self.session_id,
            chance=dice(seed, self.session_id),
            speed=speed,
            retries=max_retries,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._sender.close()

    async def prompt(self, text: str) -> Message:
        """A person types: runs calls and tools until the answer ends; raises `GaveUpError`.

        After `interrupt` it returns what had arrived, with `complete` False.
        """
        self._prompts += 1
        self.main.prompt_id = stable_uuid(self._seed, self.session_id, "prompt", self._prompts)
        self._say(self.main, text)
        self._answering = True
        try:
            return await self._run(self.main)
        except InterruptedByUserError as interrupted:
            return interrupted.message
        finally:
            self._answering = False
            self._sender.escape.clear()

    def interrupt(self) -> None:
        """Esc: running answers are closed; the main thread's partial text stays in the history."""
        if self._answering:
            self._sender.escape.set()

    async def wait(self, seconds: float) -> None:
        """For tools: lets seconds of the play pass; Esc ends the wait."""
        await self._sender.wait(seconds)

    @property
    def arrived(self) -> str:
        """The text of the newest answer, as far as it arrived."""
        return self._sender.newest.text

    def remember(self, prompt: str, answer: str) -> None:
        """Adds an earlier exchange to the history, as after `--resume`; nothing is sent."""
        self._say(self.main, prompt)
        self.main.messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})

    async def wake(self) -> Message:
        """Waits for the oldest background agent and lets its notification wake the main thread."""
        agent_id, block, message = await self._background.pop(0)
        self._say(
            self.main,
            f"<task-notification>\n<task-id>{agent_id}</task-id>\n<tool-use-id>{block['id']}</tool-use-id>\n"
            f"<status>completed</status>\n<result>{message.text}</result>\n</task-notification>",
        )
        return await self._run(self.main)

    async def compact(self, trigger: str = "manual") -> Message:
        """Summarises the conversation and goes on with the summary alone."""
        message = await self._fork(
            wire.COMPACT_MARKER, "compaction", (("x-claude-code-compaction", trigger),)
        )
        self.main.messages = wire.first_message(self.profile, f"{wire.CONTINUED_MARKER}\n\n{message.text}")
        self.main.durations = []
        self.main.compacted = trigger if trigger == "auto" else None
        return message

    async def suggest(self) -> Message:
        """The side call that proposes what the person might type next."""
        return await self._fork(wire.SUGGESTION_MARKER, "side_reply", ())

    async def title(self, text: str) -> Message:
        """The side call that names the session."""
        schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
        body = wire.side_body(
            self.profile, self.session_id, wire.TITLE_MARKER, f"<session>{text}</session>", schema
        )
        return await self._sender.send(Call(body=body, betas=("structured-outputs-2025-12-15",)))

    async def count_tokens(self, count: int = 24) -> list[int]:
        """A burst of token counts, as `/context` makes it: tools one by one, then the messages."""
        foo = [{"role": "user", "content": "foo"}]
        bodies: list[dict[str, Any]] = [
            {"model": self.main.model, "messages": foo, "tools": [self.main.tools[i % len(self.main.tools)]]}
            for i in range(count - 1)
        ]
        bodies.append({"model": self.main.model, "messages": self.main.messages or foo, "tools": []})
        calls = [
            Call(
                body=body,
                path="/v1/messages/count_tokens",
                betas=("token-counting-2024-11-01",),
                timeout_seconds=None,
            )
            for body in bodies
        ]
        answers = await asyncio.gather(*(self._sender.send(call) for call in calls))
        return [int(answer.usage["input_tokens"]) for answer in answers]

    async def _fork(
        self, instruction: str, request_class: str, extra: tuple[tuple[str, str], ...]
    ) -> Message:
        body = wire.body(self.profile, self.session_id, self.main, instruction=instruction)
        call = Call(
            body=body, conversation=self.main, betas=(_FORK_BETA,), request_class=request_class, extra=extra
        )
        return await self._sender.send(call)

    def _say(self, conversation: Conversation, text: str) -> None:
        block = {"type": "text", "text": text}
        messages = conversation.messages
        if not messages:
            messages += wire.first_message(self.profile, text)
        elif messages[-1]["role"] == "user":  # the last call got no answer: one message, both texts
            messages[-1] = {"role": "user", "content": [*messages[-1]["content"], block]}
        else:
            messages.append({"role": "user", "content": [block]})

    async def _run(self, conversation: Conversation) -> Message:
        while True:
            try:
                message = await self._call(conversation)
            except InterruptedByUserError as interrupted:
                self._keep_partial(conversation, interrupted.message)
                raise
            conversation.durations, conversation.compacted = [], None
            conversation.messages.append({"role": "assistant", "content": message.blocks})
            if message.stop_reason == "max_tokens":
                self._say(conversation, wire.RESUME_MARKER)
            elif message.stop_reason == "tool_use" and message.tool_uses:
                await self._use_tools(conversation, message.tool_uses)
            else:
                return message

    async def _call(self, conversation: Conversation) -> Message:
        try:
            return await self._send(conversation)
        except GaveUpError as error:
            full = isinstance(error.cause, StatusError) and "prompt is too long" in error.cause.message
            if not full or conversation is not self.main:
                raise
        *history, question = conversation.messages
        kept = history[(len(history) + 1) // 2 :]  # the older half is given up, up to an answer
        start = next((i for i, message in enumerate(kept) if message["role"] == "assistant"), len(kept))
        conversation.messages = [*history[:1], *kept[start:]]
        await self.compact("auto")
        if all(block["type"] != "tool_result" for block in question["content"]):
            conversation.messages.append(question)
        return await self._send(conversation)

    async def _send(self, conversation: Conversation) -> Message:
        body = wire.body(self.profile, self.session_id, conversation)
        return await self._sender.send(Call(body=body, conversation=conversation, betas=self.profile.betas))

    def _keep_partial(self, conversation: Conversation, message: Message) -> None:
        text = message.text
        if text:
            kept = [{"type": "text", "text": text}]
            conversation.messages.append({"role": "assistant", "content": kept})
        self._say(conversation, wire.INTERRUPTED)

    async def _use_tools(self, conversation: Conversation, blocks: list[dict[str, Any]]) -> None:
        """Runs the calls in parallel and appends their results, in the order of the calls."""
        finished: list[tuple[str, int]] = []

        async def use(block: dict[str, Any]) -> dict[str, Any]:
            try:
                outcome = await self._use(conversation, block)
            except InterruptedByUserError:
                outcome = ToolOutcome(content=_REJECTED, is_error=True)
            else:
                finished.append((block["name"], round(outcome.seconds * 1000)))
            result = {"tool_use_id": block["id"], "type": "tool_result", "content": outcome.content}
            is_error = False if outcome.is_error is None and block["name"] == "Bash" else outcome.is_error
            return result if is_error is None else {**result, "is_error": is_error}

        results = await asyncio.gather(*(use(block) for block in blocks))
        conversation.messages.append({"role": "user", "content": results})
        conversation.durations = finished
        if self._sender.escape.is_set():
            self._say(conversation, f"{wire.INTERRUPTED[:-1]} for tool use]")
            raise InterruptedByUserError(Message())

    async def _use(self, conversation: Conversation, block: dict[str, Any]) -> ToolOutcome:
        if block["name"] == "Agent":
            return await self._agent(conversation, block)
        return await self.run_tool(block)

    async def _agent(self, parent: Conversation, block: dict[str, Any]) -> ToolOutcome:
        agent_type = str(block["input"].get("subagent_type", "general-purpose"))
        agent = Conversation(
            model=str(block["input"].get("model") or parent.model),
            tools=wire.tools_for(self.profile, agent_type),
            agent_id="a" + digest(self._seed, self.session_id, block["id"]).hex()[:16],
            parent_agent_id=parent.agent_id,
            agent_type=agent_type,
            prompt_id=parent.prompt_id,
        )
        self._say(agent, str(block["input"]["prompt"]))
        if block["input"].get("run_in_background"):
            self._background.append(asyncio.create_task(self._in_background(agent, block)))
            return ToolOutcome(content=f"Async agent launched successfully.\nagentId: {agent.agent_id}")
        started_at = asyncio.get_running_loop().time()
        try:
            message = await self._run(agent)
        except GaveUpError as error:
            return ToolOutcome(content=f"Agent failed: {error}", is_error=True)
        seconds = asyncio.get_running_loop().time() - started_at
        uses = sum(1 for m in agent.messages for b in m["content"] if b["type"] == "tool_use")
        tokens = int(message.usage.get("output_tokens", 0))
        # the length told is a figure of the tokens: a measured one would make every play differ
        told = f"subagent_tokens: {tokens}\ntool_uses: {uses}\nduration_ms: {tokens * _MS_PER_TOKEN}"
        content = f"{message.text}\nagentId: {agent.agent_id}\n<usage>{told}</usage>"
        return ToolOutcome(content=content, seconds=seconds)

    async def _in_background(
        self, agent: Conversation, block: dict[str, Any]
    ) -> tuple[str, dict[str, Any], Message]:
        return str(agent.agent_id), block, await self._run(agent)
