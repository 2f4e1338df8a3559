"""What a signal says of a session, and what it may look at to say it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from clauditor.model.account import Account
from clauditor.model.events import MAIN_AGENT, Evidence, Severity
from clauditor.model.incident import Incident
from clauditor.model.session import Session
from clauditor.signals.thresholds import Thresholds
from clauditor.text import clean

SHORT_CELLS: Final = 19  # the column WHY of a screen of 80
SENTENCE_CELLS: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a session cannot know by itself. `now` is in Unix seconds; `incident` is trouble of the upstream that
    several sessions share.
    """

    now: float
    thresholds: Thresholds
    account: Account | None = None
    incident: Incident | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A signal holds now. `summary` is one sentence, `short` the same in a few words; numbers and names only,
    no clock times (who shows them knows the zone) and no countdowns. `rank` overrides the catalogue's order.
    """

    severity: Severity
    evidence: Evidence
    summary: str
    short: str
    next_step: str
    agent_id: str = MAIN_AGENT
    rank: int | None = None


def fitted(finding: Finding) -> Finding:
    """The finding in clean lines that fit a screen: a name in it may be hostile, a number long."""
    return replace(
        finding,
        summary=clean(finding.summary, SENTENCE_CELLS),
        short=clean(finding.short, SHORT_CELLS),
        next_step=clean(finding.next_step, SENTENCE_CELLS),
    )


def never(_session: Session, _thresholds: Thresholds) -> Iterable[float]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """`check` looks at a session without keeping anything. `due` names points in time (Unix seconds, past ones
    included) at which time alone may change what it says.
    """

    name: str
    check: Callable[[Session, World], Finding | None]
    due: Callable[[Session, Thresholds], Iterable[float]] = never
