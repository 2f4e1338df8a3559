"""Alerts to a real program."""

from __future__ import annotations

import json
import os
import threading
from functools import partial
from pathlib import Path

import pytest

from clauditor.alerts.alert import facts
from clauditor.alerts.command import Command
from clauditor.errors import ClauditorError
from support.ringing import Recorder, alert
from support.waiting import until


def test_it_gets_the_facts_on_its_input_and_nothing_it_need_not_know(notify_send: Recorder) -> None:
    Command([str(notify_send.path), "--quiet", "$HOME; id"], notify_send.environ).deliver(alert())
    (call,) = notify_send.calls()
    assert call["arguments"] == ["--quiet", "$HOME; id"]
    assert json.loads(call["input"]) == facts(alert())
    assert {"PATH", "HOME", "LANG"} <= set(call["environment"])
    assert "ANTHROPIC_API_KEY" not in call["environment"]


def test_a_program_of_the_path_needs_no_directory(notify_send: Recorder) -> None:
    Command(["notify-send"], notify_send.environ).deliver(alert())
    assert len(notify_send.calls()) == 1


def test_one_that_reads_nothing_is_fine() -> None:
    Command(["true"]).deliver(alert())


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            ["/nowhere/at/all"],
            r"/nowhere/at/all cannot be started \(No such file or directory\); check command",
        ),
        (["sh", "-c", "exit 7"], "sh ended with code 7"),
    ],
)
def test_what_goes_wrong_is_told_with_a_remedy(command: list[str], words: str) -> None:
    with pytest.raises(ClauditorError, match=words):
        Command(command).deliver(alert())


def test_one_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 600 & echo $! >> {pids}; echo $$ >> {pids}; wait"
    with pytest.raises(ClauditorError, match=r"sh was ended after 0\.5 s"):
        Command(["sh", "-c", script], timeout_seconds=0.5).deliver(alert())
    for pid in pids.read_text().split():
        until(partial(_is_over, int(pid)))


def test_a_stop_ends_what_is_under_way(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    way = Command(["sh", "-c", f"echo $$ > {pids}.new; mv {pids}.new {pids}; exec sleep 600"])
    failures: list[ClauditorError] = []

    def deliver() -> None:
        try:
            way.deliver(alert())
        except ClauditorError as error:
            failures.append(error)

    thread = threading.Thread(target=deliver)
    thread.start()
    until(pids.exists)
    way.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(failures) == 1
    assert _is_over(int(pids.read_text()))
    with pytest.raises(ClauditorError):
        way.deliver(alert())


def _is_over(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # Nobody may have asked yet how the orphan ended.
    return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
