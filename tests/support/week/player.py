"""One simulated session and the person at its terminal: what they do, and what of it is true.

The truth is kept apart from what the hub says: when the person was away, when a dialog was open, what was planted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from clauditor.demo import Reply, Text, ToolOutcome, ToolUse
from clauditor.demo.claude_stream import Message
from clauditor.demo.reply import Step
from clauditor.demo.seeded import dice
from clauditor.demo.virtual import Stage
from clauditor.model.events import Severity
from support.week.plan import Plan, compacts_at

_NOTIFIED_AFTER_SECONDS: Final = 6.0
_STATUS_LINE_SECONDS: Final = 0.15  # after a person allowed something: measured, Claude Code 2.1.330
_PIECE_CHARACTERS: Final = 200
_LEFT_TOKENS: Final = 20_000  # about, after a compaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """A tool call and what comes of it. `asks_seconds`: a person must allow it, and takes that long. `begun` is
    called when the tool (or its dialog) begins, `done` when its result is there.
    """

    use: ToolUse
    outcome: ToolOutcome
    asks_seconds: float | None = None
    begun: Callable[[], None] | None = None
    done: Callable[[], None] | None = None


@dataclass(slots=True, kw_only=True)
class Planted:
    """What was done to a session: the signal that must be raised between `from_at` and `due_at` (Unix seconds),
    with at least `severity` and with `says` in its sentence. `also` are signals that are as true.
    """

    signal: str
    severity: Severity
    from_at: float
    due_at: float
    says: str = ""
    also: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Rest:
    """The person had the turn from `begins` to `ends`, after `worked_seconds` of work for the prompt before."""

    begins: float
    ends: float
    worked_seconds: float


class Player:
    """What sessions are played with. `calls` counts answers of the main thread that were asked for so far."""

    def __init__(self, stage: Stage, plan: Plan) -> None:
        self.stage = stage
        self.plan = plan
        self.dice = dice(stage.vendor.seed, "player", plan.number)
        self.session_ids: list[str] = []
        self.calls = 0
        self.rests: list[Rest] = []
        self.dialogs: list[tuple[float, float]] = []
        self.planted: Planted | None = None
        self._doings: dict[str, Doing] = {}
        self._number = 0
        self._prompted_at = 0.0
        self._context_tokens = 0
        self.open()

    def open(self) -> None:
        """The terminal shows a new, empty conversation: at first, and after /clear."""
        self.act = self.stage.act(self.plan.profile, hooks=self.plan.hooks)
        self.act.client.run_tool = self._run_tool
        self._context_tokens = 0
        self.session_ids.append(self.act.client.session_id)

    @property
    def now(self) -> float:
        return self.stage.now()

    @property
    def compacts_at(self) -> int:
        return compacts_at(self.act.client.main.model)

    @property
    def context_tokens(self) -> int:
        """The size of the newest prompt that was answered, or of what a compaction left."""
        return self._context_tokens

    @property
    def is_scripted(self) -> bool:
        return self.plan.profile.entrypoint != "cli"

    def plant(self, signal: str, severity: Severity, *, due_seconds: float = math.inf, **more: Any) -> None:
        """From now on the session is sick. `due_seconds` may be made known later, by `is_due_in`."""
        self.planted = Planted(
            signal=signal, severity=severity, from_at=self.now, due_at=self.now + due_seconds, **more
        )

    def is_due_in(self, seconds: float) -> None:
        if self.planted is None:
            raise RuntimeError("nothing was planted")
        self.planted.due_at = self.now + seconds

    # -- what the model does ---------------------------------------------------------------------------

    def next_number(self) -> int:
        self._number += 1
        return self._number

    def sized(self, words: str, tokens: float) -> str:
        """A text of its own that weighs so many tokens."""
        return f"{words} {self.next_number()} [[tokens:{max(1, round(tokens))}]]"

    def says(self, tokens: int = 300, **fields: Any) -> Reply:
        """An answer in words."""
        return self.reply(Text(self.act.prose(tokens)), **fields)

    def reply(self, *steps: Step | Doing, **fields: Any) -> Reply:
        """An answer at a natural pace, with what becomes of its tool calls."""
        whole = tuple(self._expected(step) if isinstance(step, Doing) else step for step in steps)
        return self.act.reply(*whole, **{"piece_characters": _PIECE_CHARACTERS, **fields})

    def _expected(self, doing: Doing) -> ToolUse:
        use = replace(doing.use, id=f"toolu_{self.plan.number}_{self.next_number()}")
        self._doings[str(use.id)] = doing
        return use

    async def _run_tool(self, block: dict[str, Any]) -> ToolOutcome:
        doing = self._doings.pop(block["id"])
        if doing.begun is not None:
            doing.begun()
        if doing.asks_seconds is not None:
            await self._ask(block["name"], block["id"], doing.asks_seconds)
        began = self.now
        try:
            await self.act.client.wait(doing.outcome.seconds)
        finally:
            if block["name"] in {"AskUserQuestion", "ExitPlanMode"}:
                self.dialogs.append((began, self.now))
        await self.act.tell("PostToolUse", tool_name=block["name"], tool_use_id=block["id"])
        if doing.done is not None:
            doing.done()
        return doing.outcome

    async def _ask(self, tool: str, tool_use_id: str, seconds: float) -> None:
        """A permission dialog, as a client with our hooks and our status line tells of it."""
        began = self.now
        wait = self.act.client.wait
        try:
            await self.act.tell("PermissionRequest", tool_name=tool, tool_use_id=tool_use_id)
            await wait(min(seconds, _NOTIFIED_AFTER_SECONDS))
            if seconds > _NOTIFIED_AFTER_SECONDS:
                await self.act.tell("Notification", notification_type="permission_prompt")
                await wait(seconds - _NOTIFIED_AFTER_SECONDS)
        finally:
            self.dialogs.append((began, self.now))
        await wait(_STATUS_LINE_SECONDS)
        await self.stage.hook({"session_id": self.act.client.session_id, "cost": {"total_cost_usd": 1.0}})

    # -- what the person does --------------------------------------------------------------------------

    async def prompt(self, *replies: Reply, escape_after: float | None = None) -> Message:
        """Types something; the model answers with `replies`, one for each call."""
        self._goes_on()
        self._prompted_at = self.now
        self.act.will_answer(*replies)
        self.calls += len(replies)
        text = f"{self.act.prose(self.dice.randrange(5, 60))} {self.next_number()}"
        if escape_after is None:
            message = await self.act.prompt(text)
        else:
            message = await self.act.prompt_and_escape(text, escape_after)
        self._rests()
        return message

    async def wake(self, reply: Reply) -> None:
        """The background agent is done, and the main thread hears of it."""
        self.act.will_answer(reply)
        self.calls += 1
        self._goes_on()
        await self.act.client.wake()
        self._rests()

    def _rests(self) -> None:
        worked = self.now - self._prompted_at
        self._context_tokens = self.act.context_tokens or self._context_tokens
        self.rests.append(Rest(begins=self.now, ends=math.inf, worked_seconds=worked))

    def _goes_on(self) -> None:
        if self.rests:
            self.rests[-1].ends = min(self.rests[-1].ends, self.now)

    async def away(self, seconds: float) -> None:
        """Reads, thinks, talks to somebody."""
        await self.stage.wait(seconds)

    async def pause(self) -> None:
        """As long as people take between prompts; a script takes no time."""
        if self.is_scripted:
            return
        kind = self.dice.random()
        if kind < 0.7:
            await self.away(self.dice.uniform(6, 90))
        elif kind < 0.94:
            await self.away(self.dice.uniform(90, 270))
        else:
            await self.away(self.dice.uniform(300, 1500))

    async def compact(self, trigger: str) -> None:
        summary = Text(
            self.sized("<summary>What was done:", self.dice.randrange(2_000, 9_000)) + "</summary>"
        )
        self.act.will_answer(self.reply(summary, first_token_seconds=self.dice.uniform(2, 15)))
        await self.act.client.compact(trigger)
        self._context_tokens = _LEFT_TOKENS

    async def compact_if_full(self) -> None:
        """The client does it by itself before the next call."""
        if self.context_tokens >= self.compacts_at:
            await self.compact("auto")
