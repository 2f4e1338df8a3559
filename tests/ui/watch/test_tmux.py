"""`watch --tmux` in a real tmux, on a real stack: panes come, are reused and go, and the user's tmux stays as it was."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from clauditor.demo import Simulator
from support.stack import RunningStack
from ui import afternoon
from ui.hostile import HOSTILE, is_harmless
from ui.pretend_api import TOKEN, pretend_api
from ui.watch.desk import Client, Desk, command

pytestmark = [
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
    pytest.mark.timeout(180),
]


def test_panes_follow_sessions_and_the_users_tmux_stays_as_it_was(
    desk: Desk, stack: tuple[Simulator, RunningStack]
) -> None:
    _, running = stack
    first, second, third = (Client(running, name) for name in ("webshop", "infra", "mobile"))
    first.prompts("fix the login test")
    second.prompts("check for drift")
    before = desk.everything()
    desk.type(command(running.data_dir, "--max-panes", "3"))

    pane_of_first, pane_of_second = desk.border("webshop: fix the login test"), desk.border("infra: check")
    desk.screen.shows("clauditor: all sessions", "webshop: fix the login test", "infra: check for drift")
    desk.screen.shows("2 live")  # the overview is top itself
    first.prompts("and now the other test")
    desk.user.until(lambda: "prompt" in desk.pane(pane_of_first), "the prompt in its own pane")
    desk.user.until(lambda: "answer in" in desk.pane(pane_of_first), "the answer in its own pane")
    assert "answer in" not in desk.pane(pane_of_second)

    first.ends()
    assert desk.border("webshop: fix the login test, ended") == pane_of_first
    assert "session ended (closed)" in desk.pane(pane_of_first)
    third.prompts("push tokens")
    assert desk.border("mobile: push tokens") == pane_of_first
    assert len(desk.panes()) == 3

    desk.screen.tmux("resize-window", "-x", "90", "-y", "30")
    sizes = "#{window_width} #{pane_width} #{pane_height}"
    desk.user.until(
        lambda: (
            {
                row.split()[0]
                for row in desk.user.tmux("list-panes", "-t", "work:clauditor", "-F", sizes).splitlines()
            }
            == {"90"}
        ),
        "the smaller window",
    )
    shown = desk.screen.shows("infra: check for drift", "mobile: push tokens")
    assert all(len(line) <= 90 for line in shown.splitlines())
    desk.screen.tmux("resize-window", "-x", "160", "-y", "50")
    desk.user.until(lambda: "160" in desk.user.tmux("list-windows", "-F", "#{window_width}"), "the old size")

    desk.user.tmux("kill-pane", "-t", pane_of_second)
    desk.user.until(
        lambda: "without a pane" in " ".join(desk.panes().values()) or len(desk.panes()) == 2, "one less"
    )
    desk.user.tmux("send-keys", "-t", "work:shell", "C-c")
    desk.user.until(lambda: not desk.has_window(), "the end of the window")
    desk.user.until(lambda: desk.everything() == before, "everything as it was")
    assert desk.screen.shows("Watching in the tmux window clauditor", "mine")


def test_q_in_the_overview_ends_it_too(desk: Desk, stack: tuple[Simulator, RunningStack]) -> None:
    _, running = stack
    Client(running, "docs").prompts("rewrite README")
    before = desk.everything()
    desk.type(command(running.data_dir))
    desk.border("docs: rewrite README")
    overview = desk.border("clauditor: all sessions")
    desk.user.until(lambda: "live" in desk.pane(overview), "the overview")
    desk.user.tmux("send-keys", "-t", overview, "q")
    desk.user.until(lambda: not desk.has_window(), "the end of the window")
    desk.user.until(lambda: desk.everything() == before, "everything as it was")


def test_outside_of_tmux_it_has_its_own_and_leaves_nothing(
    desk: Desk, stack: tuple[Simulator, RunningStack], tmp_path: Path
) -> None:
    _, running = stack
    Client(running, "orders").prompts("migrate db")
    own = tmp_path / "own"
    own.mkdir()
    start = command(running.data_dir, unset=("TMUX", "TMUX_PANE"), TMPDIR=str(own))
    desk.user.tmux("send-keys", "-t", "work:shell", f"PS1='left$ '; clear; {start}", "Enter")
    desk.screen.shows("orders: migrate db", "q in the upper pane ends", "clauditor: all sessions")
    assert not desk.has_window()
    assert list(own.iterdir())
    desk.user.tmux("send-keys", "-t", "work:shell", "q")
    desk.screen.shows("left$")
    desk.user.until(lambda: not list(own.iterdir()), "no socket left")


def test_no_name_does_anything_to_the_terminal_or_to_tmux(desk: Desk, tmp_path: Path) -> None:
    mark = Path(f"/tmp/owned-{os.getpid()}")  # short enough to be seen whole
    names = [
        f"#(touch {mark}) #{{pid}} #[fg=red]red",
        f"$(touch {mark}) `touch {mark}`; touch {mark};",
        "%H:%M #S",
        *(text.replace("\ud800", "") for text in HOSTILE[:6]),
    ]
    shots: list[dict[str, Any]] = [
        afternoon.snapshot(f"session{number:03};#{{pid}}", label=name, project=name, attention=500 - number)
        for number, name in enumerate(names)
    ]
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    (data_dir / "token").write_text(TOKEN, encoding="utf-8")
    with pretend_api(shots) as api:
        # What tmux was started with is no pane's size.
        desk.user.tmux("set-environment", "-g", "COLUMNS", "80")
        before = desk.everything()
        desk.type(command(data_dir, "--url", api.url, "--max-panes", "9"))
        desk.user.until(lambda: len(desk.panes()) == 1 + len(shots), "a pane a session")
        desk.user.until(lambda: all(desk.panes().values()), "a border a pane")
        shown = desk.screen.shows("#(touch", "#{pid} #[fg=red]", "$(touch", "%H:%M #S")
        assert all(is_harmless(line) for line in shown.split("\n"))

        def headline() -> str:
            return next((row for row in desk.screen.screen().splitlines() if "9 live" in row), "")

        desk.screen.until(lambda: len(headline().rstrip()) > 150, "an overview as wide as its pane")
        for pane in list(desk.panes())[1:]:
            desk.user.until(lambda pane=pane: "now: " in desk.pane(pane), "its session")  # type: ignore[misc]
            assert all(is_harmless(line) for line in desk.pane(pane).split("\n"))
        told = desk.user.tmux("list-panes", "-t", "work:clauditor", "-F", "#{pane_title} #{window_name}")
        assert "owned" not in told
        assert not mark.exists()
        desk.user.tmux("send-keys", "-t", "work:shell", "C-c")
        desk.user.until(lambda: not desk.has_window(), "the end of the window")
        desk.user.until(lambda: desk.everything() == before, "everything as it was")


def test_a_killed_watch_is_started_again_and_a_killed_window_is_the_end(
    desk: Desk, stack: tuple[Simulator, RunningStack]
) -> None:
    _, running = stack
    Client(running, "etl").prompts("nightly backfill")
    before = desk.everything()
    desk.type(command(running.data_dir))
    pane = desk.border("etl: nightly backfill")

    def process() -> int:
        told = desk.user.tmux("display-message", "-p", "-t", pane, "#{pane_pid} #{pane_dead}").split()
        return int(told[0]) if told[1:] == ["0"] else 0

    first = process()
    os.kill(first, 9)
    desk.user.until(lambda: process() not in {0, first}, "another program in the pane")
    desk.user.until(lambda: "now: " in desk.pane(pane), "its session again")
    desk.user.tmux("kill-window", "-t", "work:clauditor")
    desk.screen.shows("Watching in the tmux window clauditor", "mine")
    desk.user.until(
        lambda: (
            "python"
            not in desk.user.tmux("display-message", "-p", "-t", "work:shell", "#{pane_current_command}")
        ),
        "its end",
    )
    desk.user.until(lambda: desk.everything() == before, "everything as it was")
