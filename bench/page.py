"""The web page in a real Chromium: frames with 200 sessions, how soon it shows an event, and what it costs at rest.

    python bench/page.py [--sessions 200] [--changes 50] [--seconds 15]

A real API over canned sessions, in a process of its own, and the system's Chromium without a screen. Frames: times
between two of them (requestAnimationFrame) while `changes` sessions change four times a second and the table is
scrolled. Cost: CPU of every process of the browser, and of the sidecar's, while nothing changes, and while much does;
the browser draws in software here, which costs more than a graphics card does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from playwright.async_api import Page, async_playwright  # noqa: E402 - found on the path that was just set

from bench.rig.canned import serve  # noqa: E402
from bench.rig.figures import cpu_seconds, load, percentile  # noqa: E402

_FRAMES: Final = """seconds => new Promise((done) => {
    const frames = [], began = performance.now();
    const list = document.scrollingElement;
    let before = began;
    const next = (at) => {
        frames.push(at - before);
        before = at;
        list.scrollTop = (Math.sin((at - began) / 700) + 1) / 2 * (list.scrollHeight - list.clientHeight);
        if (at - began < seconds * 1000) requestAnimationFrame(next); else done(frames.slice(1));
    };
    requestAnimationFrame(next);
})"""
_APPEARS: Final = """word => new Promise((done) => {
    const look = () => {
        if ([...document.querySelectorAll('.row .c-session')].some((one) => one.textContent.includes(word))) done(Date.now() / 1000);
    };
    new MutationObserver(look).observe(document.getElementById('table'), { subtree: true, childList: true, characterData: true });
    look();
})"""


def family(pid: int) -> set[int]:
    """A process and all that come from it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


async def share(pids: Callable[[], set[int]], seconds: float) -> float:
    """CPU of these processes as a share of one core."""

    def used() -> float:
        total = 0.0
        for pid in pids():
            try:
                total += cpu_seconds(pid)
            except OSError:
                continue
        return total

    before, began = used(), time.monotonic()
    await asyncio.sleep(seconds)
    return (used() - before) / (time.monotonic() - began)


async def told(page: Page, say: Connection, rounds: int) -> list[float]:
    """Seconds from an event to the row that shows it."""
    found = []
    for number in range(rounds):
        waiting = asyncio.create_task(page.evaluate(_APPEARS, f"event {number:03}"))
        await asyncio.sleep(0.5 + number % 5 / 10)
        say.send(("label", f"event {number:03}"))
        at = await asyncio.to_thread(say.recv)
        found.append(await waiting - at)
    return found


async def run(asked: argparse.Namespace) -> None:
    here, there = get_context("spawn").Pipe()
    sidecar = get_context("spawn").Process(target=serve, args=(there, asked.sessions), daemon=True)
    sidecar.start()
    url = await asyncio.to_thread(here.recv)
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        main = next(pid for pid in family(os.getpid()) if _is_browser(pid))
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await page.goto(url)
        await page.wait_for_selector(".row")
        await page.keyboard.press("e")  # idle and scripted ones too
        await page.wait_for_function("n => document.querySelectorAll('.row').length >= n", arg=asked.sessions)
        await asyncio.sleep(30)  # until all that time alone changes has changed, and nobody is at it

        def of_browser() -> set[int]:
            return family(main)

        def of_sidecar() -> set[int]:
            return {sidecar.pid or 0}

        quiet = await asyncio.gather(share(of_browser, asked.seconds), share(of_sidecar, asked.seconds))
        calm = await page.evaluate(_FRAMES, asked.seconds)
        late = await told(page, here, 12)
        here.send(("changes", asked.changes))
        frames = await page.evaluate(_FRAMES, asked.seconds)
        busy = await asyncio.gather(share(of_browser, asked.seconds), share(of_sidecar, asked.seconds))
        await browser.close()
    sidecar.terminate()
    print(f"{asked.sessions} sessions at 1440 x 900, all in the table; load average {load()}")
    for what, times in (("nothing changes", calm), (f"{asked.changes} change 4 times a second", frames)):
        slow = sum(one > 33.4 for one in times)
        print(
            f"frames, scrolling, {what}: p50 {percentile(times, 0.5):.1f} ms, p95 {percentile(times, 0.95):.1f} ms,"
            f" p99 {percentile(times, 0.99):.1f} ms, longest {max(times):.0f} ms; {slow} of {len(times)} over 33 ms"
        )
    print(
        f"event to row: p50 {percentile(late, 0.5) * 1e3:.0f} ms, longest {max(late) * 1e3:.0f} ms (goal: 1 s)"
    )
    print(f"at rest: browser {quiet[0]:.2%}, sidecar {quiet[1]:.2%} of a core (goal: 1 %)")
    print(f"busy:    browser {busy[0]:.1%}, sidecar {busy[1]:.1%} of a core")


def _is_browser(pid: int) -> bool:
    """Whether it is the browser's first process."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"chrom" in words.split(b"\0")[0] and b"--headless" in words and b"--type=" not in words


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=15.0)
    asked: Any = parser.parse_args()
    asyncio.run(run(asked))


if __name__ == "__main__":
    main()
