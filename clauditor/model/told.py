"""What the client itself tells by its hooks and status line: that it asks a person, where it runs, what it counted.

Claude Code 2.1.330, measured: the permission hook comes at once; no hook fires when the person allows it, but
the status line, silent while the dialog is open, is called within 0.2 s, and the tool's own end follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clauditor.model.agent import DIALOGS, WaitingFor
from clauditor.model.events import HookSeen

_OVER: Final = frozenset({"StatusLine", "PostToolUse", "Stop", "UserPromptSubmit", "SessionStart"})


@dataclass(slots=True, kw_only=True)
class Asking:
    """A dialog that is open: for what, about which tool, since when (Unix seconds)."""

    waiting_for: WaitingFor
    tool_name: str | None
    agent_id: str
    since: float
    prompt_id: str | None = None


@dataclass(slots=True, kw_only=True)
class Told:
    """`pane` (tmux) and `tty` name its terminal; `has_hooks` says that dialogs would be told."""

    asking: Asking | None = None
    has_hooks: bool = False
    pane: str | None = None
    tty: str | None = None
    run_id: str | None = None
    client_cost_usd: float | None = None
    client_cost_at: float | None = None

    def see(self, event: HookSeen) -> bool:
        """Take it in; True if it says that a person answered an open dialog."""
        was_asking = self.asking is not None
        self.has_hooks = self.has_hooks or event.hook != "StatusLine"
        self.pane, self.tty = event.pane or self.pane, event.tty or self.tty
        self.run_id = event.run_id or self.run_id
        if event.client_cost_usd is not None:
            self.client_cost_usd, self.client_cost_at = event.client_cost_usd, event.at
        if event.hook == "PermissionRequest":
            waiting_for = DIALOGS.get(event.tool_name or "", "approval")
            self._asks(waiting_for, event)
        elif event.hook == "Notification" and event.notice == "permission_prompt" and self.asking is None:
            self._asks("approval", event)
        elif event.hook in _OVER and not self._is_late(event):
            self.asking = None
        return was_asking and self.asking is None

    def goes_on(self, agent_id: str) -> bool:
        """The agent sent its next request: whatever it asked was answered; True if it asked."""
        if self.asking is None or self.asking.agent_id != agent_id:
            return False
        self.asking = None
        return True

    def _is_late(self, event: HookSeen) -> bool:
        """Hooks are delivered side by side: that of a prompt may come after that of the dialog the prompt led to."""
        asking = self.asking
        return (
            event.hook == "UserPromptSubmit"
            and asking is not None
            and event.prompt_id is not None
            and event.prompt_id == asking.prompt_id
        )

    def _asks(self, waiting_for: WaitingFor, event: HookSeen) -> None:
        self.asking = Asking(
            waiting_for=waiting_for,
            tool_name=event.tool_name,
            agent_id=event.agent_id,
            since=event.at,
            prompt_id=event.prompt_id,
        )

    def shift(self, seconds: float) -> None:
        if self.asking is not None:
            self.asking.since += seconds
        if self.client_cost_at is not None:
            self.client_cost_at += seconds
