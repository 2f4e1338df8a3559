"""What a person typed: how many prompts, and what was done for the newest one.

By the client's own prompt ids where hint headers are on; else by user messages that carry no tool result and
no text the client wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from clauditor.model.events import MAIN_AGENT, AttemptStarted

MAX_PROMPT_IDS: Final = 256  # newest prompt ids, to count distinct ones


@dataclass(slots=True, kw_only=True)
class Prompts:
    """`started_at` is when the newest prompt was sent (Unix seconds), `tool_calls` what it led to so far;
    `attended_at` is when a person last did something for it: typed it, or answered a dialog.
    """

    count: int = 0
    ids: list[str] = field(default_factory=list)
    started_at: float | None = None
    attended_at: float | None = None
    tool_calls: int = 0

    def see(self, event: AttemptStarted, *, is_new_turn: bool) -> bool:
        """Whether the request begins a prompt that was not seen before."""
        is_new = False
        if event.prompt_id is not None:
            if event.prompt_id not in self.ids:
                is_new = not event.is_wake_up
                self.ids.append(event.prompt_id)
                del self.ids[:-MAX_PROMPT_IDS]
        elif not self.ids and is_new_turn and event.new_prompt and event.agent_id == MAIN_AGENT:
            is_new = True
        if is_new:
            self.count += 1
            self.started_at = self.attended_at = event.at
            self.tool_calls = 0
        return is_new

    def shift(self, seconds: float) -> None:
        if self.started_at is not None:
            self.started_at += seconds
        if self.attended_at is not None:
            self.attended_at += seconds
