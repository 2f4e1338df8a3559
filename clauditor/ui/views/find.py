"""What the find line means: `state:tool project:web model:opus signal:loop login` narrows the table.

Terms are joined by "and". A term with a known field looks there, any other one in the session's name,
branch, id and model (also where it has a colon: labels have colons too). Case does not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from clauditor.text import clean
from clauditor.ui.views.segments import Line, Segment, line
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.words import state_word

_FIELDS: Final[dict[str, Callable[[SessionView], tuple[str | None, ...]]]] = {
    "state": lambda session: (state_word(session), session.state, session.waiting_for),
    "project": lambda session: (session.project,),
    "model": lambda session: (session.model_served, session.model_requested),
    "signal": lambda session: tuple(signal.name for signal in session.signals),
}


_MAX_SHOWN_CELLS: Final = 40


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: pairs of field (empty: anywhere) and lower-case text. `text` is what was typed."""

    terms: tuple[tuple[str, str], ...] = ()
    text: str = ""

    def matches(self, session: SessionView) -> bool:
        return all(_found(session, field, text) for field, text in self.terms)

    def __bool__(self) -> bool:
        return bool(self.terms)


def parse_query(text: str) -> Query:
    """The terms of a find line; a field without text looks for nothing."""
    terms: list[tuple[str, str]] = []
    for word in text.casefold().split():
        field, colon, rest = word.partition(":")
        if colon and field in _FIELDS:
            if rest:
                terms.append((field, rest))
        else:
            terms.append(("", word))
    return Query(tuple(terms), text)


def nothing_found(query: Query) -> list[Line]:
    """What stands in the table where no session matches; fields that do not exist are named."""
    shown = Segment(clean(query.text, _MAX_SHOWN_CELLS), "strong")
    lines = [line(" nothing matches ", shown, "; Esc shows all")]
    known = " ".join(f"{field}:" for field in _FIELDS)
    for field, text in query.terms:
        word, colon, _ = text.partition(":")
        if not field and colon and word.isalpha():
            lines.append(
                line(Segment(f" {clean(word, _MAX_SHOWN_CELLS)}: is unknown; there are {known}", "dim"))
            )
    return lines


def _found(session: SessionView, field: str, text: str) -> bool:
    if field:
        places = _FIELDS[field](session)
    else:
        places = (session.project, session.label, session.branch, session.shown_id, session.model)
    return any(text in place.casefold() for place in places if place)
