"""The words for what a session is doing and why it matters: STATE, WHY, CACHE, and its name.

The verdict is the sidecar's: a screen repeats it and never invents one. Without a verdict WHY says what
the snapshot itself tells, the most pressing fact first.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from clauditor.text import width
from clauditor.ui.views.segments import Role, fit
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.units import UNKNOWN, count, duration, price

# From here on the context is worth a word; the sidecar's own signal is finer and comes first.
FULL_RATIO: Final = 0.8
# A tool may outlive the cache; in its last minutes the countdown says more than "warm".
_COUNTDOWN_SECONDS: Final = 120
# A rebuilt prompt cache explains the last call, not the whole day.
_REBUILT_SECONDS: Final = 300
# While a model writes bytes come several times a second; a pause of seconds is ordinary.
_QUIET_SECONDS: Final = 10
# A minute without a byte is rare even before the first one.
_LONG_QUIET_SECONDS: Final = 60
_MIN_LABEL_CELLS: Final = 12

_WAITING: Final = {
    "approval": "approve",
    "question": "asks you",
    "prompt": "your turn",
    "background": "waits",
}
_STATES: Final = {"streaming": "writing", "retrying": "retry"}
_FAILURES: Final = {
    400: "bad request",
    401: "not signed in",
    402: "not paid",
    403: "forbidden",
    404: "not found",
    408: "timeout",
    413: "too large",
    429: "rate limited",
    529: "overloaded",
}
_CAUSES: Final = {
    "cold_start": "first call",
    "ttl_expired_5m": "5 min passed",
    "ttl_expired_1h": "1 h passed",
    "model_changed": "model changed",
    "speed_changed": "speed changed",
    "tools_changed": "tools changed",
    "system_changed": "system prompt changed",
    "messages_changed": "messages changed",
    "betas_changed": "betas changed",
    "effort_changed": "effort changed",
    "thinking_changed": "thinking changed",
    "compaction": "compaction",
    "likely_server_side": "likely on the server's side",
    "unknown": "cause unknown",
}
WORKING: Final = frozenset({"thinking", "streaming", "tool"})
FOLDED: Final = frozenset({"idle", "ended"})


def sign(session: SessionView) -> str:
    """Two cells before the name: `!!` act, `! ` watch."""
    level = session.verdict.level if session.verdict else "ok"
    return {"act": "!!", "watch": "! "}.get(level, "  ")


def urgency(session: SessionView, now: float) -> Role:
    """How a row is meant as a whole; its words say the same."""
    level = session.verdict.level if session.verdict else "ok"
    if level == "act" or asks_person(session):
        return "act"
    if level == "watch" or is_long_quiet(session, now):
        return "watch"
    return "dim" if session.state in FOLDED else "plain"


def asks_person(session: SessionView) -> bool:
    """Whether it cannot go on until a person answers."""
    return session.state == "waiting" and session.waiting_for in {"approval", "question"}


def quiet_seconds(session: SessionView, now: float) -> float | None:
    """How long an answer under way has brought no byte; None where it flows, or none is under way."""
    if session.state not in {"thinking", "streaming"} or session.last_activity_at is None:
        return None
    quiet = now - session.last_activity_at
    return quiet if quiet > _QUIET_SECONDS else None


def is_long_quiet(session: SessionView, now: float) -> bool:
    """Whether that is long enough to be worth an eye."""
    return (quiet_seconds(session, now) or 0.0) >= _LONG_QUIET_SECONDS


def state_word(session: SessionView) -> str:
    """What it does now, in one word of at most nine cells where the word is ours."""
    if session.state == "waiting":
        return _WAITING.get(session.waiting_for or "", "waits")
    if session.state == "tool":
        return session.tools_running[0].name if session.tools_running else "tool"
    if session.state == "retrying" and session.retry is not None and session.retry.attempt is not None:
        return f"retry {session.retry.attempt}"
    return _STATES.get(session.state, session.state)


def agent_word(state: str) -> str:
    """What an agent does, in the words of STATE."""
    return _STATES.get(state, state)


def state_seconds(session: SessionView, now: float) -> float | None:
    return None if session.state_since is None else max(0.0, now - session.state_since)


def cause_words(cause: str) -> str:
    """Why the prompt cache was missed; a cause we do not know is shown as it came."""
    return _CAUSES.get(cause, cause.replace("_", " "))


def failure_words(status: int | None) -> str:
    """Why an attempt failed: `529 overloaded`; with no error status the connection or the answer broke."""
    if status is None:
        return "connection broke"
    if status < 400:
        return "answer broke off"
    return f"{status} {_FAILURES.get(status, 'server error' if status >= 500 else 'refused')}"


def tool_list(session: SessionView) -> str:
    """The running tools: `Bash, Read x2`."""
    names = Counter(tool.name for tool in session.tools_running)
    return ", ".join(name if number == 1 else f"{name} x{number}" for name, number in names.items())


def cache_seconds(session: SessionView, now: float) -> float | None:
    """Seconds until the prompt cache goes cold; None when unknown, 0 when it is cold."""
    if session.cache.state == "cold":
        return 0.0
    if session.cache.expires_at is None:
        return None
    return max(0.0, session.cache.expires_at - now)


def cache_cell(session: SessionView, now: float) -> str:
    """`warm` while calls keep it so, a countdown while nothing does, `cold`, or `-`."""
    left = cache_seconds(session, now)
    if left is None:
        return "warm" if session.cache.state == "warm" else UNKNOWN
    if left <= 0:
        return "cold"
    in_flight = session.state in {"thinking", "streaming"}
    if in_flight or (session.state == "tool" and left > _COUNTDOWN_SECONDS):
        return "warm"
    return duration(left)


def why(session: SessionView, now: float) -> str:
    """The one thing to know about it, in few words; empty when there is nothing to say."""
    verdict = session.verdict
    if verdict is not None and verdict.level != "ok" and verdict.reason:
        return verdict.reason
    return _state_reason(session, now) or _side_reason(session, now) or _activity(session)


def _state_reason(session: SessionView, now: float) -> str:
    if (quiet := quiet_seconds(session, now)) is not None:
        return f"no bytes {duration(quiet)}"
    match session.state, session.waiting_for:
        case "waiting", "approval":
            tools = tool_list(session)
            if tools == "ExitPlanMode":
                return "shows you its plan"
            return f"needs your ok: {tools}" if tools else "needs your ok"
        case "waiting", "question":
            return "asks a question"
        case "waiting", "background":
            return "background work"
        case "retrying", _:
            return failure_words(session.retry.status if session.retry else None)
        case "stalled", _:
            return "no bytes arrive"
        case _:
            return ""


def _side_reason(session: SessionView, now: float) -> str:
    """Trouble beside what it does: the wrong model, a raised signal, a full context, a cold cache."""
    asked, served = session.model_requested, session.model_served
    if asked and served and asked != served:
        families = served.partition("-")[0], asked.partition("-")[0]
        same = families[0] == families[1]
        return f"{served}, asked {asked}" if same else f"{families[0]}, asked {families[1]}"
    raised = next((signal for signal in session.signals if signal.summary), None)
    if raised is not None:
        return raised.summary
    if (session.context.used_ratio or 0) >= FULL_RATIO:
        return compaction_words(session) or "context nearly full"
    miss = session.cache.last_miss
    if (
        miss is not None
        and miss.at is not None
        and now - miss.at < _REBUILT_SECONDS
        and miss.cause != "cold_start"
    ):
        return f"cache: {cause_words(miss.cause)}"
    if session.state == "waiting" and cache_cell(session, now) == "cold":
        return "cache cold" + (f": +{cold_price(session)}" if session.cache.rebuild_cost_usd else "")
    return ""


def _activity(session: SessionView) -> str:
    """What goes on when nothing is wrong."""
    busy = sum(agent.state in WORKING for agent in session.helpers)
    if busy:
        return f"{count(busy, 'agent')} at work"
    if session.state == "tool" and session.tools_running:
        return tool_list(session) if len(session.tools_running) > 1 else session.tools_running[0].target
    if session.state == "streaming" and session.tokens_per_second:
        return f"{session.tokens_per_second:.0f} tokens/s"
    if session.state == "waiting" and session.waiting_for == "prompt":
        ended = session.stop_reason in {None, "end_turn", "tool_use", "stop_sequence"}
        return "answer complete" if ended else f"stopped: {session.stop_reason}"
    if session.state in FOLDED:
        return session.stop_reason or ""
    return f"call {session.turns}" if session.turns and session.state != "waiting" else ""


def compaction_words(session: SessionView) -> str:
    """How far the client's own compaction is: `compacts ~4 calls`; empty when unknown."""
    left = session.context.turns_to_compact
    if left is None:
        return ""
    return "compacts now" if left <= 0 else f"compacts ~{count(left, 'call')}"


def cold_price(session: SessionView) -> str:
    """What writing the cache anew would cost."""
    return price(session.cache.rebuild_cost_usd, estimated=session.estimated)


def name_cells(session: SessionView, cells: int) -> tuple[str, str]:
    """Project and label (or what stands for them) sharing `cells` cells, one blank between.

    The label keeps at least twelve cells where it has as many; the project gives way.
    """
    # Sessions of one project without labels differ by their id, which `clauditor show` takes as well.
    project, label = session.project or "", session.label or session.shown_id[:8]
    if not project:
        return "", fit(label, cells).rstrip()
    label_cells = min(width(label), max(_MIN_LABEL_CELLS, cells - 1 - width(project)))
    project_cells = min(width(project), max(1, cells - 1 - label_cells))
    return (
        fit(project, project_cells).rstrip(),
        fit(label, max(0, min(label_cells, cells - 1 - project_cells))).rstrip(),
    )


def full_name(session: SessionView) -> str:
    """Its name where there is room: `webshop: fix login test`."""
    label = session.label or session.shown_id[:8]
    return f"{session.project}: {label}" if session.project else label
