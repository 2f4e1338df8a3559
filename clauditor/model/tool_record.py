"""How an agent's tools fare: failures among the newest results, and the same call with the same result.

A check that succeeds again after something new was done is no repetition: so it is meant. Digests of calls and
results live in memory only; what is kept of a loop is its name and its count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from clauditor.model.unkept import Unkept

KEPT_RESULTS: Final = 10
_MAX_KEYS: Final = 512  # different calls of one prompt that are remembered
_WAY_OUT: Final = 3  # results in a row that were not seen before: the loop is left


MAX_TOOL_NAMES: Final = 256


@dataclass(slots=True, kw_only=True)
class ToolTally:
    calls: int = 0
    failures: int = 0


@dataclass(slots=True, kw_only=True)
class ToolCounts:
    """Calls and failures by tool, of a whole session; names beyond the limit count as `other`."""

    by_name: dict[str, ToolTally] = field(default_factory=dict)

    def of(self, name: str) -> ToolTally:
        if name not in self.by_name and len(self.by_name) >= MAX_TOOL_NAMES:
            name = "other"
        return self.by_name.setdefault(name, ToolTally())

    @property
    def calls(self) -> int:
        return sum(tally.calls for tally in self.by_name.values())

    @property
    def failures(self) -> int:
        return sum(tally.failures for tally in self.by_name.values())


@dataclass(slots=True, kw_only=True)
class ToolLoop:
    """The call that keeps coming back. `count` results were equal; the last came at `at` (Unix seconds)."""

    name: str
    target: str | None
    count: int
    at: float


@dataclass(slots=True, kw_only=True)
class ToolRecord:
    """Of one agent. `failed` tells of the newest results, oldest first, whether they were failures; `news` is how
    many results of this prompt were like none before, `fresh_results` how many of the newest ones in a row.
    """

    failed: list[bool] = field(default_factory=list)
    last_failed: str | None = None
    loop: ToolLoop | None = None
    fresh_results: int = 0
    news: int = 0
    counts: Unkept = field(default_factory=Unkept, compare=False)

    @property
    def failures_in_a_row(self) -> int:
        number = 0
        for is_failure in reversed(self.failed):
            if not is_failure:
                break
            number += 1
        return number

    def add(self, name: str, *, is_failure: bool) -> None:
        """A result came."""
        self.failed.append(is_failure)
        del self.failed[:-KEPT_RESULTS]
        if is_failure:
            self.last_failed = name

    def compare(
        self,
        name: str,
        target: str | None,
        call_digest: str,
        result_digest: str,
        at: float,
        *,
        is_failure: bool,
    ) -> None:
        """Count a call with its result among those of this prompt; both digests are needed."""
        if not call_digest or not result_digest:
            return
        counts: dict[tuple[str, str], tuple[int, int]] = self.counts.value or {}
        self.counts.value = counts
        key = (call_digest, result_digest)
        is_known = key in counts
        before, news = counts.pop(key, (0, 0))
        number = 1 if news < self.news and not is_failure else before + 1
        self.news += not is_known
        counts[key] = number, self.news
        if len(counts) > _MAX_KEYS:
            del counts[next(iter(counts))]
        if number > 1:
            self.fresh_results = 0
            if self.loop is None or number >= self.loop.count:
                self.loop = ToolLoop(name=name, target=target, count=number, at=at)
        elif not is_known:
            self.fresh_results += 1
            if self.fresh_results >= _WAY_OUT:
                self.loop = None

    def begin_prompt(self) -> None:
        """A person typed: what failed or was repeated before is forgotten."""
        self.failed.clear()
        self.counts.value, self.loop, self.fresh_results, self.news = None, None, 0, 0

    def shift(self, seconds: float) -> None:
        if self.loop is not None:
            self.loop.at += seconds
