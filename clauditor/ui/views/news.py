"""News of a session, as values: what to say, when, how pressing; and the moments that they are told of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from clauditor.ui.views import units, words
from clauditor.ui.views.fields import float_of, text_of
from clauditor.ui.views.segments import Role
from clauditor.ui.views.session import Agent, SessionView

MAIN: Final = "main"
NO_SIGN: Final = "  "
_SIGNS: Final[Mapping[str, tuple[str, Role]]] = {"act": ("!!", "act"), "watch": ("! ", "watch")}


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One thing to say about a session (None: about all of them), at `at` (Unix seconds). `sign`: two cells."""

    at: float | None
    session: SessionView | None
    session_id: str
    text: str
    role: Role = "plain"
    sign: str = NO_SIGN
    is_signal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Events of one session, oldest first, and its snapshots around them; `session_id` is empty for the daemon's.

    `before` is None for a session that was not there, `after` for one that left.
    """

    session_id: str
    events: tuple[Mapping[str, Any], ...] = ()
    before: SessionView | None = None
    after: SessionView | None = None

    @property
    def view(self) -> SessionView | None:
        return self.after or self.before

    def names(self, type_: str) -> list[str]:
        """The `name` of each event of a type."""
        return [str(event.get("name")) for event in self.events if event.get("type") == type_]


def news_of(
    event: Mapping[str, Any],
    moment: Moment,
    text: str,
    role: Role = "plain",
    *,
    sign: str = NO_SIGN,
    named: bool = True,
    is_signal: bool = False,
) -> News:
    """News of an event; what another agent than the main thread did is told with its name."""
    agent_id = agent_id_of(event)
    agent = agent_of(moment.view, agent_id)
    whose = "" if agent_id == MAIN or not named else f"{agent_name(agent) if agent else 'agent'} "
    return News(
        at=float_of(event.get("at")),
        session=moment.view,
        session_id=moment.session_id,
        text=f"{whose}{text}",
        role=role,
        sign=sign,
        is_signal=is_signal or event.get("type") == "SignalRaised",
    )


def plain_news(moment: Moment, text: str, at: float | None, role: Role = "plain") -> News:
    return News(at=at, session=moment.view, session_id=moment.session_id, text=text, role=role)


def agent_id_of(event: Mapping[str, Any]) -> str:
    return text_of(event.get("agent_id")) or MAIN


def agent_of(view: SessionView | None, agent_id: str) -> Agent | None:
    return next((agent for agent in view.agents if agent.agent_id == agent_id), None) if view else None


def agent_name(agent: Agent) -> str:
    """`agent Explore a3f2`: its kind, and the part of its id that tells it from others."""
    return f"agent {agent.type} {agent.agent_id[:5]}"


def price(usd: float, view: SessionView, *, complete: bool = True) -> str:
    """Dollars as in `units.price`; what is less than a cent is not nothing."""
    if complete and 0 < usd < words.CENT:
        return "<$0.01"
    return units.price(usd, estimated=view.estimated, complete=complete)


def seconds_words(seconds: float) -> str:
    return f"{max(0.0, seconds):.1f} s" if seconds < 9.95 else units.ago(seconds)


def signal_text(summary: str, next_step: str) -> str:
    return f"{summary} Next: {next_step}" if next_step else summary


def signal_sign(severity: str) -> tuple[str, Role]:
    """Two cells and a role for how pressing something is: `!!` act, `! ` watch."""
    return _SIGNS.get(severity, (NO_SIGN, "plain"))


def counted(view: SessionView) -> str:
    """What a session did so far: `3 prompts, 12 calls, ~$2.31`."""
    counts = ((view.prompts, "prompt"), (view.turns, "call"))
    parts = [units.count(number, noun) for number, noun in counts if number]
    if view.cost_usd is not None:
        parts.append(price(view.cost_usd, view, complete=view.cost_complete))
    return ", ".join(parts)
