"""`watch` in a real terminal: lines as things happen, at any width, and nothing foreign on the screen."""

from __future__ import annotations

import shlex
import shutil
import time
from pathlib import Path

import pytest

from clauditor.demo import Simulator
from support.stack import RunningStack
from ui import afternoon
from ui.hostile import is_harmless
from ui.pretend_api import TOKEN, pretend_api
from ui.watch.desk import Client, Desk, command

pytestmark = [
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
    pytest.mark.timeout(180),
]


def test_sessions_begin_work_and_end_on_the_screen(desk: Desk, stack: tuple[Simulator, RunningStack]) -> None:
    _, running = stack
    known, new = Client(running, "known"), Client(running, "brandnew")
    known.prompts("stay as you are")
    desk.type(command(running.data_dir, in_tmux=False))
    desk.screen.shows("known stay as you are", "now: its answer is complete")
    new.prompts("\x1b]0;owned\x07fix \x1b[31mthe\x1b[2J login \u202etest #(id)")
    desk.screen.shows(
        "brandnew", "new session: claude-cli/", "prompt 1 to opus-5.5", "answer in", "; your turn"
    )
    new.ends()
    shown = desk.screen.shows("session ended (closed): 1 prompt, 1 call")
    assert "brandnew fix the" in shown
    assert all(is_harmless(line) for line in shown.split("\n"))
    assert "owned" not in desk.user.tmux("display-message", "-p", "-t", "work:shell", "#{pane_title}")

    desk.screen.tmux("resize-window", "-x", "60", "-y", "40")
    desk.user.until(
        lambda: desk.user.tmux("display-message", "-p", "-t", "work:shell", "#{pane_width}").strip() == "60",
        "the narrow window",
    )
    desk.user.tmux("send-keys", "-t", "work:shell", "-R")
    desk.user.tmux("clear-history", "-t", "work:shell")
    known.prompts("go on")
    # A wrapped line stands under its words: it was laid out for this width, not broken by the terminal.
    desk.user.until(lambda: "\n" + " " * 12 in desk.pane("work:shell"), "a line laid out for the width")
    desk.screen.shows("answer in")
    desk.user.tmux("send-keys", "-t", "work:shell", "C-c")
    desk.user.until(
        lambda: (
            "python"
            not in desk.user.tmux("display-message", "-p", "-t", "work:shell", "#{pane_current_command}")
        ),
        "its end",
    )
    assert "Traceback" not in desk.pane("work:shell")


def test_a_new_signal_rings_as_the_alerts_are_set(desk: Desk, tmp_path: Path) -> None:
    data_dir, raw = tmp_path / "data", tmp_path / "raw"
    data_dir.mkdir(mode=0o700)
    (data_dir / "token").write_text(TOKEN, encoding="utf-8")
    with pretend_api([afternoon.snapshot("5f0c2a11-aaaa", project="webshop")]) as api:
        desk.user.tmux("pipe-pane", "-t", "work:shell", f"cat > {shlex.quote(str(raw))}")
        desk.type(command(data_dir, "--url", api.url, in_tmux=False))
        desk.screen.shows("now: its answer is complete")
        loop = afternoon.signal("tool_loop", "act", "Bash: 6 times the same.", "loop", "Press Esc.")
        number = 0

        def rang() -> bool:
            nonlocal number
            number += 1  # what is there when the bell first looks is not new; one of these comes after that
            api.say(afternoon.snapshot(f"new {number}", project="fresh", **afternoon.judged(loop)))
            time.sleep(0.2)
            return b"\x1b]9;" in raw.read_bytes()

        desk.user.until(rang, "the notification")
        desk.user.tmux("send-keys", "-t", "work:shell", "C-c")
        notified = [part.partition(b"\x07") for part in raw.read_bytes().split(b"\x1b]9;")[1:]]
        assert [
            text.startswith(b"Clauditor: ") and rest.startswith(b"\x07") for text, _, rest in notified
        ] == [True]
