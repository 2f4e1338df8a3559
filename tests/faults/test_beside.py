"""What runs beside the traffic: a sidecar that comes late, the network, hooks and the status line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from faults import away, claude
from faults.commands import cost_of_commands, limit_seconds
from faults.faults import Absent
from faults.kinds import SMALL
from faults.lab import laboratory
from faults.matrix import cell
from faults.report import line

pytestmark = pytest.mark.timeout(120)


def test_what_passed_before_the_sidecar_first_came_is_told_as_gaps(tmp_path: Path) -> None:
    with laboratory(tmp_path, is_absent=True) as lab:
        found = cell(lab, Absent(), SMALL)
    sys.stdout.write(line(found) + "\n")
    assert found.complaints == [], found
    assert found.gaps.made > 10


def test_a_name_that_is_not_known_at_the_start_and_one_that_goes_away(tmp_path: Path) -> None:
    found = away.play("name", tmp_path, seconds=2)
    assert found["at the start"] == {"watched": "503", "bare": "503"}
    assert found["found after"] < 6
    assert found["held"] >= 1
    assert (found["while it was gone"], found["stream"]) == ({"watched": "200", "bare": "200"}, "200")


def test_hooks_and_status_line_do_not_wait_for_a_sidecar_that_is_dead_or_stopped(tmp_path: Path) -> None:
    with laboratory(tmp_path) as lab:
        before = limit_seconds()
        found = cost_of_commands(lab, times=5)
        most = max(before, limit_seconds())
    sys.stdout.write(f"{found}\n")
    for name in ("hook", "statusline"):
        for state in ("dead", "stopped"):
            assert found[name, state].quickest <= most, found


@pytest.mark.claude_code
def test_the_real_client_finishes_while_its_way_is_killed_four_times(tmp_path: Path) -> None:
    found = claude.play(tmp_path)
    assert (found["code"], found["is_error"], found["result"]) == (0, False, "All done."), found
    assert len(found["killed"]) == len(claude.SCRIPT)
    # The answer that was under way when Envoy was killed is one more, if the sidecar was killed before it had told of it.
    assert found["unobserved"] - claude.SCRIPT.count("sidecar") in (0, 1)
