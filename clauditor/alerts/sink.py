"""The alerts as a sink of the hub: takes note of signals, asks once a second what rings, hands it to the ways.

`observe` and `tick` never block; deliveries have threads of their own. What already held when the sidecar started
is not raised again by the hub, and so does not ring again.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from clauditor.alerts.alert import Alert, Toast
from clauditor.alerts.command import Command
from clauditor.alerts.deciding import Decider
from clauditor.alerts.delivery import Courier
from clauditor.alerts.desktop import Desktop
from clauditor.alerts.rules import AlertRules
from clauditor.alerts.webhook import Webhook
from clauditor.model.events import ClockJumped, Event, SessionEnded, SignalCleared, SignalRaised
from clauditor.model.facts import Fact
from clauditor.model.session import Session
from clauditor.text import clean

_SEEN = (SignalRaised, SignalCleared, SessionEnded, ClockJumped)
_LABEL_CELLS = 80


class LiveSessions(Protocol):
    """What the alerts ask of the hub."""

    @property
    def sessions(self) -> Mapping[str, Session]: ...
    def snapshot(self, session_id: str, now: float) -> dict[str, Any] | None: ...


class Alerts:
    """Rings. `run` is a task of the daemon, `tick` wants to be called about once a second."""

    def __init__(
        self, rules: AlertRules, *, environ: Mapping[str, str] = os.environ, platform: str = sys.platform
    ) -> None:
        self._rules = rules
        self._decider = Decider(rules)
        self._people: list[Courier[Toast]] = []
        self._programs: list[Courier[Alert]] = []
        self._labelled: Courier[Alert] | None = None
        desktop = Desktop(environ, platform=platform)
        if rules.desktop or (rules.desktop is None and desktop.obstacle() is None):
            self._people.append(Courier(desktop))
        if rules.webhook is not None:
            webhook: Courier[Alert] = Courier(Webhook(rules.webhook))
            self._labelled = webhook if rules.webhook_labels else None
            self._programs.append(webhook)
        if rules.command:
            self._programs.append(Courier(Command(rules.command, environ)))

    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:  # noqa: ARG002
        if isinstance(event, _SEEN):
            project, account = (session.project, session.account) if session is not None else (None, None)
            self._decider.see(event, project=project, account=account)

    def tick(self, hub: LiveSessions, now: float) -> None:
        """Let ring what is due at `now` (Unix seconds)."""

        def may_ring(session_id: str) -> bool:
            session = hub.sessions.get(session_id)
            return session is not None and (session.muted_until is None or session.muted_until <= now)

        decision = self._decider.decide(now, may_ring)
        if decision.toast is not None:
            for people in self._people:
                people.offer(decision.toast)
        for alert in decision.alerts:
            for program in self._programs:
                program.offer(_labelled(alert, hub, now) if program is self._labelled else alert)

    async def run(self) -> None:
        """Deliver until cancelled; what is under way then is given up."""
        for courier in self._couriers():
            courier.start()
        try:
            await asyncio.Event().wait()
        finally:
            for courier in self._couriers():
                courier.close()

    def delivered(self) -> Mapping[str, int]:
        """Deliveries by way, since the start; so are the next two."""
        return {courier.name: courier.delivered for courier in self._couriers()}

    def failed(self) -> Mapping[str, int]:
        return {courier.name: courier.failed for courier in self._couriers()}

    def dropped(self) -> Mapping[str, int]:
        return {courier.name: courier.dropped for courier in self._couriers()}

    def waiting(self) -> int:
        """Alerts that were not delivered yet, all ways together."""
        return sum(courier.waiting for courier in self._couriers())

    def fates(self) -> Mapping[str, int]:
        """What became of deliveries, all ways together."""
        counts = {"delivered": self.delivered(), "failed": self.failed(), "dropped": self.dropped()}
        return {fate: sum(by_way.values()) for fate, by_way in counts.items()}

    def _couriers(self) -> Iterator[Courier[Toast] | Courier[Alert]]:
        yield from self._people
        yield from self._programs


def _labelled(alert: Alert, hub: LiveSessions, now: float) -> Alert:
    label = (hub.snapshot(alert.session_id, now) or {}).get("label")
    return replace(alert, label=clean(label, _LABEL_CELLS)) if isinstance(label, str) else alert
