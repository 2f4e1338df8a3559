"""stalled: an answer that does not begin, a stream without a byte, a command that never returns.

Pings count as bytes. The client gives up on a silent stream after 300 s and stops a command after 600 s (Claude
Code 2.1.330), so what is silent for longer than that was not stopped by it either.
"""

from __future__ import annotations

from collections.abc import Iterable

from clauditor.model.agent import Agent
from clauditor.model.call import Call, ToolCall
from clauditor.model.session import Session
from clauditor.model.state import STALLED
from clauditor.signals import words
from clauditor.signals.finding import Finding, Signal, World
from clauditor.signals.thresholds import Thresholds

_COMMANDS = frozenset({"Bash", "PowerShell"})


def check(session: Session, world: World) -> Finding | None:
    for agent in words.at_work(session, world.now):
        found = _silent_call(agent, world) or _endless_command(session, agent, world)
        if found is not None:
            return found
    return None


def _silent_call(agent: Agent, world: World) -> Finding | None:
    for call in agent.open.values():
        if world.now < _call_due(call, world.thresholds):
            continue
        began = call.responded_at is not None and call.is_stream
        silent = words.minutes(world.now - (call.last_byte_at or call.started_at))
        what = "The answer stopped in the middle" if began else "No answer begins"
        if world.incident is not None:
            step = "Not your set-up: other sessions have trouble too. Wait, or press Esc and try later."
        else:
            step = "Press Esc in its terminal and send it again; the client itself gives up after 5 minutes."
        return Finding(
            severity="act",
            evidence="measured",
            summary=f"{what}: no byte for more than {silent}{words.of_agent(agent)}.",
            short="no bytes mid-answer" if began else "no answer begins",
            next_step=step,
            agent_id=agent.agent_id,
        )
    return None


def _endless_command(session: Session, agent: Agent, world: World) -> Finding | None:
    if session.told.asking is not None or agent.open:
        return None
    for tool in agent.running.values():
        waited = world.now - _allowed_at(session, tool)
        if tool.name in _COMMANDS and waited >= world.thresholds.command_seconds:
            return Finding(
                severity="act",
                evidence="derived",
                summary=f"{tool.name} has not returned for {words.minutes(waited)}, longer than the client lets it run"
                f"{words.of_agent(agent)}.",
                short=f"{tool.name} never returns",
                next_step="Look at its terminal: it may wait for your ok; else press Esc.",
                agent_id=agent.agent_id,
            )
    return None


def _allowed_at(session: Session, tool: ToolCall) -> float:
    """From when on a command may have run: not while a person was asked whether it may."""
    return max(tool.called_at, session.prompting.attended_at or 0.0)


def _call_due(call: Call, thresholds: Thresholds) -> float:
    if not call.is_stream:
        return call.started_at + thresholds.whole_answer_seconds
    if call.responded_at is None:
        return call.started_at + thresholds.first_byte_seconds
    return (call.last_byte_at or call.responded_at) + thresholds.stream_seconds


def due(session: Session, thresholds: Thresholds) -> Iterable[float]:
    for agent in session.agents.values():
        for call in agent.open.values():
            yield _call_due(call, thresholds)
        for tool in agent.running.values():
            if tool.name in _COMMANDS:
                yield _allowed_at(session, tool) + thresholds.command_seconds


SIGNAL = Signal(name=STALLED, check=check, due=due)
