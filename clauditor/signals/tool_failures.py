"""tool_failures: most of what an agent tries fails. A call that the person rejected is no failure."""

from __future__ import annotations

from clauditor.model.session import Session
from clauditor.names import tool_name
from clauditor.signals import words
from clauditor.signals.finding import Finding, Signal, World
from clauditor.text import clean


def check(session: Session, world: World) -> Finding | None:
    limits = world.thresholds
    for agent in words.at_work(session, world.now):
        record = agent.record
        results, failures, in_a_row = len(record.failed), sum(record.failed), record.failures_in_a_row
        last = clean(tool_name(record.last_failed or "tool"), 40)
        if in_a_row >= limits.failures_in_a_row:
            what, short = f"The last {in_a_row} tool calls failed", f"{in_a_row} tools failed"
        elif results >= limits.failures_results and failures >= limits.failures_ratio * results:
            what = f"{failures} of the last {results} tool calls failed"
            short = f"{failures} of {results} tools fail"
        else:
            continue
        return Finding(
            severity="watch",
            evidence="measured",
            summary=f"{what}, the newest in {last}{words.of_agent(agent)}.",
            short=short,
            next_step="Look at the errors; a word from you may save it many calls.",
            agent_id=agent.agent_id,
        )
    return None


SIGNAL = Signal(name="tool_failures", check=check)
