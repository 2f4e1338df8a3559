"""A program that does not start, or does not stay: noted by its keeper, told by `up`, `status` and the screens.

Starts that failed are lines of one file, which the next start that succeeds removes; ends of a program that had
been ready are lines of another, each with the machine's monotonic time (the same in every process, Linux and macOS).
"""

from __future__ import annotations

import contextlib
import signal
import time
from pathlib import Path
from typing import Final

from clauditor.proxy.rundir import RunDir
from clauditor.text import clean

KEPT: Final = 10
ENDS: Final = 3  # one or two are an accident, or somebody's test
WITHIN_SECONDS: Final = 60.0


def start_failed(run: RunDir, name: str, reason: str) -> None:
    """Note a start that failed; a full disk is no reason to fail."""
    _append(run, run.failure_file(name), reason)


def ended(run: RunDir, name: str, code: int | None) -> None:
    """Note the end of a program that had been ready, with its exit code if that is known."""
    _append(run, run.ended_file(name), f"{time.monotonic()} {_how(code)}")


def failures(run: RunDir, name: str) -> list[str]:
    """Why the last starts failed, oldest first; empty once one has succeeded."""
    return _lines(run.failure_file(name))


def trouble(run: RunDir, name: str) -> str | None:
    """What is wrong with a program that is started again and again, in one sentence; None if nothing is."""
    called = "Envoy" if name == "envoy" else f"The {name}"
    if reasons := failures(run, name):
        times = "once" if len(reasons) == 1 else f"{len(reasons)} times"
        reason = clean(reasons[-1]).removeprefix("clauditor: ").rstrip(".")
        more = " or more" if len(reasons) == KEPT else ""
        return f"{called} was started {times}{more} and did not come up: {reason}; see {run.log(name)}."
    ends = [how for at, how in map(_noted, _lines(run.ended_file(name))) if _is_recent(at)]
    if len(ends) >= ENDS:
        more = " or more" if len(ends) == KEPT else ""
        return (
            f"{called} ended {len(ends)} times{more} within a minute, the last time {ends[-1]}; "
            f"it is started again each time; see {run.log(name)}."
        )
    return None


def _how(code: int | None) -> str:
    if code is None:
        return "for a reason unknown"  # adopted, so nobody's child
    if code >= 0:
        return f"with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"by {signal.Signals(-code).name}"
    return f"by signal {-code}"


def _noted(line: str) -> tuple[float, str]:
    at, _, how = line.partition(" ")
    with contextlib.suppress(ValueError):
        return float(at), clean(how)
    return float("-inf"), ""


def _is_recent(at: float) -> bool:
    return 0 <= time.monotonic() - at <= WITHIN_SECONDS  # later than now: from before a reboot


def _append(run: RunDir, path: Path, line: str) -> None:
    with contextlib.suppress(OSError):
        run.write(path, "\n".join([*_lines(path)[1 - KEPT :], line]) + "\n")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
