"""model_fallback: another model (or speed) answers the main thread than was asked for.

By canonical ids, so an alias and its dated id are one; an explicit change of the model between prompts, plan
mode and the models of subagents are none. Server side: the answer's own word (`iterations`, `model`); client
side: after failures or a refusal the same messages go to another model.
"""

from __future__ import annotations

from clauditor.model.models import canonical
from clauditor.model.session import Session
from clauditor.model.state import session_state
from clauditor.names import model_name
from clauditor.signals.finding import Finding, Signal, World
from clauditor.text import clean


def check(session: Session, world: World) -> Finding | None:
    fallback = session.main.fallback if session.main is not None else None
    if fallback is None or session_state(session, world.now).state in {"idle", "ended"}:
        return None
    if fallback.kind == "speed":
        return Finding(
            severity="watch",
            evidence="measured",
            summary="Answered at standard speed; you asked for fast.",
            short="standard, not fast",
            next_step="Fast capacity is used up for now; each change of speed rewrites the prompt cache.",
        )
    asked, served = (clean(model_name(canonical(name)), 40) for name in (fallback.requested, fallback.served))
    if fallback.kind == "client":
        why, step = " after failures", "The client tries the first model again at your next prompt."
    else:
        why, step = "", f"/model {asked.partition('-')[0]} asks for it again; check the answers since then."
    return Finding(
        severity="watch",
        evidence="measured",
        summary=f"Answered by {served}{why}; you asked for {asked}.",
        short=_short(asked, served),
        next_step=step,
    )


def _short(asked: str, served: str) -> str:
    """`sonnet, asked opus`; two of one family differ by their versions."""
    families = served.partition("-")[0], asked.partition("-")[0]
    if families[0] != families[1]:
        return f"{families[0]}, asked {families[1]}"
    return f"{served}, not {asked.partition('-')[2] or asked}"


SIGNAL = Signal(name="model_fallback", check=check)
