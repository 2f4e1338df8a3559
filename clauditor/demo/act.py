"""One session on stage: its client, what the vendor will answer it, and the time in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import httpx

from clauditor.demo.claude_code import ClaudeCodeClient, ToolOutcome
from clauditor.demo.claude_request import Profile
from clauditor.demo.claude_sending import GaveUpError
from clauditor.demo.claude_stream import Message
from clauditor.demo.reply import Reply, Step, Text, Thinking, ToolUse
from clauditor.demo.seeded import dice, stable_uuid

Hook = Callable[[dict[str, Any]], Awaitable[None]]
"""Hands a hook's input to the sidecar, as the client's hooks would; must not raise."""

FAKE_PLAN_TOKEN: Final = "sk-ant-oat01-fake-demo-token"  # noqa: S105 - opens nothing
_NOTIFIED_AFTER_SECONDS: Final = 6.0
_WORDS: Final = [
    "the",
    "test",
    "fails",
    "because",
    "the",
    "clock",
    "of",
    "the",
    "session",
    "is",
    "read",
    "twice",
    "so",
    "I",
    "will",
    "pass",
    "it",
    "in",
    "and",
    "look",
    "at",
    "every",
    "caller",
    "first",
    "then",
    "the",
    "change",
    "stays",
    "small",
    "and",
    "the",
    "old",
    "behaviour",
    "is",
    "kept",
    "where",
    "the",
    "config",
    "asks",
    "for",
    "it",
]


class Prompter(Protocol):
    """Who is told what to answer next: the simulator, or the vendor itself."""

    def script(self, session_id: str, *replies: Reply, agent: str = "main") -> None: ...


class Act:
    """What a story may do. Seconds are of the play; `speed` divides them. `transport` takes the network's place."""

    def __init__(
        self,
        simulator: Prompter,
        base_url: str,
        profile: Profile,
        *,
        seed: int,
        speed: float,
        hook: Hook | None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.profile = profile
        self.dice = dice(seed, "act", profile.cwd)
        self.outcomes: dict[str, ToolOutcome] = {}
        self.approvals: dict[str, float] = {}
        """Tools that a person must allow, and the seconds that takes."""
        self.round = 0
        self.last = Message()
        self._simulator = simulator
        self._speed = speed
        self._hook = hook
        self.client = ClaudeCodeClient(
            base_url,
            session_id=stable_uuid(seed, "story", profile.cwd),
            profile=profile,
            run_tool=self._run_tool,
            seed=seed,
            speed=speed,
            transport=transport,
        )

    @property
    def context_tokens(self) -> int:
        """The prompt size of the last answer."""
        usage = self.last.usage
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        return sum(int(usage.get(name) or 0) for name in names)

    def continues(self, label: str, tokens: int) -> None:
        """In the first round: the session was worked in before, and its context holds that much already."""
        if self.round == 0:
            self.client.remember(label, f"{self.prose(20)} [[tokens:{tokens}]]")

    def will_answer(self, *replies: Reply, agent: str = "main") -> None:
        """Queues what the vendor answers next, to the main thread or to the agent with that prompt."""
        self._simulator.script(self.client.session_id, *replies, agent=agent)

    def reply(self, *steps: Step, thinks: int = 0, **fields: Any) -> Reply:
        """A reply at a natural pace; `thinks` tokens of thinking come first."""
        whole = (Thinking(self.prose(thinks)), *steps) if thinks else steps
        pace = {
            "first_token_seconds": self.dice.uniform(0.6, 1.6),
            "tokens_per_second": self.dice.uniform(48, 72),
        }
        return Reply(**{"steps": whole, **pace, **fields})

    def says(self, tokens: int, **fields: Any) -> Reply:
        """A reply of prose."""
        return self.reply(Text(self.prose(tokens)), **fields)

    def bash(self, command: str) -> ToolUse:
        return ToolUse("Bash", {"command": command, "description": "run a command"})

    def read(self, name: str) -> ToolUse:
        return ToolUse("Read", {"file_path": f"{self.profile.cwd}/{name}"})

    def prose(self, tokens: int) -> str:
        """About that many tokens of harmless text."""
        start = self.dice.randrange(len(_WORDS))
        return " ".join(_WORDS[(start + i) % len(_WORDS)] for i in range(max(1, round(tokens * 0.85))))

    async def prompt(self, text: str) -> Message:
        """A person types; returns when the answer ends, or when the client gave up (then incomplete)."""
        await self.tell("UserPromptSubmit")
        try:
            self.last = await self.client.prompt(text)
        except GaveUpError:
            return Message()
        await self.tell("Stop")
        return self.last

    async def prompt_and_escape(self, text: str, after_seconds: float) -> Message:
        """As `prompt`, but the person loses patience after a while and presses Esc."""
        typing = asyncio.create_task(self.prompt(text))
        try:
            await asyncio.wait((typing,), timeout=after_seconds / self._speed)
            self.client.interrupt()
            return await typing
        finally:
            typing.cancel()

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)

    async def tell(self, event: str, **fields: Any) -> None:
        """Runs a hook of the client, where the demo has hooks."""
        if self._hook is not None:
            common = {
                "session_id": self.client.session_id,
                "cwd": self.profile.cwd,
                "permission_mode": "default",
            }
            await self._hook({**common, "hook_event_name": event, **fields})

    async def close(self) -> None:
        await self.client.__aexit__()

    async def _run_tool(self, block: dict[str, Any]) -> ToolOutcome:
        name = block["name"]
        if name in self.approvals:
            await self._ask_person(name, block["id"], self.approvals[name])
        chance = dice(block["id"])  # agents run at once and must not draw from the same dice
        outcome = self.outcomes.get(name, ToolOutcome(seconds=chance.uniform(0.1, 0.9)))
        await self.client.wait(outcome.seconds)
        await self.tell("PostToolUse", tool_name=name, tool_use_id=block["id"])
        return outcome

    async def _ask_person(self, tool: str, tool_use_id: str, seconds: float) -> None:
        """The permission dialog; a notification follows when it stands for a while, as with the real client."""
        await self.tell("PermissionRequest", tool_name=tool, tool_use_id=tool_use_id)
        await self.client.wait(min(seconds, _NOTIFIED_AFTER_SECONDS))
        if seconds > _NOTIFIED_AFTER_SECONDS:
            await self.tell("Notification", notification_type="permission_prompt")
            await self.client.wait(seconds - _NOTIFIED_AFTER_SECONDS)
