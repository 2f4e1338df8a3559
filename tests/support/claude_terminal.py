"""The real Claude Code client in a terminal (tmux), offline, as an ordinary user, with a home of its own.

Tests of this kind run inside a network namespace that has only loopback: `offline` starts each of them there, in a
pytest of its own, as a user who is not root (the hooks look at whose process listens on a port).
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from clauditor.demo import Reply, Request, Simulator
from support.claude_code import LOOPBACK_ONLY, NOBODY, client_or_skip
from support.stack import RunningStack
from support.waiting import DEADLINE_SECONDS, until

INSIDE = "CLAUDITOR_TEST_INSIDE"
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
KEY = "sk-ant-fake-test-key-of-nobody-at-all"
WIDTH, HEIGHT = 150, 40
PACKAGES = [path for path in sys.path if path.endswith("-packages")]


def offline(test: Callable[[], None]) -> Callable[[], None]:
    """Run the test in a namespace without network, as an ordinary user; skips where that cannot be."""

    @functools.wraps(test)
    def outside() -> None:
        if INSIDE in os.environ:
            test()
            return
        client = client_or_skip()
        home = tempfile.mkdtemp(prefix="claude-", dir="/tmp")
        os.chown(home, NOBODY, NOBODY)
        root = Path(__file__).parents[2]
        environ = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            # A virtual environment may hang on an interpreter in another user's home: its packages do not.
            "PYTHONPATH": os.pathsep.join((str(root), *PACKAGES)),
            "PYTHONPYCACHEPREFIX": f"{home}/pycache",  # ours is not theirs to write
            INSIDE: home,
            "CLAUDITOR_TEST_CLAUDE": client,
        }
        node = f"{inspect.getsourcefile(test)}::{test.__name__}"
        python = _python_for_everybody()
        pytest_ = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(root), node]
        try:
            done = subprocess.run(
                [*LOOPBACK_ONLY, *AS_NOBODY, *pytest_],
                cwd=root,
                env=environ,
                capture_output=True,
                text=True,
                timeout=200,
                check=False,
            )
        finally:
            until(lambda: _removed(home), "the last hook has ended, and its home is gone")
        assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
        assert "1 passed" in done.stdout

    return outside


def _removed(home: str) -> bool:
    shutil.rmtree(home, ignore_errors=True)
    return not Path(home).exists()


def _python_for_everybody() -> str:
    """An interpreter of our version that an ordinary user may run: ours may live in root's home."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = [os.path.realpath(sys.executable), shutil.which(name, path="/usr/local/bin:/usr/bin:/bin")]
    for python in filter(None, found):
        # Asked as `subprocess` would start it from an ordinary user's process.
        command = [*AS_NOBODY, "/bin/sh", "-c", '"$0" -c "import msgspec"', python]
        environ = {"PYTHONPATH": os.pathsep.join(PACKAGES)}
        if subprocess.run(command, env=environ, capture_output=True, check=False).returncode == 0:
            return str(python)
    pytest.skip(f"there is no {name} that an ordinary user may run")


@dataclass
class Terminal:
    """One client in a tmux server of its own."""

    socket: Path

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self.socket), "-f", "/dev/null", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def shows(self, *texts: str, seconds: float = DEADLINE_SECONDS) -> str:
        def look() -> str | None:
            screen = self.screen()
            return screen if all(text in screen for text in texts) else None

        try:
            return until(look, f"{texts} on the screen", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.screen()}") from None

    def prompt(self, text: str) -> None:
        """Type a prompt and send it, when the client is ready to take it."""
        self.shows("❯")
        self.tmux("send-keys", "-l", text)
        self.shows(text[:20])
        self.press("Enter")


@dataclass
class Lab:
    """A home with a project, the pretend vendor, and a stack that may or may not run."""

    home: Path
    vendor: Simulator
    stack: RunningStack
    answers: list[Reply] = field(default_factory=list)
    """What the vendor answers next to the main thread; then what it always does."""

    @property
    def project(self) -> Path:
        return self.home / "webshop"

    @property
    def settings(self) -> Path:
        return self.home / ".claude" / "settings.json"

    def scripted(self, request: Request) -> Reply | None:
        return self.answers.pop(0) if self.answers and request.kind == "main" else None

    def environ(self, **more: str) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "PYTHONPATH": os.environ["PYTHONPATH"],
            "PYTHONPYCACHEPREFIX": os.environ["PYTHONPYCACHEPREFIX"],
            "ANTHROPIC_BASE_URL": self.vendor.url,
            "ANTHROPIC_API_KEY": KEY,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        } | more

    def say(self, prompt: str, *arguments: str, seconds: float = 60.0, **environ: str) -> dict[str, Any]:
        """`claude -p`: its own result."""
        client = os.environ["CLAUDITOR_TEST_CLAUDE"]
        done = subprocess.run(
            [client, "-p", prompt, "--output-format", "json", *arguments],
            env=self.environ(**environ),
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def client(self, *words: str, **environ: str) -> Iterator[Terminal]:
        """An interactive client in a terminal; `words` is the command, if not the bare client."""
        command = shlex.join(words or [os.environ["CLAUDITOR_TEST_CLAUDE"], "--permission-mode", "default"])
        given = shlex.join(f"{name}={value}" for name, value in self.environ(**environ).items())
        terminal = Terminal(self.home / f"tmux-{time.monotonic_ns()}")
        terminal.tmux(
            "new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT), "-c", str(self.project),
            "env", "-u", "PS1", "sh",
        )  # fmt: skip
        terminal.press(f"env -u COLUMNS {given} {command}", "Enter")
        try:
            terminal.shows("❯", seconds=60)
            yield terminal
        finally:
            terminal.tmux("kill-server")


@contextlib.contextmanager
def lab(*, up: bool = True) -> Iterator[Lab]:
    home = Path(os.environ[INSIDE])
    (home / "webshop").mkdir()
    (home / ".claude").mkdir()
    seen = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {
            str(home / "webshop"): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
        },
    }
    (home / ".claude.json").write_text(json.dumps(seen), encoding="utf-8")
    env = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "PYTHONPYCACHEPREFIX": os.environ["PYTHONPYCACHEPREFIX"],
    }
    stack = RunningStack(home / "data", env)
    with Simulator(seed=7) as vendor:
        if up:
            stack.clauditor("up", "--port", "0", "--api-port", "0", "--upstream", vendor.url)
        try:
            running = Lab(home, vendor, stack)
            vendor.reply_with(running.scripted)
            yield running
        finally:
            stack.clauditor("down", "--yes", check=False)
