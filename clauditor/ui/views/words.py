"""The words for what a session is doing and why it matters: STATE, WHY, CACHE, and its name.

Verdict, signals and attention are the sidecar's: a screen repeats them and never invents one. Of a session
that nothing is wrong with, WHY tells the plain facts of what it does.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from clauditor.text import width
from clauditor.ui.views.segments import Role, fit
from clauditor.ui.views.session import Retry, SessionView
from clauditor.ui.views.units import UNKNOWN, count, duration

# A tool may outlive the cache; in its last minutes the countdown says more than "warm".
COUNTDOWN_SECONDS: Final = 120
# While a model writes bytes come several times a second; a pause of seconds is ordinary.
QUIET_SECONDS: Final = 10
_MIN_LABEL_CELLS: Final = 12

_WAITING: Final = {
    "approval": "approve",
    "question": "asks you",
    "prompt": "your turn",
    "background": "waits",
}
_DIALOGS: Final = frozenset({"approval", "question"})
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
_LIMITS: Final = {"plan": "plan limit", "service": "service limit"}
_OUTCOMES: Final = {
    "http": "refused",
    "stream": "broke off",
    "aborted": "ended early",
    "proxy": "seen in part",
}
_TOOL_OUTCOMES: Final = {
    "error": "failed",
    "timeout": "timed out",
    "denied": "refused",
    "rejected": "refused",
}
CENT: Final = 0.005  # less is not worth a word
WORKING: Final = frozenset({"thinking", "streaming", "tool"})
UNHEARD: Final = "not heard"
"""The state of a session whose sidecar is silent: nobody knows."""
FOLDED: Final = frozenset({"idle", "ended", UNHEARD})


# Signals that say in other words what the state says.
OF_STATE: Final = frozenset({"needs_answer", "stalled", "retrying"})


def level(session: SessionView) -> str:
    """What it asks of a person: `act`, `watch` or `ok`. One that was muted asks nothing."""
    return session.verdict.level if session.verdict is not None and not session.is_muted else "ok"


def sign(session: SessionView) -> str:
    """Two cells before the name: `!!` act, `! ` watch."""
    return {"act": "!!", "watch": "! "}.get(level(session), "  ")


def urgency(session: SessionView) -> Role:
    """How a row is meant as a whole; its sign says the same."""
    match level(session):
        case "act":
            return "act"
        case "watch":
            return "watch"
        case _:
            return "dim" if session.state in FOLDED or session.is_muted else "plain"


def raised(session: SessionView, *names: str) -> Role | None:
    """How pressing the signals of these names are that hold; None where none does, or it is muted."""
    severities = {signal.severity for signal in session.signals if signal.name in names}
    if session.is_muted or not severities & {"act", "watch"}:
        return None
    return "act" if "act" in severities else "watch"


def quiet_seconds(session: SessionView, now: float) -> float | None:
    """How long an answer under way has brought no byte; None where it flows, or none is under way."""
    if session.state not in {"thinking", "streaming"} or session.last_activity_at is None:
        return None
    quiet = now - session.last_activity_at
    return quiet if quiet > QUIET_SECONDS else None


def state_word(session: SessionView) -> str:
    """What it does now, in one word of at most nine cells where the word is ours; `?` where it is a guess."""
    if session.state == "waiting":
        word = _WAITING.get(session.waiting_for or "", "waits")
        is_guess = session.waiting_for in _DIALOGS and session.state_evidence not in {None, "measured"}
        return f"{word}?" if is_guess else word
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


def retry_words(retry: Retry | None) -> str:
    """Why the attempt before failed: `529 overloaded`, `429 plan limit`."""
    return failure_words(retry.status, retry.limited_by) if retry else failure_words(None)


def failure_words(status: int | None, limited_by: str | None = None) -> str:
    """Why an attempt failed: `529 overloaded`; with no error status the connection or the answer broke. `limited_by`:
    whose limit a 429 is.
    """
    if limited_by in _LIMITS:
        return f"{status or 429} {_LIMITS[limited_by]}"
    if status is None:
        return "connection broke"
    if status < 400:
        return "answer broke off"
    return f"{status} {_FAILURES.get(status, 'server error' if status >= 500 else 'refused')}"


def outcome_word(outcome: str) -> str:
    """How a call ended that was not answered in full."""
    return _OUTCOMES.get(outcome, outcome)


def tool_outcome(outcome: str | None) -> str:
    """How a tool call ended; a dash while its result was not seen."""
    return UNKNOWN if outcome is None else _TOOL_OUTCOMES.get(outcome, outcome)


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
    if in_flight or (session.state == "tool" and left > COUNTDOWN_SECONDS):
        return "warm"
    return duration(left)


def why(session: SessionView, now: float, cells: int) -> str:
    """The one thing to know about it, in `cells` cells if it can be; empty when there is nothing to say."""
    verdict = session.verdict
    if verdict is None or verdict.level == "ok" or not (verdict.reason or verdict.short):
        return _state_reason(session, now) or _activity(session)
    muted = "muted: " if session.is_muted else ""
    sentence = muted + verdict.reason.removesuffix(".")
    return (
        sentence if verdict.reason and width(sentence) <= cells else muted + (verdict.short or verdict.reason)
    )


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
            return retry_words(session.retry)
        case _:
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
