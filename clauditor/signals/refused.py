"""refused: the model declined to answer (`stop_reason: refusal`)."""

from __future__ import annotations

from clauditor.model.session import Session
from clauditor.model.state import session_state
from clauditor.signals.finding import Finding, Signal, World


def check(session: Session, world: World) -> Finding | None:
    if session.stop_reason != "refusal" or session_state(session, world.now).state in {"idle", "ended"}:
        return None
    return Finding(
        severity="watch",
        evidence="measured",
        summary="The model refused to answer the last call.",
        short="refused to answer",
        next_step="Say it in another way, or rewind to before what it refused.",
    )


SIGNAL = Signal(name="refused", check=check)
