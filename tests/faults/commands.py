"""What the client itself runs, `clauditor hook` and `clauditor statusline`, while the sidecar runs, is dead, or stopped."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final, Literal

from clauditor.hooks.patience import ASK_SECONDS, stretched
from faults.faults import Fault, Killed, Stopped
from faults.lab import Lab

State = Literal["running", "stopped", "dead"]
STATES: Final[tuple[State, ...]] = ("running", "stopped", "dead")
SESSION: Final = "4ac06307-4ea0-462c-b053-b3d90646cb4f"
INPUTS: Final = {
    "hook": {
        "session_id": SESSION,
        "hook_event_name": "PostToolUse",
        "tool_name": "Bash",
        "tool_input": {"command": "make"},
        "tool_response": {"stdout": "made"},
        "tool_use_id": "toolu_01",
    },
    "statusline": {"session_id": SESSION, "model": {"id": "claude-opus-5-5"}, "workspace": {}},
}


@dataclass(frozen=True)
class Cost:
    """Seconds from the start of the command to its end, of several runs."""

    quickest: float
    median: float


def limit_seconds() -> float:
    """How long a command may take now: 200 ms, and longer only as far as it gives a busy machine longer to answer."""
    return 0.1 + stretched(ASK_SECONDS)


def cost_of_commands(lab: Lab, *, times: int) -> dict[tuple[str, State], Cost]:
    """Each command in each state of the sidecar; fails if one does not succeed."""
    found: dict[tuple[str, State], Cost] = {}
    faults: tuple[Fault | None, ...] = (None, Stopped(), Killed())
    for state, fault in zip(STATES, faults, strict=True):
        if fault is not None:
            fault.strike(lab)
        with contextlib.ExitStack() as healing:
            if fault is not None:
                healing.callback(fault.heal, lab)
            for name, given in INPUTS.items():
                found[name, state] = _cost(lab, name, json.dumps(given).encode(), times)
    return found


def _cost(lab: Lab, name: str, given: bytes, times: int) -> Cost:
    command = [sys.executable, "-P", "-m", "clauditor", name, "--data-dir", str(lab.data_dir)]
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, input=given, capture_output=True, check=True, timeout=20)
        seconds.append(time.perf_counter() - began)
    return Cost(min(seconds), statistics.median(seconds))
