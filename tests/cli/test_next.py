"""`clauditor next` moves a real tmux client to the pane of the session that needs its person."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clauditor.cli.next import in_need
from clauditor.ui.jump import Spot, Terminal, find_spot, jump_command, terminal_of
from support.waiting import until
from ui.afternoon import NOW, judged, snapshot
from ui.afternoon import signal as raised
from ui.pretend_api import TOKEN, pretend_api

NOWHERE = Terminal(pane=None, tty=None)


def asking(session_id: str, attention: int, terminal: Any = None, **fields: Any) -> dict[str, Any]:
    """A session that needs somebody, in a terminal."""
    told = raised(
        "needs_answer", "act", "Claude asks for your ok to run Bash (pytest).", "needs your ok", "Answer."
    )
    return snapshot(
        session_id, attention=attention, terminal=terminal, project=session_id, **(judged(told) | fields)
    )


class Tmux:
    """A server of its own, with the sessions `work` (two windows, the second one split) and `infra`."""

    def __init__(self, directory: str) -> None:
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": directory,
            "TERM": "xterm-256color",
            "TMUX_TMPDIR": directory,
            "CLAUDITOR_TOKEN_FILE": f"{directory}/token",
            "CLAUDITOR_DATA_DIR": f"{directory}/data",
        }
        Path(directory, "token").write_text(TOKEN)
        self.clients: list[tuple[subprocess.Popen[bytes], int]] = []
        self("-f", "/dev/null", "new-session", "-d", "-s", "work", "-x", "90", "-y", "30", "sleep 1000")
        self("new-window", "-d", "-t", "work:1", "sleep 1000")
        self("split-window", "-d", "-t", "work:1", "sleep 1000")
        self("new-session", "-d", "-s", "infra and more", "sleep 1000")

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", *arguments], env=self.environ, capture_output=True, text=True, timeout=10, check=True
        )
        return done.stdout.strip()

    def pane(self, place: str) -> dict[str, str]:
        """Pane and tty of `work:1.1`, as a session's hooks tell them."""
        pane, tty = self("display-message", "-p", "-t", place, "#{pane_id} #{pane_tty}").split()
        return {"pane": pane, "tty": tty}

    def attach(self, session: str) -> str:
        """A person's terminal that shows a tmux session; its name as a client."""
        terminal, inner = os.openpty()
        tty = os.ttyname(inner)
        command = ["tmux", "attach", "-t", f"={session}"]
        client = subprocess.Popen(
            command, stdin=inner, stdout=inner, stderr=inner, env=self.environ, start_new_session=True
        )
        os.close(inner)
        self.clients.append((client, terminal))
        until(lambda: tty in self("list-clients", "-F", "#{client_name}").splitlines(), "it is attached")
        return tty

    def shown(self, client: str) -> str:
        """Which pane a client shows, and in which session: `%2 work`."""
        rows = self("list-clients", "-F", "#{client_name} #{pane_id} #{session_name}").splitlines()
        return next(row.split(" ", 1)[1] for row in rows if row.startswith(f"{client} "))

    def next(self, url: str, *arguments: str, **environ: str) -> tuple[int, str]:
        """Exit code and the one sentence."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "clauditor", "next", "--url", url, *arguments],
            env=self.environ | environ,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        (sentence,) = (done.stdout + done.stderr).splitlines()
        return done.returncode, sentence

    def close(self) -> None:
        self("kill-server")
        for client, terminal in self.clients:
            client.kill()
            client.wait(10)
            os.close(terminal)


@pytest.fixture
def tmux() -> Iterator[Tmux]:
    directory = tempfile.mkdtemp(prefix="clauditor-tmux-", dir="/tmp")  # a socket's path is short by law
    server = Tmux(directory)
    try:
        yield server
    finally:
        server.close()
        shutil.rmtree(directory, ignore_errors=True)


REASON = "Claude asks for your ok to run Bash (pytest)"


def test_it_moves_the_client_to_session_window_and_pane(tmux: Tmux) -> None:
    client = tmux.attach("infra and more")
    target = tmux.pane("work:1.1")
    with pretend_api([asking("calm", 300), asking("deep", 900, target), asking("less", 899)]) as api:
        code, sentence = tmux.next(api.url)
    assert (code, sentence) == (0, f"deep: deep (tmux work:1.1): {REASON}; it is in front of you.")
    assert tmux.shown(client) == f"{target['pane']} work"


def test_print_moves_nothing(tmux: Tmux) -> None:
    client = tmux.attach("infra and more")
    before = tmux.shown(client)
    with pretend_api([asking("deep", 900, tmux.pane("work:1.1"))]) as api:
        assert tmux.next(api.url, "--print") == (0, f"deep: deep (tmux work:1.1): {REASON}.")
    assert tmux.shown(client) == before


def test_who_is_there_already_goes_to_the_one_after_it(tmux: Tmux) -> None:
    client = tmux.attach("work")
    first, second = tmux.pane("work:0.0"), tmux.pane("infra and more:0.0")
    with pretend_api([asking("a", 900, first), asking("b", 899, second)]) as api:
        assert tmux.next(api.url)[1].startswith("b: b (tmux infra and more:0.0)")
        assert tmux.shown(client) == f"{second['pane']} infra and more"
        assert tmux.next(api.url)[1].startswith("a: a (tmux work:0.0)")
        assert tmux.shown(client) == f"{first['pane']} work"
        api.sessions.pop()
        assert tmux.next(api.url)[0] == 0
        assert tmux.shown(client) == f"{first['pane']} work"


def test_of_several_clients_the_one_used_last_moves(tmux: Tmux) -> None:
    idle, used = tmux.attach("infra and more"), tmux.attach("infra and more")

    def times() -> list[str]:
        return tmux("list-clients", "-F", "#{client_activity} #{client_name}").splitlines()

    terminal = tmux.clients[-1][1]

    def is_ahead() -> bool:
        os.write(terminal, b"x")
        return max(times()).endswith(f" {used}") and len({row.split()[0] for row in times()}) == 2

    until(is_ahead, "the second client was used a second later")
    before = tmux.shown(idle)
    target = tmux.pane("work:1.0")
    with pretend_api([asking("deep", 900, target)]) as api:
        assert tmux.next(api.url)[0] == 0
    assert (tmux.shown(used), tmux.shown(idle)) == (f"{target['pane']} work", before)


def test_a_pane_is_known_by_its_tty_also_on_another_server(tmux: Tmux) -> None:
    """Each server counts from %0, so the pane's number is that of another pane on the server we are in."""
    client = tmux.attach("work")
    tmux("-L", "second", "-f", "/dev/null", "new-session", "-d", "-s", "far", "sleep 1000")
    try:
        inside = tmux("display-message", "-p", "#{socket_path},#{pid},0")
        tty = tmux("-L", "second", "display-message", "-p", "-t", "far", "#{pane_tty}")
        before = tmux.shown(client)
        with pretend_api([asking("deep", 900, {"pane": "%1", "tty": tty})]) as api:
            code, sentence = tmux.next(api.url, TMUX=inside)
        assert code == 0
        assert "(tmux far:0.0)" in sentence
        assert sentence.endswith("no terminal shows that tmux session now: tmux attach.")
        assert tmux.shown(client) == before
    finally:
        tmux("-L", "second", "kill-server")


@pytest.mark.parametrize(
    ("terminal", "where"),
    [
        (None, "terminal not known"),
        ({"pane": None, "tty": "/dev/pts/9999"}, "/dev/pts/9999, in no tmux"),
        ({"pane": "%999", "tty": None}, "terminal not known"),
        ({"pane": "%0; kill-server", "tty": "/dev/pts/0 -x"}, "terminal not known"),
        ({"pane": ["%0"], "tty": 7}, "terminal not known"),
        ("%0", "terminal not known"),
    ],
)
def test_a_terminal_that_cannot_be_reached_is_named(tmux: Tmux, terminal: Any, where: str) -> None:
    with pretend_api([asking("deep", 900, terminal)]) as api:
        code, sentence = tmux.next(api.url)
    assert code == 1
    assert (
        sentence
        == f"clauditor: deep: deep ({where}): {REASON}; go to its terminal yourself, clauditor cannot."
    )


def test_without_tmux_it_still_says_who(tmux: Tmux) -> None:
    with pretend_api([asking("deep", 900, tmux.pane("work:0.0"))]) as api:
        code, sentence = tmux.next(api.url, PATH="/nonexistent")
    assert code == 1
    assert ", in no tmux): " in sentence


def test_nobody_needs_you(tmux: Tmux) -> None:
    quiet = [
        asking("over", 900, ended_at=NOW),
        asking("muted", 800, muted_until=NOW + 60),
        snapshot("calm"),
    ]
    with pretend_api(quiet) as api:
        assert tmux.next(api.url) == (0, "No session needs you.")
    assert tmux.next("http://127.0.0.1:1")[0] == 1


def test_the_order_is_that_of_every_screen() -> None:
    shots: list[object] = [asking("b", 899), asking("a", 899), asking("c", 900), None, 7, {}]
    assert [session.session_id for session, _ in in_need(shots)] == ["c", "a", "b"]


def test_what_a_snapshot_says_reaches_tmux_only_as_pane_or_tty() -> None:
    for odd in ("%1\n", "%", "1", "%1;", "-t", "#(touch x)", "%" + "1" * 30):
        assert terminal_of({"terminal": {"pane": odd, "tty": odd}}) == NOWHERE
    assert find_spot(NOWHERE, {"TMUX": "/nonexistent,1,0"}) is None
    spot = Spot(socket="/s", pane="%3", name="x", client="/dev/pts/1", is_shown=False)
    assert jump_command(spot)[:6] == ["tmux", "-S", "/s", "select-window", "-t", "%3"]
    assert jump_command(spot)[-5:] == ["switch-client", "-c", "/dev/pts/1", "-t", "%3"]


def test_what_a_server_says_is_read_as_fields_only() -> None:
    said = "%3 /dev/pts/4 1.0 na me\x1b[31m\n\nnonsense\nx /dev/pts/4 1.0 first\n"

    def run(command: Any) -> str | None:
        return said if "list-panes" in command else "soon $1 %3 evil\n12 $1 %9 /dev/pts/1"

    spot = find_spot(Terminal(pane="%0", tty="/dev/pts/4"), {"TMUX": "/s,1,1"}, run)
    assert spot == Spot(socket="/s", pane="%3", name="na me:1.0", client="/dev/pts/1", is_shown=False)
