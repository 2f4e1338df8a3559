"""Ten thousand exchanges of every kind and encoding through the real Envoy, held against the vendor's own books.

    python bench/ten_thousand.py [EXCHANGES]     (default 10,000; takes about three minutes)

Prints what both sides say, ends with 1 if they differ anywhere, and after a full run writes the results into
`docs/truth.md`. `tests/integration/test_ten_thousand.py` is the same with four hundred.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from clauditor.edge.envoy_stats import CONNECTIONS, EVENTS  # noqa: E402
from clauditor.proxy.envoy import Admin  # noqa: E402
from clauditor.proxy.rundir import RunDir  # noqa: E402
from support.stack import RunningStack, watched_vendor  # noqa: E402 - found on the path that was just set
from support.traffic.compare import USD_TOLERANCE, Verdict, compare  # noqa: E402
from support.traffic.drive import AT_ONCE, Driver  # noqa: E402
from support.traffic.plan import Session, plan  # noqa: E402
from support.traffic.truth import truths  # noqa: E402

EXCHANGES: Final = 10_000
SEED: Final = 2026
PAGE: Final = ROOT / "docs" / "truth.md"
BEGINS, ENDS = "<!-- results: written by bench/ten_thousand.py -->", "<!-- end of results -->"
MOST_DIFFERENCES: Final = 40


async def run(sessions: list[Session]) -> tuple[Verdict, float]:
    """Plays and compares; returns the verdict and the seconds that the exchanges took."""
    with (
        tempfile.TemporaryDirectory() as directory,
        watched_vendor(Path(directory), seed=SEED, encoding="auto") as (vendor, stack),
    ):
        began = time.perf_counter()
        received = await Driver(vendor, stack.proxy_url).play(sessions)
        seconds = time.perf_counter() - began
        verdict = compare(stack, truths(sessions, vendor.ledger.records), received)
        if verdict.differences:
            print(evidence(stack))
        return verdict, seconds


def evidence(stack: RunningStack) -> str:
    """What the programs themselves say, before they are gone: who ended, and what Envoy counted."""
    run = RunDir(stack.data_dir)
    figures = Admin(run.admin_socket).figures((*EVENTS, *CONNECTIONS))
    logs = [
        f"{name}: {line}"
        for name in ("supervisor", "envoy", "sidecar")
        for line in run.log(name).read_text(errors="replace").splitlines()[-20:]
    ]
    return "\n".join([*logs, str(figures)])


def report(verdict: Verdict, sessions: list[Session], seconds: float) -> str:
    attempts = [attempt for session in sessions for attempt in session.attempts]
    failed = sum(attempt.outcome != "ok" for attempt in attempts)
    shapes = {attempt.shape.name for attempt in attempts if attempt.shape is not None}
    off = abs(verdict.told_usd - float(verdict.true_usd))
    head = (
        f"{datetime.now(UTC):%Y-%m-%d}, genai-prices {version('genai-prices')}, seed {SEED}, {AT_ONCE} sessions at"
        f" once: {verdict.exchanges:,} exchanges of {verdict.sessions:,} sessions in {seconds:.0f} s;"
        f" {len(shapes)} shapes of answers, {failed:,} attempts that failed on purpose."
    )
    rows = [
        f"| {name} tokens | {verdict.told[name]:,} | {true:,} | {verdict.told[name] - true:,} |"
        for name, true in verdict.true.items()
    ]
    foot = (
        f"Exchanges seen by the sidecar: {verdict.seen_by_edge:,} of {verdict.exchanges:,}. Attempts compared one by"
        f" one: {verdict.compared:,}; the largest difference in price is {verdict.largest_usd:.1g} USD. Priced by"
        f" hand: {verdict.by_hand:,}. Of an unknown model, and told as unpriced: {verdict.unpriced:,}."
        f" Differences: {len(verdict.differences)}."
    )
    dollars = f"| US dollars | {verdict.told_usd:,.9f} | {verdict.true_usd:,.9f} | {off:.1g} |"
    return "\n".join([head, "", "| | told | true | differ |", "|---|--:|--:|--:|", *rows, dollars, "", foot])


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EXCHANGES
    sessions = plan(count, SEED)
    verdict, seconds = asyncio.run(run(sessions))
    results = report(verdict, sessions, seconds)
    print(results)
    for difference in verdict.differences[:MOST_DIFFERENCES]:
        print(difference)
    if count == EXCHANGES:
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGINS)
        tail = rest.partition(ENDS)[2]
        PAGE.write_text(f"{head}{BEGINS}\n{results}\n{ENDS}{tail}", encoding="utf-8")
    is_equal = not verdict.differences and verdict.seen_by_edge == verdict.exchanges
    sys.exit(not (is_equal and abs(verdict.told_usd - float(verdict.true_usd)) < USD_TOLERANCE))


if __name__ == "__main__":
    main()
