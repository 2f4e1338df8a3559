"""What came of it: every exchange held against the vendor's books, the sidecar's books, and bare Envoy.

The vendor's books say which exchanges the sidecar cannot have seen wholly; the sidecar must have found exactly those.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import accumulate

from clauditor.demo.ledger import Record
from faults.clients import Heard
from faults.faults import Unseen
from faults.kinds import KINDS
from faults.lab import SIDES, Lab, Side
from support.waiting import until

ACCOUNTED_SECONDS = 45.0  # a gap is told within ten seconds after the sidecar's return; two cores may be busy
MARGIN_SECONDS = 0.25  # between the vendor's clock at its own end of a wire and what others did meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time in which the sidecar may not have seen everything: Unix seconds by the vendor's clock.

    It may have been blind from `began_at` to `ended_at`, and was so for certain in between, as far as `unseen` says.
    """

    began_at: float
    blind_from: float
    blind_until: float
    ended_at: float
    unseen: Unseen

    def surely(self, record: Record) -> bool:
        """Whether the sidecar cannot have seen all of it: what reached the vendor had passed it before."""
        if self.unseen == "all":
            return (
                record.started_at < self.blind_until - MARGIN_SECONDS
                and record.ended_at > self.blind_from + MARGIN_SECONDS
            )
        return (
            self.unseen == "spanning"
            and record.started_at < self.began_at - MARGIN_SECONDS
            and record.ended_at > self.ended_at + MARGIN_SECONDS
        )

    def possibly(self, began_at: float, ended_at: float) -> bool:
        """Whether the sidecar need not have seen all of an exchange that lasted so long for its client."""
        return (
            self.unseen != "nothing"
            and began_at < self.ended_at + 2 * MARGIN_SECONDS
            and ended_at > self.began_at - 2 * MARGIN_SECONDS
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Seconds between two pieces of a body."""

    count: int
    p50: float
    p99: float
    longest: float

    @classmethod
    def of(cls, heard: Iterable[Heard], *, since: float = 0.0) -> Spread:
        """Of those pauses that ended after `since` (`time.monotonic`)."""
        ordered = sorted(
            pause
            for each in heard
            for pause, now in zip(each.pauses, accumulate(each.pauses, initial=each.began_at), strict=False)
            if now + pause >= since
        )

        def at(share: float) -> float:
            return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)))] if ordered else 0.0

        return cls(count=len(ordered), p50=at(0.5), p99=at(0.99), longest=ordered[-1] if ordered else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """What clients and vendor say of the same exchanges."""

    exchanges: dict[Side, int]
    altered: list[str]
    """Whose bodies differ between the two ends."""
    asked_twice: list[str]
    """Which the vendor got more than once: a retry that nobody asked for is billed."""
    failed: dict[Side, list[str]]
    """How the failed ones ended, as their clients say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """What the sidecar says it did not see, against what it cannot have seen."""

    found: int
    made: int
    """Exchanges that it cannot have seen wholly."""
    hidden: list[str] = field(default_factory=list)
    """Made and not found."""
    false: list[str] = field(default_factory=list)
    """Found, though it was there all the time."""
    unaccounted: list[str] = field(default_factory=list)
    """Neither seen nor missed."""
    twice: list[str] = field(default_factory=list)

    @property
    def complaints(self) -> list[str]:
        words = {
            "hidden": self.hidden,
            "false": self.false,
            "unaccounted": self.unaccounted,
            "twice": self.twice,
        }
        return [f"{word}: {', '.join(names[:5])}" for word, names in words.items() if names]


def compare_bytes(lab: Lab, heard: Mapping[Side, Sequence[Heard]]) -> Bytes:
    """Both ends of each exchange: hashes, sizes, and how often the vendor was asked."""
    wanted = {each.session_id for side in SIDES for each in heard[side]}

    def records() -> dict[str, list[Record]] | None:
        found: dict[str, list[Record]] = {}
        for record in lab.vendor.ledger.records:
            if record.session_id in wanted:
                found.setdefault(record.session_id, []).append(record)
        return found if lab.vendor.ledger.in_flight == 0 else None

    known = until(records, "the vendor's books are closed")
    altered: list[str] = []
    failed: dict[Side, list[str]] = {side: [] for side in SIDES}
    for side in SIDES:
        for each in heard[side]:
            if not each.is_whole:
                failed[side].append(each.error or f"status {each.status}")
                continue
            (record, *_) = known.get(each.session_id, [None])
            theirs = record and (record.request_sha256, record.response_sha256, record.response_bytes)
            if theirs != (each.request_sha256, each.response_sha256, each.response_bytes):
                altered.append(each.session_id)
    return Bytes(
        exchanges={side: len(heard[side]) for side in SIDES},
        altered=altered,
        asked_twice=[name for name, several in known.items() if len(several) > 1],
        failed=failed,
    )


@dataclass
class Told:
    """What the sidecar says, by session: exchanges that it saw, and those that it missed in part or wholly."""

    seen: Counter[str] = field(default_factory=Counter)
    gaps: Counter[str] = field(default_factory=Counter)

    @property
    def known(self) -> set[str]:
        return set(self.seen) | set(self.gaps)


def in_history(lab: Lab) -> Told:
    """What is on disk; nothing while the file cannot be read."""
    told = Told()
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"file:{lab.data_dir}/clauditor.db?mode=ro", uri=True)) as db,
    ):
        for (name,) in db.execute("SELECT s.session_id FROM calls c JOIN sessions s ON s.key = c.session"):
            told.seen[name] += 1
        for (name,) in db.execute(
            "SELECT coalesce(s.session_id, '') FROM gaps g LEFT JOIN sessions s ON s.key = g.session"
        ):
            told.gaps[name] += 1
    return told


def lengths(lab: Lab, names: AbstractSet[str]) -> dict[str, tuple[float, float]]:
    """Of these sessions: the seconds that their call lasted, by the vendor's books and as it stands in the history."""
    true = {record.session_id: record.ended_at - record.started_at for record in lab.vendor.ledger.records}
    with contextlib.closing(sqlite3.connect(f"file:{lab.data_dir}/clauditor.db?mode=ro", uri=True)) as db:
        told = db.execute(
            "SELECT s.session_id, c.ended_ms / 1000.0 FROM calls c JOIN sessions s ON s.key = c.session"
        ).fetchall()
    return {name: (true[name], seconds) for name, seconds in told if name in names}


def account(lab: Lab, heard: Sequence[Heard], windows: Sequence[Window], *, since: float = 0.0) -> Gaps:
    """Waits until the sidecar has told of these exchanges, and holds that against the vendor's books.

    Those that began before `since` are not asked for.
    """
    clients = {each.session_id: each for each in heard}
    records = {
        record.session_id: record
        for record in lab.vendor.ledger.records
        if record.session_id in clients and record.started_at > since
    }
    made = {name for name, each in records.items() if any(window.surely(each) for window in windows)}
    told = Told()

    def is_told() -> bool:
        nonlocal told
        told = in_history(lab)
        return set(records) <= told.known and made <= set(told.gaps)

    with contextlib.suppress(AssertionError):  # what is missing is named below
        until(is_told, "every exchange is told", ACCOUNTED_SECONDS)
    offset = lab.wall() - time.monotonic()
    possible = {
        name
        for name in records
        if not _is_inspected(name)
        or any(
            window.possibly(clients[name].began_at + offset, clients[name].ended_at + offset)
            for window in windows
        )
    }
    found = {name for name in told.gaps if name in records and told.gaps[name]}
    return Gaps(
        found=len(found),
        made=len(made),
        hidden=sorted(made - found),
        false=sorted(found - possible),
        unaccounted=sorted(set(records) - told.known),
        twice=sorted(name for name in records if told.gaps[name] > 1 or told.seen[name] > 1),
    )


def _is_inspected(name: str) -> bool:
    kind = KINDS.get(name.split("-")[1])
    return kind is None or kind.is_inspected
