"""What panels of the overview make of known figures: the money of a bar, and the limits of a plan alone."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.dashboards import DASHBOARDS, fill, questions

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")

BAR_SECONDS = 300
WINDOWS = "clauditor_limit_used_ratio"
AHEAD = "clauditor_limit_projected_ratio"


def shows(directory: Path, panel: str, series: dict[str, str], expected: dict[str, float]) -> str:
    """Empty if promtool finds what the panel is to show after half an hour, else what it found."""
    (question,) = (one for path in DASHBOARDS for one in questions(path) if one.panel == panel)
    case: dict[str, Any] = {
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [{"series": name, "values": samples} for name, samples in series.items()],
                "promql_expr_test": [
                    {
                        "expr": fill(question.expr, 1800, BAR_SECONDS),
                        "eval_time": "30m",
                        "exp_samples": [
                            {"labels": labels, "value": value} for labels, value in expected.items()
                        ],
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


def test_a_bar_of_spend_is_what_was_spent_in_its_five_minutes(tmp_path: Path) -> None:
    spent = {  # 0.5 dollars in 15 s are ten in five minutes, of two projects
        'clauditor_cost_usd_total{model="m",project="p"}': "100+0.25x120",
        'clauditor_cost_usd_total{model="m",project="q"}': "7+0.25x120",
        'clauditor_cost_usd_total{model="n",project="p"}': "3+0x120",
    }
    assert not shows(tmp_path, "Spend over time", spent, {'{model="m"}': 10, '{model="n"}': 0})


LIMITS = {
    f'{WINDOWS}{{billing="plan",window="five_hour",instance="a"}}': "0.25x120",
    f'{WINDOWS}{{billing="plan",window="five_hour",instance="b"}}': "0.5x120",
    f'{WINDOWS}{{billing="plan",window="seven_day",instance="a"}}': "0.125x120",
    f'{WINDOWS}{{billing="plan",window="overage",instance="a"}}': "1x120",
    f'{WINDOWS}{{billing="api",window="input_tokens",instance="a"}}': "1x120",
    f'{AHEAD}{{billing="plan",window="five_hour",instance="b"}}': "0.75x120",
    f'{AHEAD}{{billing="plan",window="overage",instance="a"}}': "2x120",
    f'{AHEAD}{{billing="api",window="input_tokens",instance="a"}}': "2x120",
}


@pytest.mark.parametrize(
    ("panel", "expected"),
    [
        ("Fullest limit", {"{}": 0.5}),
        ("How full the windows are", {'{window="five_hour"}': 0.5, '{window="seven_day"}': 0.125}),
        ("At their reset, at this pace", {'{window="five_hour"}': 0.75, '{window="seven_day"}': 0.125}),
    ],
)
def test_limits_leave_out_what_holds_nobody_up(
    tmp_path: Path, panel: str, expected: dict[str, float]
) -> None:
    assert not shows(tmp_path, panel, LIMITS, expected)
