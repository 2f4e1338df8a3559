"""Are the verdicts right? A hundred simulated sessions a seed, twenty of them sick, and who said what of them.

    python bench/verdicts.py [--seeds 1-10] [--jobs 1] [--list] [--write]     (about half a minute a seed)

Seeds 1 to 10 are there to find faults and to choose thresholds by. Seeds 11 to 20 were first run when the signals
were frozen in a commit. `--write` puts the results of either ten into `docs/verdicts.md`. Ends with 1 if a planted
trouble was missed, or if more than two healthy sessions were called sick.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from clauditor.signals.catalogue import SIGNALS  # noqa: E402 - after the path, as the rest
from support.week.judge import Case, judge  # noqa: E402
from support.week.plan import machines  # noqa: E402
from support.week.play import play  # noqa: E402
from support.week.score import Score, by_signal  # noqa: E402

PAGE: Final = ROOT / "docs" / "verdicts.md"
PARTS: Final = {range(1, 11): "tuned on", range(11, 21): "held out"}
"""Seeds, and the name of their place in the page."""
MOST_FALSE: Final = 2
RULES: Final = ("signals", "model")


def cases(seed: int) -> tuple[list[Case], float]:
    """Every session of a seed, and the seconds of one core that it took."""
    began = time.process_time()
    found = [case for machine in machines(seed) for case in judge(play(machine))]
    return found, time.process_time() - began


def digest(package: str) -> str:
    """SHA-256 of a package's modules: that of `cat clauditor/<package>/*.py`."""
    files = sorted((ROOT / "clauditor" / package).glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def report(seeds: Sequence[int], scores: Sequence[Score], seconds: Sequence[float]) -> str:
    """The results in Markdown."""
    whole = Score(cases=tuple(case for score in scores for case in score.cases))
    calls, lengths = [case.calls for case in whole.cases], [case.seconds / 60 for case in whole.cases]
    worst = Counter(case.worst for case in whole.healthy)
    head = (
        f"{datetime.now(UTC):%Y-%m-%d}, seeds {seeds[0]} to {seeds[-1]}: {len(whole.cases):,} sessions of"
        f" {min(calls)} to {max(calls)} calls (median {statistics.median(calls):.0f}) and {min(lengths):.0f} to"
        f" {max(lengths):.0f} minutes (median {statistics.median(lengths):.0f}); a seed took"
        f" {statistics.median(seconds):.0f} s of one core, at most {max(seconds):.0f} s."
    )
    result = (
        f"**Found {len(whole.found)} of {len(whole.sick)} planted; false alarms in {len(whole.false)} of"
        f" {len(whole.healthy)} healthy sessions. Precision {whole.precision:.1%}, recall {whole.recall:.1%}.**"
        f" The worst verdict of a healthy session was `ok` for {worst['ok']}, `watch` for {worst['watch']}, `act` for"
        f" {worst['act']}."
    )
    digests = [f"`cat clauditor/{package}/*.py | sha256sum`: `{digest(package)}`" for package in RULES]
    parts = [head, "", result, "", *(f"- {one}" for one in digests), "", *_by_seed(seeds, scores), ""]
    parts += [*_by_signal(whole.cases), "", *_listed(seeds, scores)]
    return "\n".join(parts).rstrip()


def _by_seed(seeds: Sequence[int], scores: Sequence[Score]) -> Iterable[str]:
    yield "| seed | planted | found | missed | false alarms | precision | recall |"
    yield "|--:|--:|--:|---|---|--:|--:|"
    for seed, score in zip(seeds, scores, strict=True):
        missed = ", ".join(case.trouble or "" for case in score.missed) or "none"
        false = (
            ", ".join(f"{case.untrue[0].signal} ({case.near_misses[0]})" for case in score.false) or "none"
        )
        yield (
            f"| {seed} | {len(score.sick)} | {len(score.found)} | {missed} | {false}"
            f" | {score.precision:.1%} | {score.recall:.0%} |"
        )


def _by_signal(found: Sequence[Case]) -> Iterable[str]:
    yield "| signal | planted | found | led the verdict | seconds, median | longest | false, healthy | true, healthy | false, sick |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for one in by_signal(found, [signal.name for signal in SIGNALS]):
        times = [
            "" if value is None else f"{value:.0f}" for value in (one.median_seconds, one.longest_seconds)
        ]
        counts = (one.false_in_healthy, one.true_in_healthy, one.false_in_sick)
        numbers = [one.planted, one.found, one.led, *times, *counts]
        yield f"| `{one.signal}` | {' | '.join(str(number) for number in numbers)} |"


def _listed(seeds: Sequence[int], scores: Sequence[Score]) -> Iterable[str]:
    """Every miss and every false alarm, of the sick ones too."""
    for seed, score in zip(seeds, scores, strict=True):
        for case in score.missed:
            yield f"- Missed: seed {seed}, session {case.number}, {case.trouble} (`{case.planted}`)."
        for case in score.cases:
            kind = "sick" if case.is_sick else "healthy"
            for alarm in case.untrue:
                yield (
                    f"- False alarm: seed {seed}, {kind} session {case.number} ({', '.join(case.near_misses)}),"
                    f" `{alarm.signal}`, {alarm.severity}, after {alarm.at:.0f} s: {alarm.summary}"
                )


def listing(seed: int, found: Sequence[Case]) -> Iterable[str]:
    """A line for each session: its worst verdict, when it was reached, by which signal, and what was planted."""
    for case in sorted(found, key=lambda case: case.number):
        told = f"{case.worst} by {case.leading} after {case.worst_at:.0f} s" if case.leading else case.worst
        after = "missed" if case.found_after is None else f"found after {case.found_after:.0f} s"
        planted = f"; {case.trouble}: {case.planted} {after}" if case.is_sick else ""
        yield f"seed {seed} session {case.number} ({', '.join(case.near_misses)}): {told}{planted}"


def write(part: str, results: str, page: Path = PAGE) -> None:
    """Puts results into their place in the page."""
    begins, ends = f"<!-- {part}: written by bench/verdicts.py -->", f"<!-- end of {part} -->"
    head, found, rest = page.read_text(encoding="utf-8").partition(begins)
    if not found:
        raise SystemExit(f"{page.name} has no place for what was {part}")
    tail = rest.partition(ends)[2]
    page.write_text(f"{head}{begins}\n{results}\n{ends}{tail}", encoding="utf-8")


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=_seeds, default=range(1, 11), help="as 3, or 1-10")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--list", action="store_true", help="say of every session how it went")
    parser.add_argument("--write", action="store_true", help="into docs/verdicts.md; of 1-10 or 11-20 only")
    told = parser.parse_args()
    if told.write and told.seeds not in PARTS:
        parser.error("--write takes seeds 1-10 or 11-20")
    with ProcessPoolExecutor(max_workers=told.jobs) as pool:
        played = list(pool.map(cases, told.seeds))
    scores = [Score(cases=tuple(found)) for found, _ in played]
    results = report(told.seeds, scores, [seconds for _, seconds in played])
    if told.list:
        for seed, score in zip(told.seeds, scores, strict=True):
            print("\n".join(listing(seed, score.cases)))
    print(results)
    if told.write:
        write(PARTS[told.seeds], results)
    missed = sum(len(score.missed) for score in scores)
    sys.exit(bool(missed) or sum(len(score.false) for score in scores) > MOST_FALSE)


if __name__ == "__main__":
    main()
