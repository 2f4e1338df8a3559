"""retrying: the client sends the same call again because the attempts before it failed."""

from __future__ import annotations

from clauditor.model.session import Session
from clauditor.model.state import session_state
from clauditor.signals import words
from clauditor.signals.finding import Finding, Signal, World

_WORTH_A_LOOK = 3  # the second attempt succeeds as a rule


def check(session: Session, world: World) -> Finding | None:
    main = session.main
    turn = main.turn if main is not None else None
    if turn is None or main is None or session_state(session, world.now).state != "retrying":
        return None
    is_waiting = not any(call.turn_id == turn.turn_id for call in main.open.values())
    attempt = turn.attempts + is_waiting
    ended = words.failure(turn.failed_status, turn.limited_by)
    if world.incident is not None:
        step = "Not your set-up: other sessions have the same trouble. The client tries up to 10 times."
    elif turn.limited_by == "plan":
        step = "Your plan's limit is reached: wait for its reset, or go on with another model or account."
    elif turn.failed_status == 429:
        step = "The client waits as long as it was told; fewer sessions at once help."
    else:
        step = "The client tries up to 10 times by itself; nothing to do yet."
    return Finding(
        severity="watch" if attempt >= _WORTH_A_LOOK else "notice",
        evidence="measured",
        summary=f"Attempt {attempt} of the same call; the last one ended with: {ended}.",
        short=ended,
        next_step=step,
    )


SIGNAL = Signal(name="retrying", check=check)
