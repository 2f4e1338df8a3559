"""needs_answer: Claude cannot go on until a person answers, or is done after a piece of work."""

from __future__ import annotations

from collections.abc import Iterable

from clauditor.model.session import Session
from clauditor.model.state import SessionState, derived_approval_at, session_state
from clauditor.names import tool_name
from clauditor.signals import words
from clauditor.signals.finding import Finding, Signal, World
from clauditor.signals.thresholds import Thresholds
from clauditor.text import clean

_YOUR_TURN_RANK = 60  # everything else that is worth a look comes first
_SETTLE_SECONDS = 2.0  # the client may go on by itself: a hook, an answer cut at its length


def check(session: Session, world: World) -> Finding | None:
    found = session_state(session, world.now)
    match found.state, found.waiting_for:
        case "waiting", "approval" | "question":
            return _dialog(session, found, world)
        case "waiting", "prompt":
            return _your_turn(session, found.since, world)
        case _:
            return None


def _dialog(session: Session, found: SessionState, world: World) -> Finding | None:
    if world.now - found.since < world.thresholds.dialog_seconds:
        return None
    name, shown = _tool(session)
    if found.waiting_for == "question":
        summary, short = "Claude asks you a question.", "asks a question"
    elif name == "ExitPlanMode":
        summary, short = "Claude shows its plan and asks for your ok.", "shows you its plan"
    else:
        summary = f"Claude asks for your ok{f' to run {shown}' if shown else ''}."
        short = f"needs your ok: {name}" if name else "needs your ok"
    return Finding(
        severity="act",
        evidence=found.evidence,
        summary=summary,
        short=short,
        next_step="Answer in its terminal.",
    )


def _your_turn(session: Session, since: float, world: World) -> Finding | None:
    main, attended_at = session.main, session.prompting.attended_at
    if main is None or not main.has_answer or session.is_scripted or attended_at is None:
        return None
    if main.stop_reason == "tool_use":
        return None  # its tools are done: the client compacts, or is about to send the next call
    worked = since - attended_at
    if worked < world.thresholds.your_turn_work_seconds:
        return None
    if not _SETTLE_SECONDS <= world.now - since < world.thresholds.your_turn_shown_seconds:
        return None
    return Finding(
        severity="watch",
        evidence="measured",
        summary=f"Its answer is complete after {words.minutes(worked)} of work; it is your turn.",
        short="answer complete",
        next_step="Read it and send the next prompt.",
        rank=_YOUR_TURN_RANK,
    )


def _tool(session: Session) -> tuple[str, str]:
    """Name of the tool in question, and the name with its safe target: `Bash`, `Bash (pytest)`."""
    asked = session.told.asking.tool_name if session.told.asking is not None else None
    running = [tool for agent in session.agents.values() for tool in agent.running.values()]
    tool = next((one for one in reversed(running) if asked in {None, one.name}), None)
    raw = asked or (tool.name if tool is not None else "")
    name = clean(tool_name(raw), 40)
    target = clean(tool.target, 40) if tool is not None and tool.target else ""
    return name, f"{name} ({target})" if target else name


def due(session: Session, thresholds: Thresholds) -> Iterable[float]:
    if session.told.asking is not None:
        yield session.told.asking.since + thresholds.dialog_seconds
    elif (main := session.main) is not None:
        _, waiting_for, since = main.state_of(session.last_activity_at)
        derived_at = derived_approval_at(session, main)
        if derived_at is not None:
            yield derived_at + thresholds.dialog_seconds
        elif waiting_for in {"approval", "question"}:
            yield since + thresholds.dialog_seconds
        elif waiting_for == "prompt":
            yield since + _SETTLE_SECONDS
            yield since + thresholds.your_turn_shown_seconds


SIGNAL = Signal(name="needs_answer", check=check, due=due)
