"""What an alert says: its facts for programs, its words for people. Pure; every text is cleaned here.

The label of a session is in none of them, unless who sends it asked for that. Of the desktop: Desktop
Notifications Specification 1.3 (a body may hold markup). Of the terminal: OSC 9 as iTerm2 defined it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clauditor.model.events import Severity, SignalRaised
from clauditor.text import clean

SCHEMA_VERSION: Final = 1

_SENTENCE_CELLS: Final = 240
_NAME_CELLS: Final = 40
_NAMED_SESSIONS: Final = 3
# A notification's body may be read as markup, and notify-send itself reads backslashes.
_HARMLESS: Final = str.maketrans({"<": "‹", ">": "›", "&": "+", "\\": "/"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One signal that rings. `since` is in Unix seconds; all texts are clean."""

    session_id: str
    project: str | None
    signal: str
    severity: Severity
    summary: str
    short: str
    next_step: str
    since: float
    label: str | None = None

    @property
    def session_name(self) -> str:
        return self.project or f"session {self.session_id[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Toast:
    """What a person is shown: one line each."""

    title: str
    body: str


def alert_of(event: SignalRaised, project: str | None) -> Alert:
    return Alert(
        session_id=clean(event.session_id, _SENTENCE_CELLS),
        project=clean(project or "", _NAME_CELLS) or None,
        signal=event.name,
        severity=event.severity,
        summary=clean(event.summary, _SENTENCE_CELLS),
        short=clean(event.short, _NAME_CELLS),
        next_step=clean(event.next_step, _SENTENCE_CELLS),
        since=event.at,
    )


def facts(alert: Alert) -> Mapping[str, Any]:
    """The alert for programs, ready for JSON. `label` is a key only where the alert has one."""
    told: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "session_id": alert.session_id,
        "project": alert.project,
        "signal": alert.signal,
        "severity": alert.severity,
        "summary": alert.summary,
        "since": alert.since,
        "next_step": alert.next_step,
    }
    return told if alert.label is None else told | {"label": alert.label}


def toast_of(alerts: Sequence[Alert]) -> Toast:
    """One toast for all of `alerts`, of which there is at least one; the first leads."""
    leading = alerts[0]
    first: dict[str, Alert] = {}
    for alert in alerts:
        first.setdefault(alert.session_id, alert)
    if len(first) == 1:
        others = [f"Also: {alert.short}." for alert in alerts[1:]]
        body = " ".join([leading.summary, leading.next_step, *others])
        return Toast(title=f"Clauditor: {leading.session_name}", body=body.strip())
    parts = [f"{alert.session_name}: {alert.short}" for alert in first.values()]
    if more := len(parts[_NAMED_SESSIONS:]):
        parts[_NAMED_SESSIONS:] = [f"and {more} more"]
    return Toast(title=f"Clauditor: {len(first)} sessions need you", body="; ".join(parts) + ".")


def harmless(toast: Toast) -> Toast:
    """The toast without the letters that a desktop reads as markup or an escape."""
    return Toast(title=toast.title.translate(_HARMLESS), body=toast.body.translate(_HARMLESS))


def terminal_bytes(toast: Toast) -> bytes:
    """What makes a terminal tell of it: a notification where it knows OSC 9, and the bell."""
    return f"\x1b]9;{clean(f'{toast.title}: {toast.body}', _SENTENCE_CELLS)}\x07\x07".encode()
