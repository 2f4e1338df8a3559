"""A loop that has stopped turning ends its process; one that was stopped with everything else does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from clauditor.watchdog import EXIT_CODE

SECONDS = 1.0
PROGRAM = f"""
import asyncio, logging, re, sys, threading, time
from clauditor.watchdog import Watchdog
logging.basicConfig(stream=sys.stderr, level=logging.INFO)

def spin():
    while True:
        pass

async def main():
    other = asyncio.new_event_loop()
    threading.Thread(target=other.run_forever, daemon=True).start()
    Watchdog([asyncio.get_running_loop(), other], seconds={SECONDS}).start()
    print("turning", flush=True)
    word = (await asyncio.to_thread(sys.stdin.readline)).strip()
    match word:
        case "sleep": time.sleep(60)
        case "spin": spin()
        case "hold": re.match("(a*)*b", "a" * 40)
        case "other": other.call_soon_threadsafe(time.sleep, 60); await asyncio.sleep(60)
        case "short": time.sleep({SECONDS} / 2)
    print("went on", flush=True)
    await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""


@pytest.fixture
def program() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "turning\n"
        yield started
        started.kill()


def tell(program: subprocess.Popen[str], word: str) -> None:
    assert program.stdin is not None
    program.stdin.write(f"{word}\n")
    program.stdin.flush()


@pytest.mark.parametrize("way", ["sleep", "spin", "other"])
def test_a_loop_that_stands_still_ends_the_process_and_says_where_it_stood(
    program: subprocess.Popen[str], way: str
) -> None:
    began = time.monotonic()
    tell(program, way)
    assert program.wait(20) == EXIT_CODE
    assert time.monotonic() - began > SECONDS * 0.9
    assert program.stderr is not None
    said = program.stderr.read()
    assert "has not turned for 1 s" in said
    assert "most recent call first" in said


def test_c_code_that_keeps_the_interpreter_to_itself_ends_too(program: subprocess.Popen[str]) -> None:
    tell(program, "hold")
    assert program.wait(30) == -signal.SIGPROF
    assert program.stderr is not None
    assert "most recent call first" in program.stderr.read()


def test_a_short_pause_ends_nothing(program: subprocess.Popen[str]) -> None:
    tell(program, "short")
    assert program.stdout is not None
    assert program.stdout.readline() == "went on\n"
    assert program.poll() is None


def test_a_process_that_was_stopped_for_long_goes_on_afterwards(program: subprocess.Popen[str]) -> None:
    """SIGSTOP stops the thread that watches as well, as the sleep of a machine does."""
    os.kill(program.pid, signal.SIGSTOP)
    assert os.WIFSTOPPED(os.waitpid(program.pid, os.WUNTRACED)[1])
    time.sleep(4 * SECONDS)
    os.kill(program.pid, signal.SIGCONT)
    time.sleep(1.5 * SECONDS)
    tell(program, "nothing")
    assert program.stdout is not None
    assert program.stdout.readline() == "went on\n"
    assert program.poll() is None
