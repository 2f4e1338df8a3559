"""Which sessions to watch: all, the one that an id begins with, or those of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from clauditor.errors import ClauditorError
from clauditor.text import clean
from clauditor.ui.views.fields import text_of
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.snapshot import session_view

MIN_PREFIX: Final = 4  # as everywhere an id may be cut
_MOST_SESSIONS: Final = 1000
_SHOWN_CELLS: Final = 60


class Knows(Protocol):
    """What is asked of the sidecar. Raises ClauditorError when it cannot answer."""

    def session(self, session_id: str) -> Mapping[str, Any]: ...
    def sessions(self, *, limit: int | None = None) -> Sequence[Mapping[str, Any]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One session, those of one project, or all (neither is set). `project` is in lower case."""

    session_id: str | None = None
    project: str | None = None

    @property
    def is_all(self) -> bool:
        return self.session_id is None and self.project is None

    def has(self, session_id: str, session: SessionView | None) -> bool:
        if self.session_id is not None:
            return session_id == self.session_id
        if self.project is not None:
            return session is not None and (session.project or "").lower() == self.project
        return True


def choose(sidecar: Knows, wanted: str | None) -> Choice:
    """What a person means by `wanted` (None: all): a project's name, else an id or the beginning of one.

    Raises ClauditorError, naming the remedy, where nothing or more than one session is meant.
    """
    if wanted is None:
        return Choice()
    known = [
        session_view(shot) for shot in sidecar.sessions(limit=_MOST_SESSIONS) if isinstance(shot, Mapping)
    ]
    if any(session.session_id == wanted for session in known):
        return Choice(session_id=wanted)
    name = wanted.strip().lower()
    if name and any((session.project or "").lower() == name for session in known):
        return Choice(project=name)
    if len(wanted) < MIN_PREFIX:
        raise ClauditorError(
            f'There is no project "{clean(wanted, _SHOWN_CELLS)}"; clauditor sessions lists what there is.'
        )
    found = sidecar.session(wanted).get("session_id")
    if not isinstance(found, str) or text_of(found) is None:
        raise ClauditorError("The sidecar named no session; see: clauditor status")
    return Choice(session_id=found)
