"""Ten thousand exchanges through each fault: is a single byte another, or does one reach the vendor twice?"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from faults import faults
from faults.catalogue import APART, in_a_laboratory_of_its_own, of_the_sidecar
from faults.faults import Fault
from faults.judging import Bytes, compare_bytes
from faults.kinds import SMALL
from faults.lab import Lab, laboratory, traffic
from faults.matrix import Play
from faults.report import Section

EXCHANGES: Final = 10_000
STRUCK_SECONDS: Final = 1.0
CROWD: Final = replace(SMALL, clients=8, rest_seconds=0.0)


@dataclass(frozen=True, slots=True)
class Crowd:
    """What came of one fault."""

    fault: Fault
    strikes: int
    bytes: Bytes

    @property
    def complaints(self) -> list[str]:
        found, failed = self.bytes, self.bytes.failed["watched"]
        said = [f"altered: {len(found.altered)}"] if found.altered else []
        said += [f"reached the vendor twice: {len(found.asked_twice)}"] if found.asked_twice else []
        said += [f"failed: {dict(Counter(failed))}"] if failed and self.fault.cuts == "nothing" else []
        return [f"{self.fault.name}: {why}" for why in said]


def crowd(directory: Path, *, exchanges: int = EXCHANGES) -> Section:
    """Every fault that leaves the vendor alone, struck again and again until so many exchanges have passed."""
    found: list[Crowd] = []
    for one in _each(directory, exchanges):
        found.append(one)
        sys.stdout.write(f"{one.fault.name}: {one.bytes.exchanges['watched']} {one.complaints or ''}\n")
        sys.stdout.flush()
    section = Section(complaints=[why for one in found for why in one.complaints])
    total = sum(one.bytes.exchanges["watched"] for one in found)
    altered = sum(len(one.bytes.altered) for one in found)
    twice = sum(len(one.bytes.asked_twice) for one in found)
    section.say(
        f"**{total:,} exchanges** of {CROWD.clients} clients that never rest, through {len(found)} faults that strike again"
        f" and again: **{altered} altered** (SHA-256, both ways), {twice} reached the vendor twice."
    )
    section.table(
        ["fault", "strikes", "exchanges", "altered", "failed"],
        [
            [
                one.fault.name,
                str(one.strikes),
                f"{one.bytes.exchanges['watched']:,}",
                str(len(one.bytes.altered)),
                ", ".join(f"{n} x {word}" for word, n in Counter(one.bytes.failed["watched"]).items()) or "0",
            ]
            for one in found
        ],
    )
    return section


def _each(directory: Path, exchanges: int) -> Iterator[Crowd]:
    for make in APART:
        with in_a_laboratory_of_its_own(fault := make()) as lab:
            yield through(lab, fault, exchanges)
    with laboratory(directory, settings=faults.Blocked.settings) as lab:
        for fault in (*of_the_sidecar(), faults.EnvoyKilled()):
            yield through(lab, fault, exchanges)


def through(lab: Lab, fault: Fault, exchanges: int) -> Crowd:
    """Strike again and again until so many watched exchanges have passed."""
    heard = lab.heard["watched"]
    before = len(heard)
    with traffic(lab, CROWD, sides=("watched",)), Play(lab, fault) as play:
        while len(heard) - before < exchanges:
            play.strike(seconds=STRUCK_SECONDS)
    return Crowd(fault, len(play.strikes), compare_bytes(lab, {"watched": heard[before:], "bare": []}))
