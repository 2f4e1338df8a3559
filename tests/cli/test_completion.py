"""Shell completion, in the shells themselves: the printed script is read in, a line is typed, Tab is pressed."""

from __future__ import annotations

import http.server
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clauditor.cli.completion import SHELLS

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
DEADLINE_SECONDS = 30.0
SESSIONS = (
    {"session_id": "f45b919b-eefe-4be7-baa2-c67956b98562", "project": "webshop", "label": "fix: the, login"},
    {"session_id": "0c1e9a5f-7d1f-4c57-9d55-4b1f1f6b2a10", "project": None},
)
# How each shell is started without anybody's settings, and what reads the script in.
INTERACTIVE = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(clauditor completion bash)"'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -Uz compinit; compinit -u -D; eval "$(clauditor completion zsh)"',
    ),
    "fish": (["fish", "--no-config", "-i"], "clauditor completion fish | source"),
}


def shell_or_skip(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture
def environ(cli_environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """With a `clauditor` on the PATH, and a terminal that can do little."""
    program = tmp_path / "bin" / "clauditor"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m clauditor "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return cli_environ | {"PATH": f"{program.parent}:{cli_environ['PATH']}", "TERM": "dumb", "PS1": "> "}


@pytest.fixture
def sidecar(environ: dict[str, str]) -> Iterator[None]:
    """Somebody who answers as the sidecar does, for a moment of Tab."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_known = self.headers["Authorization"] == "Bearer the-token"
            self.send_response(200 if is_known else 401)
            self.end_headers()
            self.wfile.write(json.dumps({"sessions": SESSIONS} if is_known else {}).encode())

        def log_message(self, *_: object) -> None:
            pass

    data_dir = Path(environ["CLAUDITOR_DATA_DIR"])
    (data_dir / "run").mkdir(parents=True, mode=0o700)
    data_dir.chmod(0o700)
    (data_dir / "token").write_text("the-token\n", encoding="ascii")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        plan = {"api_host": "127.0.0.1", "api_port": server.server_port}
        (data_dir / "run" / "stack.json").write_text(json.dumps(plan), encoding="ascii")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield
        server.shutdown()


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self, name: str, environ: dict[str, str], directory: Path) -> None:
        command, self.read_in = INTERACTIVE[name]
        master, slave = pty.openpty()
        self._terminal = master
        self._process = subprocess.Popen(
            command,
            env=environ,
            cwd=directory,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def wait_for(self, text: str) -> None:
        """Until it is on the screen, from now on."""
        self.shown = ""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while text not in self.shown:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} was not shown: {self.shown!r}"
            if select.select([self._terminal], [], [], left)[0]:
                self.shown += os.read(self._terminal, 4096).decode(errors="replace")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)


@pytest.fixture
def shell(request: pytest.FixtureRequest, environ: dict[str, str], tmp_path: Path) -> Iterator[Shell]:
    shell_or_skip(request.param)
    opened = Shell(request.param, environ, tmp_path / "work")
    opened.type(f"{opened.read_in}\n")
    opened.type("printf 'rea%s\\n' dy\n")
    opened.wait_for("ready")
    yield opened
    opened.close()


@pytest.mark.parametrize("shell", ["bash", "zsh"], indirect=True)
def test_tab_completes_a_command(shell: Shell) -> None:
    shell.type("clauditor doct\t")
    shell.wait_for("doctor ")


@pytest.mark.parametrize("shell", ["bash", "zsh"], indirect=True)
def test_tab_completes_an_option(shell: Shell) -> None:
    shell.type("clauditor doctor --dri\t")
    shell.wait_for("--drill ")


def test_bash_is_offered_every_command_and_none_that_is_not_for_people(environ: dict[str, str]) -> None:
    offered = in_bash(environ, "clauditor", "")
    assert {"top", "up", "doctor", "completion"} <= set(offered)
    assert not {"serve", "hook"} & set(offered)
    assert in_bash(environ, "clauditor", "sho") == ["show"]
    assert in_bash(environ, "clauditor", "spend", "--by", "") == ["day", "project", "branch", "model"]


def test_fish_is_offered_commands_with_what_they_do(environ: dict[str, str], tmp_path: Path) -> None:
    shell_or_skip("fish")
    done = subprocess.run(
        ["fish", "--no-config", "-c", 'clauditor completion fish | source; complete -C "clauditor doct"'],
        env=environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=True,
    )
    assert done.stdout == "doctor\tWhat is wrong; and what to do about it\n"


def test_ids_of_sessions_are_completed(environ: dict[str, str], sidecar: None) -> None:
    assert in_bash(environ, "clauditor", "postmortem", "") == [one["session_id"] for one in SESSIONS]
    assert in_bash(environ, "clauditor", "postmortem", "f4") == ["f45b919b-eefe-4be7-baa2-c67956b98562"]


def test_without_a_sidecar_no_id_is_offered_and_nothing_is_said(environ: dict[str, str]) -> None:
    assert in_bash(environ, "clauditor", "postmortem", "") == []


def test_the_script_is_that_of_the_shell_one_uses(cli: Cli) -> None:
    for name in SHELLS:
        named = cli("completion", name)
        assert named.returncode == 0
        assert "_CLAUDITOR_COMPLETE" in named.stdout
        assert cli("completion", environ={"SHELL": f"/usr/bin/{name}"}).stdout == named.stdout
    unknown = cli("completion", environ={"SHELL": "/bin/csh"})
    assert unknown.returncode == 2
    assert "Name your shell: bash, zsh, fish" in unknown.stderr


def in_bash(environ: dict[str, str], *words: str) -> list[str]:
    """What bash is offered for the last word, by the function that the script defines."""
    shell_or_skip("bash")
    given = " ".join(f"'{word}'" for word in words)
    script = (
        'eval "$(clauditor completion bash)"\n'
        f"COMP_WORDS=({given}); COMP_CWORD={len(words) - 1}\n"
        "_clauditor_completion clauditor\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", script],
        env=environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()
