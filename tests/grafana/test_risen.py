"""How much a counter rose: what a new series began with counts where it is sure to be of the time shown."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from grafana.boards.parts import risen
from support.dashboards import fill

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")

HOUR = 240
"""Scrapes in an hour, one every 15 s. The time shown is the second hour."""
BEFORE, WITHIN = 100, 5400
"""Unix seconds at which the sidecar started: before the time shown, and within it."""


def values(*runs: tuple[float | None, int]) -> str:
    """Samples as promtool reads them: each value so many times, None for no sample."""
    return " ".join("_" if value is None else str(value) for value, times in runs for _ in range(times))


def sidecar(started_at: int, scraped_since: int = 0) -> dict[str, str]:
    labels = '{job="clauditor",instance="a"}'
    seen = values((None, scraped_since), (1, 2 * HOUR + 1 - scraped_since))
    return {
        f"clauditor_build_info{labels}": seen,
        f"clauditor_process_start_time_seconds{labels}": seen.replace("1", str(started_at)),
    }


def risen_in_the_second_hour(directory: Path, series: dict[str, str], expected: float) -> str:
    """Empty if promtool finds the expected sum, else what it found."""
    case: dict[str, Any] = {
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [{"series": name, "values": samples} for name, samples in series.items()],
                "promql_expr_test": [
                    {
                        "expr": fill(risen("spent_total", '{project=~"$project"}'), 3600, 60),
                        "eval_time": "2h",
                        "exp_samples": [{"labels": "{}", "value": expected}],
                    }
                ],
            }
        ],
    }
    path = directory / "case.yml"
    path.write_text(json.dumps(case), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def counter(project: str, *runs: tuple[float | None, int]) -> dict[str, str]:
    return {f'spent_total{{job="clauditor",instance="a",project="{project}"}}': values(*runs)}


def test_an_old_series_counts_what_it_gained(tmp_path: Path) -> None:
    old = counter("old", (100, HOUR + 100), (110, HOUR - 99))
    assert not risen_in_the_second_hour(tmp_path, sidecar(BEFORE) | old, 10)


def test_a_new_series_counts_from_nothing(tmp_path: Path) -> None:
    old = counter("old", (100, 2 * HOUR + 1))
    new = counter("new", (None, HOUR + 100), (7, HOUR - 99))
    assert not risen_in_the_second_hour(tmp_path, sidecar(BEFORE) | old | new, 7)


def test_what_a_sidecar_counted_before_it_was_ever_scraped_is_not_of_this_hour(tmp_path: Path) -> None:
    found = counter("old", (None, HOUR + 100), (200, HOUR - 99))
    assert not risen_in_the_second_hour(tmp_path, sidecar(BEFORE, HOUR + 100) | found, 0)


def test_all_that_a_sidecar_counted_is_of_the_hour_in_which_it_started(tmp_path: Path) -> None:
    found = counter("new", (None, HOUR + 120), (3, HOUR - 119))
    assert not risen_in_the_second_hour(tmp_path, sidecar(WITHIN, HOUR + 120) | found, 3)


def test_a_restart_loses_nothing_that_was_scraped(tmp_path: Path) -> None:
    through = counter("old", (100, HOUR + 50), (104, 50), (None, 4), (1, 10), (2, HOUR - 113))
    assert not risen_in_the_second_hour(tmp_path, sidecar(WITHIN) | through, 6)
