"""Runs a module of this package as a program in namespaces of its own, where it has loopback only."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def run_apart(module: str, scenario: Mapping[str, Any], *, own: tuple[str, ...] = ("--net",)) -> Any:
    """What the module answers to the scenario, which is its one argument; `own`: options of unshare(1)."""
    with_loopback = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    done = subprocess.run(
        ["unshare", *own, "--", *with_loopback, sys.executable, "-m", module, json.dumps(scenario)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return json.loads(done.stdout)
