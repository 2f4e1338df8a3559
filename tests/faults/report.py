"""Cells as words: a line for a terminal, a row for docs/reliability.md, and how a section gets into that page."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from clauditor import __version__
from clauditor.proxy.envoy import find_envoy
from faults.judging import Spread
from faults.lab import SIDES
from faults.matrix import Cell

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
HEAD: Final = (
    "fault",
    "body",
    "open streams",
    "exchanges",
    "altered",
    "failed",
    "pauses, ms",
    "bare Envoy",
    "gaps told / certain",
)


def line(cell: Cell) -> str:
    """All that a cell found, on one line."""
    held = min(strike.held for strike in cell.strikes)
    own = min(strike.held_by_sidecar for strike in cell.strikes)
    counted = ", ".join(f"{number} {word}" for word, number in cell.witnesses.items() if number)
    return (
        f"{cell.fault} x {cell.kind}: {len(cell.strikes)} strikes, at least {held} streams open"
        f" (the other side: {own});"
        f" {cell.bytes.exchanges['watched']} exchanges, {len(cell.bytes.altered)} altered,"
        f" {len(cell.bytes.failed['watched'])} failed (bare: {len(cell.bytes.failed['bare'])});"
        f" pauses {ms(cell.pauses['watched'])} ms (bare: {ms(cell.pauses['bare'])});"
        f" gaps {cell.gaps.found} found, {cell.gaps.made} made; Envoy: {counted or 'nothing'}"
    )


def row(cell: Cell) -> list[str]:
    """A row below HEAD."""
    failed = {side: Counter(cell.bytes.failed[side]) for side in SIDES}
    words = {
        side: ", ".join(f"{count} x {word}" for word, count in failed[side].items()) or "0" for side in SIDES
    }
    return [
        cell.fault,
        cell.kind,
        str(min(strike.held for strike in cell.strikes)),
        str(cell.bytes.exchanges["watched"]),
        str(len(cell.bytes.altered)),
        words["watched"]
        if words["watched"] == words["bare"] == "0"
        else f"{words['watched']} (bare: {words['bare']})",
        ms(cell.pauses["watched"]),
        ms(cell.pauses["bare"]),
        f"{cell.gaps.found} / {cell.gaps.made}",
    ]


def ms(pauses: Spread) -> str:
    """p50 / p99 / longest in milliseconds."""
    return " / ".join(f"{seconds * 1000:.1f}" for seconds in (pauses.p50, pauses.p99, pauses.longest))


@dataclass
class Section:
    """What a part of the campaign writes, and what was not as it should be."""

    paragraphs: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.paragraphs.append(text)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        self.say("\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)))

    def put(self, part: str) -> None:
        """Replace this part's section of the page, between its two marks."""
        missed = ["Not as it should be:", "\n".join(f"- {why}" for why in self.complaints)]
        text = "\n\n".join([_circumstances(), *self.paragraphs, *(missed if self.complaints else [])])
        begins, ends = f"<!-- {part}: written by make faults -->", f"<!-- end of {part} -->"
        before, found, rest = PAGE.read_text(encoding="utf-8").partition(begins)
        assert found, f"{PAGE} has no place for {part}"
        PAGE.write_text(f"{before}{begins}\n{text}\n{ends}{rest.partition(ends)[2]}", encoding="utf-8")


def _circumstances() -> str:
    today = datetime.now(UTC).date()  # noqa: TID251 - a report has a date
    kernel = ".".join(platform.release().split(".")[:2])
    return (
        f"*{today}, Clauditor {__version__}, Envoy {find_envoy(None).version}, Python {platform.python_version()},"
        f" {platform.system()} {kernel} on {platform.machine()}, {os.cpu_count()} cores; load"
        f" {os.getloadavg()[0]:.1f} at the end.*"
    )
