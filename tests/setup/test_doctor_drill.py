"""The drill: what it makes of what it saw; run for real, also when it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from clauditor.setup.doctor.drill.outcome import Outcome, Phase, Recorded, figures, findings
from support.waiting import until

CALM = Phase(
    name="sidecar killed",
    breaks_streams=False,
    answers=8,
    identical=8,
    errors=0,
    pause=0.030,
    direct_pause=0.029,
    back_seconds=0.7,
)
CUT = replace(
    CALM, name="Envoy killed", breaks_streams=True, answers=8, identical=4, errors=4, back_seconds=0.1
)
RECORDED = Recorded(exchanges=16, whole=10, gaps=6)
GOOD = Outcome(phases=(CALM, CUT), recorded=RECORDED, seconds=18.0)
COMMAND = (sys.executable, "-P", "-m", "clauditor", "doctor", "--drill")


def levels(outcome: Outcome) -> dict[str, str]:
    return {name: finding.level for name, finding in findings(outcome)}


def test_a_client_that_noticed_nothing_is_no_problem() -> None:
    assert set(levels(GOOD).values()) == {"ok"}
    assert figures(GOOD)["longest_added_pause_seconds"] == 0.001
    assert figures(GOOD)["errors"] == 0


@pytest.mark.parametrize(
    ("phase", "name"),
    [
        (replace(CALM, errors=1, identical=7), "sidecar killed"),
        (replace(CALM, identical=7), "sidecar killed"),
        (replace(CALM, pause=0.9), "sidecar killed"),
        (replace(CUT, identical=3), "Envoy killed"),
        (replace(CUT, back_seconds=None), "Envoy killed"),
        (replace(CUT, back_seconds=3.0), "Envoy killed"),
    ],
)
def test_what_a_client_would_notice_is_a_problem(phase: Phase, name: str) -> None:
    assert levels(replace(GOOD, phases=(phase,)))[name] == "problem"


def test_an_exchange_that_is_neither_recorded_nor_a_gap_is_a_problem() -> None:
    lost = replace(GOOD, phases=(CALM,), recorded=replace(RECORDED, gaps=5))
    assert levels(lost)["recorded"] == "problem"
    assert (
        levels(replace(GOOD, recorded=replace(RECORDED, gaps=5)))["recorded"] == "ok"
    )  # Envoy's last moment
    assert levels(replace(GOOD, recorded=None))["recorded"] == "problem"


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    """The environment of a drill whose private directory is in a place of the test."""
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}


def left_behind(place: dict[str, str]) -> list[str]:
    """Files and processes of a drill."""
    found = [path.name for path in Path(place["TMPDIR"]).iterdir()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if place["TMPDIR"].encode() in line:
            found.append(line.decode(errors="replace"))
    return found


def test_a_drill_shows_that_nothing_is_in_the_way(place: dict[str, str]) -> None:
    began = time.monotonic()
    done = subprocess.run(
        [*COMMAND, "--json"], env=place, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.stderr == ""
    told = json.loads(done.stdout)
    drill = told["drill"]
    assert drill["errors"] == 0
    cut = next(phase for phase in drill["phases"] if phase["name"] == "Envoy killed")["errors"]
    assert drill["identical"] == drill["answers"] - cut >= 12
    assert drill["recorded"]["gaps"] > 0  # the sidecar was away for a while, and it knows
    assert drill["recorded"]["unexplained"] <= cut
    assert {check["topic"] for check in told["checks"]} == {"drill"}
    assert time.monotonic() - began < 60  # 18 s on a quiet machine; the promise is half a minute
    assert left_behind(place) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_drill_leaves_nothing_behind(place: dict[str, str], number: signal.Signals) -> None:
    process = subprocess.Popen(COMMAND, env=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: any("envoy" in one for one in left_behind(place)), "the private Envoy runs")
    process.send_signal(number)
    assert process.wait(30) == 130
    until(lambda: not left_behind(place), "everything is gone")
