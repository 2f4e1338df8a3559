"""What a check says of one link of the chain, and what a check is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from clauditor.setup.doctor.facts import Facts

Level = Literal["ok", "note", "problem"]
Topic = Literal["proxy", "claude", "machine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`text` is what was found, `remedy` what to do about it, both in one line without an end; no secret in either.

    A `note` is worth knowing and nothing is broken; a `problem` is. `details` are further lines for who looks closer.
    """

    level: Level
    text: str
    remedy: str | None = None
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`check` judges what was seen; it looks at nothing itself."""

    name: str
    topic: Topic
    check: Callable[[Facts], Finding]


def ok(text: str, *details: str) -> Finding:
    return Finding(level="ok", text=text, details=details)


def note(text: str, remedy: str | None = None, *details: str) -> Finding:
    return Finding(level="note", text=text, remedy=remedy, details=details)


def problem(text: str, remedy: str, *details: str) -> Finding:
    return Finding(level="problem", text=text, remedy=remedy, details=details)


@dataclass(frozen=True, slots=True)
class Unseen:
    """In place of what could not be looked at, with the reason."""

    reason: str

    def finding(self) -> Finding:
        return note(f"could not be looked at: {self.reason}")
