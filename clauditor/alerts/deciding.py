"""Which signals ring, and when: events and time in, alerts and toasts out. Pure; time is an argument.

An alert rings once for each time its signal is raised. A signal that rang and comes back before it was clear for
a while is the same trouble still; a question that comes back is another question, and rings a while after the
first was answered. Alerts for people are paced: at most one toast in `toast_seconds`, then one for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from clauditor.alerts.alert import Alert, Toast, alert_of, toast_of
from clauditor.alerts.rules import AlertRules
from clauditor.model.events import ClockJumped, Event, SessionEnded, Severity, SignalCleared, SignalRaised
from clauditor.model.verdict import SEVERITIES

MAX_EPISODES: Final = 4096

_QUESTION: Final = "needs_answer"
# A limit is the account's: it is told once, not for each of ten sessions, and not anew for each prompt (the
# signal is clear while nobody works).
_LIMIT: Final = "rate_limit"
_LIMIT_CLEAR_SECONDS: Final = 3600.0
_NEVER_RANG: Final = -1


@dataclass(slots=True, kw_only=True)
class _Episode:
    """One signal of one session (of one account: a limit), from its first edge until it was clear for a while.

    `rang` is the place in SEVERITIES of the most severe alert so far; before `quiet_until` (Unix seconds) the
    signal was not clear for long enough to ring anew.
    """

    holders: dict[str, Alert] = field(default_factory=dict)
    due_at: float = 0.0
    rang: int = _NEVER_RANG
    quiet_until: float = 0.0
    is_untold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What rings now: every alert for itself, and what people are shown of them (None: nothing, for now)."""

    alerts: tuple[Alert, ...] = ()
    toast: Toast | None = None


class Decider:
    """Feed it with `see`, ask it with `decide`, about once a second. Neither blocks."""

    def __init__(self, rules: AlertRules) -> None:
        self.forgotten = 0
        """Episodes that the limit made it forget."""
        self._rules = rules
        self._episodes: dict[tuple[str, str], _Episode] = {}
        self._toast_at: float | None = None

    def see(self, event: Event, *, project: str | None = None, account: str | None = None) -> None:
        """Take note of an event; `project` and `account` are those of its session."""
        match event:
            case SignalRaised():
                self._raised(event, project, account)
            case SignalCleared():
                self._cleared(event, account)
            case SessionEnded():
                for (name, _), episode in self._episodes.items():
                    self._release(name, episode, event.session_id, event.at)
            case ClockJumped():
                self._shift(event.seconds)
            case _:
                pass

    def decide(self, now: float, may_ring: Callable[[str], bool]) -> Decision:
        """What rings at `now`. `may_ring` tells by its id whether a session is there and not muted.

        What is due in a muted session waits for the mute to end.
        """
        over = [key for key, one in self._episodes.items() if not one.holders and now >= one.quiet_until]
        for key in over:
            del self._episodes[key]
        alerts: list[Alert] = []
        for episode in self._episodes.values():
            leading = _leading(episode, may_ring)
            if leading is not None and now >= episode.due_at and _place(leading.severity) > episode.rang:
                episode.rang = _place(leading.severity)
                episode.is_untold = True
                alerts.append(leading)
        return Decision(alerts=tuple(alerts), toast=self._toast(now, may_ring))

    # ------------------------------------------------------------------------------------------------

    def _raised(self, event: SignalRaised, project: str | None, account: str | None) -> None:
        if not self._rings(event.name, event.severity):
            return
        episode = self._episode(event, account)
        if not episode.holders:
            episode.due_at = event.at
            if event.name == _QUESTION:
                episode.due_at = max(event.at + self._rules.answer_seconds, episode.quiet_until)
                episode.rang = _NEVER_RANG
            elif event.at >= episode.quiet_until:
                episode.rang = _NEVER_RANG
        episode.holders[event.session_id] = alert_of(event, project)

    def _cleared(self, event: SignalCleared, account: str | None) -> None:
        if not self._rings(event.name, event.severity):
            return
        held = [
            episode
            for (name, _), episode in self._episodes.items()
            if name == event.name and event.session_id in episode.holders
        ]
        if not held:  # raised before a restart: it rang then
            episode = self._episode(event, account)
            episode.rang = max(episode.rang, _place(event.severity))
            self._rest(event.name, episode, event.at)
        for episode in held:
            self._release(event.name, episode, event.session_id, event.at)

    def _release(self, name: str, episode: _Episode, session_id: str, at: float) -> None:
        if episode.holders.pop(session_id, None) is not None and not episode.holders:
            episode.is_untold = False
            if episode.rang != _NEVER_RANG:
                self._rest(name, episode, at)

    def _rest(self, name: str, episode: _Episode, at: float) -> None:
        seconds = self._rules.clear_seconds
        episode.quiet_until = at + (max(seconds, _LIMIT_CLEAR_SECONDS) if name == _LIMIT else seconds)

    def _episode(self, event: SignalRaised | SignalCleared, account: str | None) -> _Episode:
        whose = account or event.session_id if event.name == _LIMIT else event.session_id
        key = event.name, whose
        if key not in self._episodes:
            if len(self._episodes) >= MAX_EPISODES:
                del self._episodes[next(iter(self._episodes))]
                self.forgotten += 1
            self._episodes[key] = _Episode()
        return self._episodes[key]

    def _rings(self, name: str, severity: Severity) -> bool:
        least = self._rules.signals.get(name, "off")
        return least != "off" and _place(severity) >= _place(least)

    def _toast(self, now: float, may_ring: Callable[[str], bool]) -> Toast | None:
        """One for all that was not told yet and still holds."""
        if self._toast_at is not None and now - self._toast_at < self._rules.toast_seconds:
            return None
        untold: list[Alert] = []
        for episode in self._episodes.values():
            if episode.is_untold and (alert := _leading(episode, may_ring)) is not None:
                untold.append(alert)
                episode.is_untold = False
        if not untold:
            return None
        self._toast_at = now
        return toast_of(sorted(untold, key=lambda alert: (-_place(alert.severity), alert.since)))

    def _shift(self, seconds: float) -> None:
        """The wall clock was set: move every point in time."""
        if self._toast_at is not None:
            self._toast_at += seconds
        for episode in self._episodes.values():
            episode.due_at += seconds
            episode.quiet_until += seconds
            for session_id, alert in episode.holders.items():
                episode.holders[session_id] = replace(alert, since=alert.since + seconds)


def _place(severity: Severity) -> int:
    return SEVERITIES.index(severity)


def _leading(episode: _Episode, may_ring: Callable[[str], bool]) -> Alert | None:
    """The most severe of what holds in sessions that may ring."""
    alerts = [alert for session_id, alert in episode.holders.items() if may_ring(session_id)]
    return max(alerts, key=lambda alert: _place(alert.severity), default=None)
