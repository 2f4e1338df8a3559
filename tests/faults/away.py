"""Faults of the network, in namespaces of our own: a name that cannot be looked up, and packets that vanish.

Run as a program inside such namespaces (`python -m faults.away SCENARIO.json`); `play` does that.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from faults.apart import run_apart
from faults.kinds import SMALL
from faults.lab import SIDES, Lab, laboratory
from support.waiting import until

NAME: Final = "vendor.test"  # RFC 6761: no such name exists
LOCALHOST: Final = "127.0.0.1 localhost\n"


def play(what: str, directory: Path, **scenario: Any) -> dict[str, Any]:
    """Run one scenario (`name` or `hole`), and return what it saw; skips, saying what is missing."""
    tools = ("unshare", "ip", *(["iptables"] if what == "hole" else []))
    if os.geteuid() != 0 or any(shutil.which(tool) is None for tool in tools):
        pytest.skip(f"only root, with {', '.join(tools)}, can make a network of its own")
    scenario |= {"what": what, "directory": str(directory)}
    found: dict[str, Any] = run_apart("faults.away", scenario, own=("--net", "--mount"))
    return found


def name_gone(directory: Path, *, seconds: float) -> dict[str, Any]:
    """The upstream's name cannot be looked up at the start, then it can, then it cannot for so many seconds."""
    hosts, nowhere = directory / "hosts", directory / "resolv.conf"
    hosts.write_text(LOCALHOST)
    nowhere.write_text("")
    for ours, theirs in ((hosts, "/etc/hosts"), (nowhere, "/etc/resolv.conf")):
        subprocess.run(["mount", "--bind", str(ours), theirs], check=True)
    with laboratory(directory, upstream_host=NAME) as lab:
        offline = ask_both(lab)
        hosts.write_text(f"{LOCALHOST}127.0.0.1 {NAME}\n")
        back_at = time.monotonic()
        until(lambda: all(outcome == "200" for outcome in ask_both(lab).values()), "the name is found")
        found_after = time.monotonic() - back_at
        with lab.stream_held_open():
            held = until(lab.open_streams, "an open stream")
            hosts.write_text(LOCALHOST)
            threading.Event().wait(seconds)  # so long it lasts
            gone = ask_both(lab)
        stream = next(each for each in lab.heard["watched"] if "-held-" in each.session_id)
        return {
            "at the start": offline,
            "found after": found_after,
            "gone for": seconds,
            "held": held,
            "while it was gone": gone,
            "stream": outcome(stream.status, stream.error),
        }


def hole(directory: Path) -> dict[str, Any]:
    """What is sent to the upstream vanishes; a connection from before lies in the pool."""
    with laboratory(directory) as lab:
        before = ask_both(lab)
        rule = ["OUTPUT", "-p", "tcp", "--dport", str(lab.vendor.port), "-j", "DROP"]
        with lab.stream_held_open():
            held = until(lab.open_streams, "an open stream")
            subprocess.run(["iptables", "-I", *rule], check=True)
            began = time.monotonic()
            during = ask_both(lab)
            lasted = time.monotonic() - began
            subprocess.run(["iptables", "-D", *rule], check=True)
        return {"before": before, "held": held, "during": during, "seconds": lasted, "after": ask_both(lab)}


def ask_both(lab: Lab) -> Mapping[str, str]:
    """One exchange at each proxy, at the same time: the status, or how it failed."""
    with ThreadPoolExecutor() as pool:
        asked = {side: pool.submit(lab.ask, side, SMALL) for side in SIDES}
        return {side: outcome(heard.result().status, heard.result().error) for side, heard in asked.items()}


def outcome(status: int | None, error: str | None) -> str:
    return error or str(status)


def main(scenario: dict[str, Any]) -> dict[str, Any]:
    directory = Path(scenario["directory"])
    return (
        hole(directory) if scenario["what"] == "hole" else name_gone(directory, seconds=scenario["seconds"])
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))))
