"""Figures: percentiles, what a process takes (proc(5), Linux), and their section in docs/performance.md."""

from __future__ import annotations

import math
import os
import platform
import re
import sqlite3
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from clauditor.proxy.envoy import find_envoy

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
MIB: Final = 1 << 20


def percentile(values: Sequence[float], ratio: float) -> float:
    """The smallest value that so many of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * ratio) - 1)]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How steep the straight line is that fits the points best (least squares)."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    rise = sum((x - middle_x) * (y - middle_y) for x, y in points)
    return rise / sum((x - middle_x) ** 2 for x, _ in points)


def resident_bytes(pid: int) -> int:
    """What a process has in memory now."""
    return _status(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """The most that a process ever had in memory (or had since `forget_peak`)."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def cpu_seconds(pid: int) -> float:
    """CPU that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def machine() -> str:
    """What was measured on, and when."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB,"
        f" {platform.system()} {platform.release().partition('-')[0]}; Python {platform.python_version()},"
        f" Envoy {find_envoy(None).version}, SQLite {sqlite3.sqlite_version}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A line of a table. `is_met` is None where there is no goal."""

    what: str
    measured: str
    goal: str = ""
    is_met: bool | None = None


def table(figures: Sequence[Figure]) -> list[str]:
    words = {True: "yes", False: "**no**", None: ""}
    lines = ["| what | goal | measured | met |", "|---|---|---|---|"]
    return lines + [f"| {one.what} | {one.goal} | {one.measured} | {words[one.is_met]} |" for one in figures]


@dataclass(frozen=True, slots=True)
class Result:
    """What a bench found: Markdown, and what is plainly wrong (altered bytes, a call that was not captured)."""

    lines: list[str]
    wrong: list[str]


def command(
    name: str,
    doc: str,
    options: Callable[[ArgumentParser], None],
    run: Callable[[Namespace], Result],
    page: Path = PAGE,
) -> None:
    """A bench from its command line: prints its section, writes it if asked to, ends with 1 if something is wrong."""
    parser = ArgumentParser(description=doc, formatter_class=RawDescriptionHelpFormatter)
    options(parser)
    parser.add_argument("--write", action="store_true", help=f"put the results into docs/{page.name}")
    told = parser.parse_args()
    before = load()
    result = run(told)
    head = f"{machine()}; load average {before} before, {load()} after."
    section = "\n".join([head, "", *result.lines])
    print(section)
    for each in result.wrong[:20]:
        print(f"wrong: {each}", file=sys.stderr)
    if told.write:
        write(name, section, page)
    sys.exit(bool(result.wrong))


def write(name: str, section: str, page: Path = PAGE) -> None:
    """Puts a section into its place in the page."""
    begins, ends = f"<!-- {name}: written by bench/{name}.py -->", f"<!-- end of {name} -->"
    head, found, rest = page.read_text(encoding="utf-8").partition(begins)
    if not found:
        raise SystemExit(f"{page.name} has no place for {name}")
    tail = rest.partition(ends)[2]
    page.write_text(f"{head}{begins}\n{section}\n{ends}{tail}", encoding="utf-8")
