"""Calls that the user would not count: titles, suggestions, classifiers and the like. Priced, never turns."""

from __future__ import annotations

from dataclasses import dataclass, field

from clauditor.model.call import Bill, Tokens
from clauditor.model.usage import Usage


@dataclass(slots=True, kw_only=True)
class Asides:
    """Of one session: how many by name, their tokens, and what they cost (part of the session's own totals)."""

    calls: dict[str, int] = field(default_factory=dict)
    tokens: Tokens = field(default_factory=Tokens)
    bill: Bill = field(default_factory=Bill)

    @property
    def count(self) -> int:
        return sum(self.calls.values())

    def add(self, name: str, usage: Usage | None, usd: float | None, *, complete: bool) -> None:
        self.calls[name] = self.calls.get(name, 0) + 1
        if usage is not None:
            self.tokens.add(usage)
        self.bill.add(usd, complete=complete)
