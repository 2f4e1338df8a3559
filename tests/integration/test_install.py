"""install, off, on, uninstall and run with the real Claude Code client in a terminal, offline."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clauditor.client import connect
from clauditor.config import load_settings
from clauditor.demo import Reply, ToolUse
from clauditor.errors import ClauditorError
from clauditor.hooks.patience import stretched
from clauditor.setup.switch import NOTICE_SECONDS
from support.claude_terminal import Lab, Terminal, lab, offline
from support.waiting import until

pytestmark = [pytest.mark.claude_code, pytest.mark.timeout(240)]

THINKING_SECONDS = 1.0  # of a model, before it asks; so long do the hooks of the prompt have
AT_ONCE_SECONDS = stretched(1.0)  # on a machine that has its cores for itself
HEALED_SECONDS = stretched(5.0)


class Seen:
    """What the sidecar says now."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def sessions(self) -> list[dict[str, Any]]:
        settings = load_settings({"data_dir": str(self._lab.stack.data_dir)}, environ={})
        with contextlib.suppress(ClauditorError):  # it may be starting
            return connect(settings).sessions(limit=50)
        return []

    def one(
        self, holds: Callable[[dict[str, Any]], bool], what: str, seconds: float = 20.0
    ) -> dict[str, Any]:
        """The one session, once it is so."""
        try:
            return until(lambda: next(filter(holds, self.sessions()), None), what, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; last seen: {json.dumps(self.sessions(), indent=1)}") from None


def calls(lab: Lab) -> int:
    return len(lab.vendor.ledger.records)


def ask(lab: Lab, terminal: Terminal, prompt: str) -> None:
    """Type a prompt and wait until the vendor has answered it."""
    before = calls(lab)
    terminal.prompt(prompt)
    until(lambda: calls(lab) > before, "the vendor was asked")
    until(
        lambda: all(record.complete for record in list(lab.vendor.ledger.records)), "the answer is complete"
    )
    terminal.shows("❯")


def use_a_tool(lab: Lab, terminal: Terminal, command: str) -> None:
    """Have the model ask for a command that the person has to allow; returns when the dialog is there."""
    call = ToolUse("Bash", {"command": command, "description": "write"})
    lab.answers.append(Reply(steps=(call,), first_token_seconds=THINKING_SECONDS))
    terminal.prompt("please write a file")
    terminal.shows("Do you want to proceed?")


def attempts(session: dict[str, Any]) -> int:
    return int(session["attempts"])


@offline
def test_an_open_session_is_seen_after_install_and_goes_direct_again() -> None:
    with lab() as the, the.client() as terminal:
        seen = Seen(the)
        ask(the, terminal, "say hello")
        assert seen.sessions() == []
        the.stack.clauditor("install", "--yes")
        time.sleep(NOTICE_SECONDS)
        ask(the, terminal, "say it again")
        seen.one(lambda shot: attempts(shot) == 1, "the session that was open before")
        terminal.shows("clauditor ok")
        seen.one(lambda shot: (shot["terminal"]["pane"] or "").startswith("%"), "its terminal is known")

        use_a_tool(the, terminal, "sleep 3; touch done")
        seen.one(lambda shot: shot["waiting_for"] == "approval", "the dialog is told", AT_ONCE_SECONDS)
        terminal.press("Enter")
        seen.one(lambda shot: shot["waiting_for"] != "approval", "the answer is told", AT_ONCE_SECONDS)
        assert not (the.project / "done").exists()  # while the tool still runs
        until((the.project / "done").exists, "the tool has run")
        shot = seen.one(
            lambda shot: shot["state"] == "waiting" and attempts(shot) == 3, "the answer is complete"
        )

        the.stack.clauditor("off")
        time.sleep(NOTICE_SECONDS)
        ask(the, terminal, "say it past the proxy")
        terminal.shows("this session is not seen")
        (after,) = seen.sessions()
        assert attempts(after) == attempts(shot)

        the.stack.clauditor("on")
        time.sleep(NOTICE_SECONDS)
        ask(the, terminal, "say it through the proxy")
        seen.one(lambda shot: attempts(shot) == attempts(after) + 1, "seen again")


@offline
def test_uninstall_restores_the_file_and_sends_open_sessions_direct() -> None:
    with lab() as the:
        before = b'{\n    "model": "opus",  \n    "env": {}\n}'
        dotfiles = the.home / "dotfiles.json"
        dotfiles.write_bytes(before)
        the.settings.symlink_to(dotfiles)  # which the client has to follow as well
        the.stack.clauditor("install", "--yes")
        with the.client() as terminal:
            ask(the, terminal, "say hello")
            Seen(the).one(lambda shot: attempts(shot) == 1, "it is seen")
            the.stack.clauditor("uninstall", "--yes")
            assert (dotfiles.read_bytes(), the.settings.is_symlink()) == (before, True)
            the.stack.clauditor("down", "--yes")
            ask(the, terminal, "say it past the proxy")
            assert calls(the) == 2


@offline
def test_uninstall_after_the_client_has_rewritten_its_settings() -> None:
    with lab() as the:
        the.settings.write_text('{"env":{"DEBUG_ME":"1"},"cleanupPeriodDays":30}', encoding="utf-8")
        the.stack.clauditor("install", "--yes")
        with the.client() as terminal:
            installed = the.settings.read_bytes()
            terminal.prompt("/effort high")
            until(lambda: the.settings.read_bytes() != installed, "the client has written its settings")
            rewritten = json.loads(the.settings.read_text(encoding="utf-8"))
            the.stack.clauditor("uninstall", "--yes")
        ours = {"env", "hooks", "statusLine"}
        theirs = {name: value for name, value in rewritten.items() if name not in ours}
        assert len(theirs) == 2
        left = json.loads(the.settings.read_text(encoding="utf-8"))
        assert left == theirs | {"env": {"DEBUG_ME": "1"}}


@offline
def test_with_the_settings_of_install_and_nothing_running_the_next_prompt_works() -> None:
    with lab() as the, contextlib.ExitStack() as stack:
        the.stack.clauditor("install", "--yes")
        terminal = stack.enter_context(the.client())
        ask(the, terminal, "say hello")
        for name in ("supervisor", "sidecar", "envoy"):  # as a reboot would
            os.kill(int((the.stack.data_dir / "run" / f"{name}.pid").read_text().split()[0]), signal.SIGKILL)
        until(lambda: the.stack.status["proxy"]["state"] == "stopped", "nothing runs")
        before, began = calls(the), time.monotonic()
        terminal.prompt("say it after the reboot")
        until(lambda: calls(the) > before, "the prompt is answered", HEALED_SECONDS)
        assert time.monotonic() - began < HEALED_SECONDS
        Seen(the).one(lambda shot: shot["state"] == "waiting", "the sidecar records again")
        ask(the, terminal, "say it once more")
        terminal.shows("clauditor ok")


@offline
def test_run_brings_hooks_and_status_line_and_changes_no_file() -> None:
    with lab() as the:
        the.settings.write_text('{"model":"opus"}', encoding="utf-8")
        before = {path: path.read_bytes() for path in (the.settings,)}
        program = Path(the.home / "bin" / "claude")
        program.parent.mkdir()
        program.symlink_to(os.environ["CLAUDITOR_TEST_CLAUDE"])
        words = [sys.executable, "-P", "-m", "clauditor", "run", "--data-dir", str(the.stack.data_dir)]
        words += ["claude", "--permission-mode", "default"]
        path = f"{program.parent}:{os.environ['PATH']}"
        with the.client(*words, PATH=path, ANTHROPIC_BASE_URL=the.stack.proxy_url) as terminal:
            ask(the, terminal, "say hello")
            terminal.shows("clauditor ok")
            use_a_tool(the, terminal, "touch done")
            Seen(the).one(
                lambda shot: shot["waiting_for"] == "approval", "the dialog is told", AT_ONCE_SECONDS
            )
            terminal.press("Escape")
        assert {path: path.read_bytes() for path in before} == before
