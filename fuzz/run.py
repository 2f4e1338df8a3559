"""Coverage-guided fuzzing of the wire layer with atheris: `python fuzz/run.py [--seconds 600]`.

Each target has its share of the time, in a process of its own at low priority. What breaks a promise is kept in
fuzz/findings, where a test replays it for good. `--results FILE` writes what was run.
"""

# ruff: noqa: INP001, T201, PLC0415  (a program that prints; atheris must see the imports that it instruments)

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
FINDINGS = HERE / "findings"
TARGETS = ("exchange", "request", "sse", "decoders", "names")
SHARES = {"exchange": 4, "request": 3, "sse": 1, "decoders": 1, "names": 1}  # of ten

sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--target", choices=TARGETS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.nice(15)
    if options.target:
        return fuzz(options.target, options.folder, options.seconds)
    before = kept()
    rows, is_broken = [], False
    for name in TARGETS:
        seconds = max(2, options.seconds * SHARES[name] // 10)
        row, status = run(name, seconds)
        print(row, flush=True)
        rows.append(row)
        is_broken = is_broken or status != 0
    new = sorted(kept() - before)
    if options.results:
        options.results.write_text(report(rows, options.seconds, new), encoding="utf-8")
    for path in new:
        print(f"kept: {path}")
    return 1 if is_broken else 0


def kept() -> set[str]:
    return {path.name for path in FINDINGS.iterdir()} if FINDINGS.exists() else set()


def run(name: str, seconds: int) -> tuple[str, int]:
    """Fuzzes one target in a process of its own; a row of the table, and the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--target", name, "--seconds", str(seconds), "--folder", folder]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    log = done.stderr
    executed = re.findall(r"stat::number_of_executed_units:\s*(\d+)", log) or re.findall(
        r"^#(\d+)", log, re.MULTILINE
    )
    covered = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", log)
    first, last = (covered[0], covered[-1]) if covered else (("?",) * 3, ("?",) * 3)
    if done.returncode:
        print(log[-4000:])
    row = (
        f"| {name} | {seconds} s | {int(executed[-1]) if executed else 0:,} | {first[0]} → {last[0]} "
        f"| {last[1]} | {last[2]} | {'broken, see below' if done.returncode else 'none'} |"
    )
    return row, done.returncode


def report(rows: list[str], seconds: int, new: list[str]) -> str:
    lines = [
        "# The last long fuzz run",
        "",
        f"`make fuzz`: {seconds} s on one core at low priority, atheris {version('atheris')}, Python {platform.python_version()}.",
        "Coverage is what libFuzzer counts in `clauditor.wire` and `clauditor.text`: edges with the seeds alone and at the",
        "end, and features (edges with how often, comparisons). Every input also had to stay under one second of CPU.",
        "",
        "| target | time | executions | edges: seeds → end | features | inputs kept | findings |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        "New findings: " + (", ".join(new) if new else "none") + ".",
    ]
    return "\n".join(lines) + "\n"


def fuzz(name: str, folder: str, seconds: int) -> int:
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

    with atheris.instrument_imports(include=["clauditor.wire", "clauditor.text"]):
        import harnesses
    from seeds import seeds

    corpus = Path(folder)
    for number, seed in enumerate(seeds()[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    FINDINGS.mkdir(exist_ok=True)
    harness = harnesses.TARGETS[name]
    atheris.enabled_hooks.add("RegEx")
    atheris.enabled_hooks.add("str")
    arguments = [
        f"-max_total_time={seconds}",
        "-max_len=20000",
        "-timeout=20",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
        f"-dict={HERE / 'tokens.dict'}",
        f"-artifact_prefix={FINDINGS}/{name}-",
    ]
    atheris.Setup([sys.argv[0], *arguments, folder], lambda data: harnesses.timed(harness, data))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
