from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from clauditor.proxy.rundir import RunDir
from clauditor.proxy.trouble import ended, failures, start_failed, trouble


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    run = RunDir(tmp_path / "data")
    run.prepare()
    return run


def test_starts_that_fail_are_counted_and_the_last_reason_is_told(run: RunDir) -> None:
    assert trouble(run, "sidecar") is None
    start_failed(run, "sidecar", "clauditor: Not today.")
    assert trouble(run, "sidecar") == (
        f"The sidecar was started once and did not come up: Not today; see {run.log('sidecar')}."
    )
    for number in range(20):
        start_failed(run, "sidecar", f"clauditor: The database is upside down ({number}).")
    assert len(failures(run, "sidecar")) == 10
    assert trouble(run, "sidecar") == (
        "The sidecar was started 10 times or more and did not come up: The database is upside down (19); "
        f"see {run.log('sidecar')}."
    )


def test_one_or_two_ends_are_an_accident_and_three_within_a_minute_are_not(run: RunDir) -> None:
    ended(run, "envoy", -signal.SIGKILL)
    ended(run, "envoy", None)
    assert trouble(run, "envoy") is None
    ended(run, "envoy", -signal.SIGSEGV)
    assert trouble(run, "envoy") == (
        "Envoy ended 3 times within a minute, the last time by SIGSEGV; it is started again each time; "
        f"see {run.log('envoy')}."
    )


@pytest.mark.parametrize("offset", [-61.0, 3600.0])
def test_ends_of_long_ago_or_before_a_reboot_are_forgotten(run: RunDir, offset: float) -> None:
    run.ended_file("envoy").write_text(f"{time.monotonic() + offset} with exit code 1\n" * 3)
    assert trouble(run, "envoy") is None


def test_a_file_that_is_damaged_says_nothing(run: RunDir) -> None:
    run.ended_file("envoy").write_bytes(b"\xff\x00\n\n nan x\nnan x\nnan x\nnan x\n")
    assert trouble(run, "envoy") is None
