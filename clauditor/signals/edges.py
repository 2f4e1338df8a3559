"""Levels become edges: what a session's signals say now against what was raised before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from clauditor.model.events import SignalCleared, SignalRaised
from clauditor.model.session import Session
from clauditor.model.verdict import Raised
from clauditor.signals.catalogue import RANKS, SIGNALS
from clauditor.signals.finding import Finding, World, fitted


def findings(
    session: Session, world: World, on_error: Callable[[str, Exception], None]
) -> dict[str, Finding]:
    """What holds now, by signal. One that raises says nothing, and `on_error` is told its name."""
    found: dict[str, Finding] = {}
    if session.ended_at is not None:
        return found
    for signal in SIGNALS:
        try:
            finding = signal.check(session, world)
        except Exception as error:  # noqa: BLE001 - a border: the other signals go on
            on_error(signal.name, error)
            continue
        if finding is not None:
            found[signal.name] = fitted(finding)
    return found


def edges(
    session: Session, found: Mapping[str, Finding], now: float
) -> Iterator[SignalRaised | SignalCleared]:
    """What begins and what ends to hold, ends first; a signal in another severity ends and begins anew."""
    for name, known in list(session.signals.items()):
        finding = found.get(name)
        if finding is None or finding.severity != known.severity:
            yield SignalCleared(
                at=now,
                session_id=session.session_id,
                agent_id=known.agent_id,
                name=name,
                severity=known.severity,
                raised_at=known.since,
            )
    for name, finding in found.items():
        if name not in session.signals:
            yield SignalRaised(
                at=now,
                session_id=session.session_id,
                agent_id=finding.agent_id,
                name=name,
                severity=finding.severity,
                evidence=finding.evidence,
                summary=finding.summary,
                short=finding.short,
                next_step=finding.next_step,
                rank=RANKS[name] if finding.rank is None else finding.rank,
            )


def reword(session: Session, found: Mapping[str, Finding]) -> bool:
    """Take up new words of signals that go on to hold; True if any changed."""
    has_changed = False
    for name, known in session.signals.items():
        finding = found.get(name)
        if finding is not None and _said(known) != _said(finding):
            known.summary, known.short = finding.summary, finding.short
            known.next_step, known.evidence = finding.next_step, finding.evidence
            known.agent_id = finding.agent_id
            has_changed = True
    return has_changed


def _said(of: Raised | Finding) -> tuple[str, ...]:
    return of.summary, of.short, of.next_step, of.evidence, of.agent_id
