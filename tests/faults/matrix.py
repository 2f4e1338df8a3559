"""One cell of the matrix: a fault strikes while bodies of one kind pass, and everything is held against everything."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Self

from faults.clients import Heard
from faults.faults import Cuts, Fault
from faults.judging import Bytes, Gaps, Spread, Window, account, compare_bytes
from faults.kinds import Kind
from faults.lab import SIDES, WITNESSES, Lab, Side, traffic
from support.waiting import until

ENOUGH_FOR_P99 = 300  # of fewer, the 99th percentile is one of the three longest
ADDED_LONGEST_SECONDS = 0.25  # beyond what the 99th percentile may be longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One fault that struck: how many streams of copies were open, by Envoy's count and by the other side's own."""

    fault: str
    held: int
    held_by_sidecar: int
    began_at: float
    healed_at: float
    """When all was well again; `time.monotonic`, as clients note it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What came of one fault with one kind of body."""

    fault: str
    kind: str
    judges_longest: bool
    may_add_p99_seconds: float
    cuts: Cuts
    failed_without_cause: list[str]
    """How watched exchanges failed while no fault was at work."""
    strikes: list[Strike]
    bytes: Bytes
    pauses: dict[Side, Spread]
    gaps: Gaps
    witnesses: dict[str, int]

    @property
    def added_p99(self) -> float:
        return self.pauses["watched"].p99 - self.pauses["bare"].p99

    @property
    def added_longest(self) -> float:
        return self.pauses["watched"].longest - self.pauses["bare"].longest

    @property
    def complaints(self) -> list[str]:
        """Why this is not as it should be, a line each; empty: it is."""
        said = list(self.gaps.complaints)
        said += [f"altered: {name}" for name in self.bytes.altered[:5]]
        said += [f"asked twice: {name}" for name in self.bytes.asked_twice[:5]]
        watched, bare = (Counter(self.bytes.failed[side]) for side in SIDES)
        if self.cuts == "nothing" and watched:
            said.append(f"clients failed: {dict(watched)}")
        said += [f"failed without a cause: {each}" for each in self.failed_without_cause[:5]]
        if self.cuts == "as bare" and set(watched) != set(bare):
            said.append(f"clients failed: {dict(watched)}, at bare Envoy: {dict(bare)}")
        if self.cuts != "as bare" and bare:
            said.append(f"bare Envoy's clients failed: {dict(bare)}")
        count = min(spread.count for spread in self.pauses.values())
        if self.cuts != "as bare" and count >= ENOUGH_FOR_P99 and self.added_p99 > self.may_add_p99_seconds:
            said.append(f"p99 of the pauses is {self.added_p99 * 1000:.0f} ms longer than at bare Envoy")
        may_add_longest = self.may_add_p99_seconds + ADDED_LONGEST_SECONDS
        if self.cuts == "nothing" and self.judges_longest and self.added_longest > may_add_longest:
            said.append(f"the longest pause is {self.added_longest * 1000:.0f} ms longer than at bare Envoy")
        said += [f"Envoy counts {self.witnesses[word]} x {word}" for word in ("overflow", "overflow (active)")
                 if self.witnesses[word]]  # fmt: skip
        return said


@dataclass
class Play:
    """A fault that is prepared, and struck any number of times."""

    lab: Lab
    fault: Fault

    def __post_init__(self) -> None:
        self.strikes: list[Strike] = []
        self.windows: list[Window] = []

    def strike(self, *, seconds: float | None = None) -> None:
        """Strike once, while a stream is open, and heal."""
        lab, fault = self.lab, self.fault
        counted = held = 0
        with lab.stream_held_open():
            if fault.finds_streams:
                counted = until(lambda: fault.held(lab), "an open stream, as the other side counts")
                held = until(lab.open_streams, "an open stream, as Envoy counts")
            began, began_at = lab.wall(), time.monotonic()
            fault.strike(lab)
            struck = lab.wall()
            threading.Event().wait(fault.seconds if seconds is None else seconds)  # so long it lasts
            lab.blind_until = lab.wall()
            fault.heal(lab)
            healed, healed_at = lab.wall(), time.monotonic()
        self.strikes.append(
            Strike(
                fault=fault.name,
                held=held,
                held_by_sidecar=counted,
                began_at=began_at,
                healed_at=healed_at,
            )
        )
        if not fault.is_away:
            self.windows.append(
                Window(
                    began_at=began,
                    blind_from=struck,
                    blind_until=lab.blind_until,
                    ended_at=healed,
                    unseen=fault.unseen,
                )
            )

    def __enter__(self) -> Self:
        self._began = self.lab.wall()
        self.fault.prepare(self.lab)
        self._blind_from = self.lab.wall()
        return self

    def __exit__(self, *_: object) -> None:
        self.fault.restore(self.lab)
        if self.fault.is_away:
            self.windows.append(
                Window(
                    began_at=self._began,
                    blind_from=self._blind_from,
                    blind_until=self.lab.blind_until,
                    ended_at=self.lab.wall(),
                    unseen=self.fault.unseen,
                )
            )


def cell(lab: Lab, fault: Fault, kind: Kind) -> Cell:
    """Strike once while bodies of this kind pass at both proxies, and judge."""
    before, witnesses = {side: len(lab.heard[side]) for side in SIDES}, lab.witnesses()
    with traffic(lab, kind), Play(lab, fault) as play:
        play.strike()
    heard = {side: lab.heard[side][before[side] :] for side in SIDES}
    return judge(lab, fault, kind, play, heard, witnesses)


def judge(
    lab: Lab, fault: Fault, kind: Kind, play: Play, heard: dict[Side, list[Heard]], witnesses: dict[str, int]
) -> Cell:
    """What came of the strikes of one play; `witnesses`: Envoy's counters before it."""
    compared = compare_bytes(lab, heard)
    since = play.windows[-1].ended_at if fault.harms_history else 0.0
    gaps = account(lab, heard["watched"], play.windows, since=since)
    after = lab.witnesses()
    in_pairs = {side: [each for each in heard[side] if "-held-" not in each.session_id] for side in SIDES}
    return Cell(
        fault=fault.name,
        kind=kind.name,
        judges_longest=not kind.is_raw,
        may_add_p99_seconds=fault.may_add_p99_seconds,
        cuts=fault.cuts,
        strikes=play.strikes,
        failed_without_cause=[
            f"{each.session_id}: {each.error or each.status}"
            for each in heard["watched"]
            if not each.is_whole and not any(_overlap(each, strike) for strike in play.strikes)
        ],
        bytes=compared,
        pauses={side: Spread.of(in_pairs[side], since=play.strikes[0].began_at) for side in SIDES},
        gaps=gaps,
        # A new Envoy counts from zero.
        witnesses={
            word: after[word] - (witnesses[word] if fault.cuts != "open streams" else 0) for word in WITNESSES
        },
    )


def _overlap(heard: Heard, strike: Strike) -> bool:
    return heard.began_at < strike.healed_at and heard.ended_at > strike.began_at
