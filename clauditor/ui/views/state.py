"""What a session is doing right now, as a sentence with its times."""

from __future__ import annotations

from typing import Final

from clauditor.ui.views import units, words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.session import RunningTool, SessionView

_PLAIN: Final = {"stalled": "no bytes arrive", "idle": "nothing going on"}


def since_words(at: float | None, scene: Scene) -> str:
    """` since 14:29:58`; empty when the time is unknown."""
    if at is None:
        return ""
    if scene.now - at >= units.DAY:
        return f" since {units.moment(at, scene.now, scene.zone)}"
    return f" since {units.clock(at, scene.zone, seconds=True)}"


def state_sentence(session: SessionView, scene: Scene) -> str:
    """What it does, or for what it waits, and since when."""
    since = since_words(session.state_since, scene)
    match session.state:
        case "waiting":
            return _waiting(session, since)
        case "thinking":
            does = f"call {session.turns} sent, no content yet" if session.turns else "thinks"
            return f"{does}{since}{_quiet(session, scene)}"
        case "streaming":
            speed = session.tokens_per_second
            last = "" if speed is None else f"; the call before ran at {speed:.0f} tokens/s"
            return f"writes its answer{since}{_quiet(session, scene) or last}"
        case "tool":
            tools = ", ".join(_tool(tool) for tool in session.tools_running)
            return f"runs {tools or 'a tool'}{since}"
        case "retrying":
            retry = session.retry
            attempt = f"attempt {retry.attempt} of one call" if retry and retry.attempt else "tries again"
            return f"{attempt}, the last one failed: {words.retry_words(retry)}{since}"
        case other:
            return f"{_PLAIN.get(other, other)}{since}"


def _quiet(session: SessionView, scene: Scene) -> str:
    """Since when an answer under way has brought no byte."""
    if words.quiet_seconds(session, scene.now) is None:
        return ""
    return f"; no bytes{since_words(session.last_activity_at, scene)}"


def _waiting(session: SessionView, since: str) -> str:
    match session.waiting_for:
        case "approval":
            tools = ", ".join(_tool(tool) for tool in session.tools_running)
            if tools == "ExitPlanMode":
                return f"Claude shows its plan and asks for your ok; waits{since}"
            asks = "asks" if session.state_evidence in {None, "measured"} else "seems to ask"
            return f"Claude {asks} for your ok{f' to run {tools}' if tools else ''}; waits{since}"
        case "question":
            return f"Claude asks you a question; waits{since}"
        case "background":
            busy = sum(agent.state in words.WORKING for agent in session.helpers)
            return f"{units.count(busy, 'agent') if busy else 'something'} at work in the background{since}"
        case "prompt":
            return f"its answer is complete; waits for your prompt{since}"
        case _:
            return f"waits{since}"


def _tool(tool: RunningTool) -> str:
    return f"{tool.name} ({tool.target})" if tool.target else tool.name
