"""Hundreds of faults of the sidecar in random order, under traffic that never ends."""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from faults import faults
from faults.faults import Fault
from faults.judging import Spread, account, compare_bytes
from faults.kinds import SMALL, STREAMING
from faults.lab import SIDES, laboratory, traffic
from faults.matrix import ADDED_LONGEST_SECONDS, Play, Strike
from faults.report import Section, ms

SEED: Final = 2026
STRUCK_SECONDS: Final = 0.15
IN_A_ROW: Final = 10
STRIKES: Final[tuple[tuple[Callable[[], Fault], int], ...]] = (
    (faults.Killed, 60),
    (faults.Restarted, 40),
    (faults.Stopped, 60),
    (faults.Blocked, 60),
    *((lambda mood=mood, name=name: faults.Impostor(mood, name), 50) for mood, name in faults.MOODS.items()),
)


def strikes(directory: Path) -> Section:
    """All of them in one laboratory; the books are compared once, at the end."""
    order = random.Random(SEED)  # noqa: S311 - which fault comes when is no secret
    turns = [make for make, count in STRIKES for _ in range(count // IN_A_ROW)]
    order.shuffle(turns)
    plays: list[Play] = []
    with laboratory(directory, settings=faults.Blocked.settings) as lab:
        before = lab.witnesses()
        with traffic(lab, replace(SMALL, clients=5, rest_seconds=0.15)), traffic(lab, STREAMING):
            for make in turns:
                with Play(lab, make()) as play:
                    for _ in range(IN_A_ROW):
                        play.strike(seconds=STRUCK_SECONDS)
                plays.append(play)
                sys.stdout.write(f"{len(plays)}/{len(turns)}: {IN_A_ROW} x {play.fault.name}\n")
                sys.stdout.flush()
        compared = compare_bytes(lab, lab.heard)
        windows = [window for play in plays for window in play.windows]
        gaps = account(lab, lab.heard["watched"], windows)
        after = lab.witnesses()
        pauses = {
            side: Spread.of(each for each in lab.heard[side] if f"-{STREAMING.name}-" in each.session_id)
            for side in SIDES
        }
    struck = [strike for play in plays for strike in play.strikes]
    failed = compared.failed
    section = Section(complaints=gaps.complaints)
    section.say(
        f"**{len(struck)} faults** in random order (seed {SEED}), each while at least one stream was open, under"
        f" traffic of {compared.exchanges['watched']:,} watched exchanges and {compared.exchanges['bare']:,} at a"
        f" bare Envoy: **{len(compared.altered)} altered** (SHA-256, both ways), **{len(failed['watched'])} failed**"
        f" (bare: {len(failed['bare'])}), {len(compared.asked_twice)} reached the vendor twice."
    )
    section.table(
        ["fault", "strikes", "open streams, at least", "as the other side counts", "until well, median"],
        [_row(name, struck) for name in dict.fromkeys(strike.fault for strike in struck)],
    )
    section.say(
        f"Between two pieces of a stream, p50 / p99 / longest: {ms(pauses['watched'])} ms; bare Envoy"
        f" {ms(pauses['bare'])} ms."
    )
    section.say(
        f"Exchanges that the sidecar cannot have seen wholly, by the vendor's books: {gaps.made:,}. Told as gaps:"
        f" {gaps.found:,}; hidden {len(gaps.hidden)}, false {len(gaps.false)}, unaccounted {len(gaps.unaccounted)},"
        f" told twice {len(gaps.twice)}. More are told than are certain: one at the edge of a fault may or may not"
        " have been seen."
    )
    section.say(
        "Envoy's own counters: " + ", ".join(f"{word} {after[word] - before[word]}" for word in after) + "."
    )
    for name, found in (
        ("altered", compared.altered),
        ("asked twice", compared.asked_twice),
        ("failed", failed["watched"]),
    ):
        section.complaints += [f"{name}: {len(found)}"] if found else []
    if pauses["watched"].p99 - pauses["bare"].p99 > Fault.may_add_p99_seconds:
        section.complaints.append("the 99th percentile of pauses")
    if pauses["watched"].longest - pauses["bare"].longest > ADDED_LONGEST_SECONDS:
        section.complaints.append("the longest pause: a flood keeps a worker of Envoy busy (see the matrix)")
    return section


def _row(name: str, struck: list[Strike]) -> list[str]:
    these = [strike for strike in struck if strike.fault == name]
    healed = statistics.median(strike.healed_at - strike.began_at for strike in these)
    held, own = (min(strike.held for strike in these), min(strike.held_by_sidecar for strike in these))
    return [name, str(len(these)), str(held), str(own), f"{healed:.2f} s"]
