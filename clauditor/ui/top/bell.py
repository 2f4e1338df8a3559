"""When the screen rings: signals that appeared since it was opened, by the rules of all alerts. Pure.

The screen sees snapshots rather than events, so it compares: what holds now and did not a moment ago was raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clauditor.alerts.alert import terminal_bytes
from clauditor.alerts.deciding import Decider
from clauditor.alerts.rules import AlertRules
from clauditor.model.events import Severity, SignalCleared, SignalRaised
from clauditor.model.verdict import SEVERITIES
from clauditor.ui.views.session import SessionView, Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A signal as it was last seen to hold in a session."""

    severity: Severity
    since: float
    project: str | None
    account: str | None


class Bell:
    """Ask it with `ring` about once a second."""

    def __init__(self, rules: AlertRules) -> None:
        self._decider = Decider(rules)
        self._held: dict[tuple[str, str], _Held] | None = None

    def ring(self, sessions: Mapping[str, SessionView], now: float) -> str:
        """What to write to the terminal at `now` (Unix seconds): a notification and a bell, or nothing.

        What holds at the first call is on the screen already and rings no more.
        """
        held = {
            (session.session_id, signal.name): (signal, one)
            for session in sessions.values()
            for signal in session.signals
            if (one := _held(session, signal, now)) is not None
        }
        if self._held is not None:
            self._compare(self._held, held, now)
        self._held = {key: one for key, (_, one) in held.items()}

        def may_ring(session_id: str) -> bool:
            return session_id in sessions and not sessions[session_id].is_muted

        toast = self._decider.decide(now, may_ring).toast
        return "" if toast is None else terminal_bytes(toast).decode()

    def _compare(
        self,
        before: Mapping[tuple[str, str], _Held],
        after: Mapping[tuple[str, str], tuple[Signal, _Held]],
        now: float,
    ) -> None:
        for (session_id, name), one in before.items():
            known = after.get((session_id, name))
            if known is None or (known[1].severity, known[1].since) != (one.severity, one.since):
                cleared = SignalCleared(
                    at=now, session_id=session_id, name=name, severity=one.severity, raised_at=one.since
                )
                self._decider.see(cleared, project=one.project, account=one.account)
        for (session_id, name), (signal, one) in after.items():
            known_before = before.get((session_id, name))
            if known_before is None or (known_before.severity, known_before.since) != (
                one.severity,
                one.since,
            ):
                self._decider.see(_raised(session_id, signal, one), project=one.project, account=one.account)


def _held(session: SessionView, signal: Signal, now: float) -> _Held | None:
    severity = next((one for one in SEVERITIES if one == signal.severity), None)
    if severity is None:
        return None
    since = now if signal.since is None else min(signal.since, now)
    return _Held(severity=severity, since=since, project=session.project, account=session.account)


def _raised(session_id: str, signal: Signal, one: _Held) -> SignalRaised:
    return SignalRaised(
        at=one.since,
        session_id=session_id,
        name=signal.name,
        severity=one.severity,
        evidence="measured",
        summary=signal.summary,
        short=signal.short or signal.summary,
        next_step=signal.next_step,
    )
