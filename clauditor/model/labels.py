"""What sessions are for, in a person's words: held in memory only, in the session, which the store keeps, or nowhere."""

from __future__ import annotations

from typing import Literal

from clauditor.model.events import LabelFound
from clauditor.model.session import Session

LabelPolicy = Literal["memory", "store", "off"]


class Labels:
    """The labels of live sessions under one policy."""

    def __init__(self, policy: LabelPolicy) -> None:
        self._policy = policy
        self._held: dict[str, str] = {}

    def of(self, session: Session) -> str | None:
        return session.label or self._held.get(session.session_id)

    def see(self, event: LabelFound, session: Session) -> None:
        """The first label stays: it says what the session was begun for. The client's own name for it is better."""
        if self._policy == "off" or (self.of(session) is not None and not event.is_name):
            return
        if self._policy == "memory":
            self._held[session.session_id] = event.label
        else:
            session.label = event.label

    def drop(self, session_id: str) -> None:
        self._held.pop(session_id, None)
