"""A person's tmux, with a screen that shows it, and pretend Claude Code sessions to watch in it."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from clauditor.demo import ClaudeCodeClient, Profile
from clauditor.demo.hooks import HookPost
from support.stack import RunningStack

DEADLINE_SECONDS = 30.0
PACKAGE = Path(__file__).parents[3]


class Server:
    """A tmux server of its own."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-u", "-S", str(self.socket), "-f", "/dev/null", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        return done.stdout

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"never seen: {what}\n{self.screen()}"
            time.sleep(0.05)

    def shows(self, *texts: str) -> str:
        self.until(lambda: all(text in self.screen() for text in texts), ", ".join(texts))
        return self.screen()


class Desk:
    """A person's tmux with two windows, and the screen that shows it."""

    def __init__(self, directory: Path) -> None:
        self.user = Server(directory / "user")
        self.screen = Server(directory / "screen")
        self.user.tmux(
            "new-session", "-d", "-x", "160", "-y", "50", "-s", "work", "-n", "shell", "env -u PS1 sh"
        )
        self.user.tmux("new-window", "-d", "-n", "other", "sleep", "1000")
        for option in (
            ("-g", "status-right", "mine"),
            ("-g", "prefix", "C-a"),
            ("-wg", "monitor-activity", "on"),
        ):
            self.user.tmux("set-option", *option)
        self.user.tmux("bind-key", "F5", "display-message", "mine")
        attach = f"env -u TMUX tmux -u -S {shlex.quote(str(self.user.socket))} attach"
        self.screen.tmux("new-session", "-d", "-x", "160", "-y", "50", attach)
        self.screen.tmux("set-option", "-g", "status", "off")
        self.screen.shows("mine")

    def everything(self) -> dict[str, str]:
        """All that is the person's own: options, keys, windows, sessions, environment, hooks."""
        told = {
            name: self.user.tmux(*command.split())
            for name, command in {
                "session options": "show-options -g",
                "window options": "show-options -wg",
                "server options": "show-options -s",
                "own session": "show-options -t work",
                "own window": "show-options -w -t work:shell",
                "other window": "show-options -w -t work:other",
                "keys": "list-keys",
                "hooks": "show-hooks -g",
                "environment": "show-environment -g",
            }.items()
        }
        windows = "#{window_index} #{window_name} #{window_panes} #{window_layout} #{?window_active,active,}"
        return told | {"windows": self.user.tmux("list-windows", "-a", "-F", windows)}

    def panes(self) -> dict[str, str]:
        """The borders of our window, by pane."""
        rows = self.user.tmux(
            "list-panes", "-t", "work:clauditor", "-F", "#{pane_id} #{@clauditor}"
        ).splitlines()
        return dict(row.split(" ", 1) for row in rows)

    def border(self, text: str) -> str:
        """The pane in whose border this stands, as soon as there is one."""
        self.user.until(lambda: any(text in border for border in self.panes().values()), f"border {text}")
        return next(pane for pane, border in self.panes().items() if text in border)

    def pane(self, pane: str) -> str:
        return self.user.tmux("capture-pane", "-p", "-t", pane)

    def has_window(self) -> bool:
        return "clauditor" in self.user.tmux("list-windows", "-F", "#{window_name}").split()

    def type(self, command: str) -> None:
        self.user.tmux("send-keys", "-t", "work:shell", f"clear; {command}", "Enter")


def command(
    data_dir: Path, *arguments: str, in_tmux: bool = True, unset: tuple[str, ...] = (), **environ: str
) -> str:
    """What a person types to start `watch` of this package, with `--tmux` unless told otherwise."""
    words = [sys.executable, "-P", "-m", "clauditor", "watch", "--data-dir", str(data_dir), *arguments]
    words += ["--tmux"] if in_tmux else []
    away = " ".join(f"-u {name}" for name in ("COLUMNS", "LINES", *unset))
    given = {"LANG": "C.UTF-8", "PYTHONPATH": str(PACKAGE), "TERM": "screen-256color"} | environ
    return f"env {away} {shlex.join(f'{name}={value}' for name, value in given.items())} {shlex.join(words)}"


class Client:
    """A pretend Claude Code session with a project of its own."""

    def __init__(self, stack: RunningStack, project: str) -> None:
        self.stack = stack
        self.project = project
        self.session_id = str(uuid.uuid4())

    def prompts(self, text: str) -> None:
        profile = Profile(cwd=f"/home/demo/src/{self.project}")

        async def prompt() -> None:
            async with ClaudeCodeClient(
                self.stack.proxy_url, session_id=self.session_id, profile=profile
            ) as client:
                await client.prompt(text)

        asyncio.run(prompt())

    def ends(self) -> None:
        async def tell() -> None:
            post = HookPost(self.stack.status["sidecar"]["url"], self.stack.data_dir / "token")
            await post({"hook_event_name": "SessionEnd", "session_id": self.session_id, "reason": "other"})
            await post.close()

        asyncio.run(tell())
