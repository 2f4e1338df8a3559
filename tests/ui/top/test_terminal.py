"""The screen in a real terminal (tmux), on an API over a real socket."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clauditor.text import width as cells
from ui import afternoon
from ui.hostile import HOSTILE, is_harmless
from ui.pretend_api import TOKEN, PretendApi, pretend_api

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

DEADLINE_SECONDS = 20.0


class Terminal:
    """A tmux server of its own with one pane."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)
        self.clients: list[tuple[subprocess.Popen[bytes], int]] = []
        self.told = b""

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", self._socket, "-f", "/dev/null", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        return done.stdout

    def start(self, command: str, width: int, height: int) -> None:
        # The shell stays, so that what the program leaves behind can be read.
        self.tmux("new-session", "-d", "-x", str(width), "-y", str(height), "env -u PS1 sh")
        self.tmux("send-keys", f"PS1='left$ '; clear; {command}", "Enter")

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def attach(self) -> str:
        """A person's terminal that shows the server; its name as a client."""
        outer, inner = os.openpty()
        tty = os.ttyname(inner)
        environ = {**os.environ, "TERM": "xterm-256color"}
        environ.pop("TMUX", None)
        command = ["tmux", "-S", self._socket, "attach"]
        client = subprocess.Popen(
            command, stdin=inner, stdout=inner, stderr=inner, env=environ, start_new_session=True
        )
        os.close(inner)
        os.set_blocking(outer, False)
        self.clients.append((client, outer))
        self.wait(lambda: tty in self.tmux("list-clients", "-F", "#{client_name}").splitlines(), "attached")
        return tty

    def drawn(self) -> str:
        """What the person's terminal was told so far, without its escape sequences."""
        with contextlib.suppress(BlockingIOError):
            while more := os.read(self.clients[0][1], 1 << 16):
                self.told += more
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\(B", "", self.told.decode("utf-8", "replace"))

    def close(self) -> None:
        self.tmux("kill-server")
        for client, outer in self.clients:
            client.kill()
            client.wait(10)
            os.close(outer)

    def wait(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"never happened: {what}\n{self.screen()}"
            time.sleep(0.05)

    def until(self, condition: Callable[[str], bool], what: str) -> str:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition(shown := self.screen()):
            assert time.monotonic() < deadline, f"never seen: {what}\n{shown}"
            time.sleep(0.05)
        return shown

    def shows(self, text: str) -> str:
        return self.until(lambda shown: text in shown, text)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    running = Terminal(tmp_path / "tmux")
    yield running
    running.close()


@pytest.fixture
def api() -> Iterator[PretendApi]:
    with pretend_api(afternoon.with_signals()) as running:
        yield running


def command(tmp_path: Path, api: PretendApi, **environ: str) -> str:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    (data_dir / "token").write_text(TOKEN, encoding="utf-8")
    words = [sys.executable, "-P", "-m", "clauditor", "top", "--data-dir", str(data_dir), "--url", api.url]
    given = {"LANG": "C.UTF-8", "PYTHONPATH": str(Path(__file__).parents[3]), "HOME": str(tmp_path)} | environ
    return f"env -u COLUMNS -u LINES {shlex.join(f'{name}={value}' for name, value in given.items())} {shlex.join(words)}"


def test_screen_runs_takes_keys_and_leaves_the_terminal_clean(
    terminal: Terminal, api: PretendApi, tmp_path: Path
) -> None:
    terminal.start(command(tmp_path, api), 80, 24)
    shown = terminal.shows("push tokens")
    assert "today ~$38.40" in terminal.shows("today")
    assert len(shown.rstrip("\n").split("\n")) == 24
    api.say(afternoon.snapshot("5f0c2a11-aaaa", project="webshop", label="told just now", attention=990))
    terminal.shows("told just now")
    terminal.press("j", "Enter")
    terminal.shows("[1 overview]")
    terminal.press("Right")
    terminal.shows("── prompt 3 ──")
    terminal.press("Escape")
    terminal.shows("told just now")
    terminal.press("q")
    left = terminal.shows("left$")
    assert "told just now" not in left
    assert "Traceback" not in left


def test_the_screen_is_drawn_also_where_errors_go_to_a_file(
    terminal: Terminal, api: PretendApi, tmp_path: Path
) -> None:
    errors = tmp_path / "errors"
    terminal.start(f"{command(tmp_path, api)} 2> {errors}", 80, 24)
    terminal.shows("push tokens")
    terminal.press("q")
    assert "push tokens" not in terminal.shows("left$")
    assert errors.read_bytes() == b""


def test_without_colours_everything_is_still_said(
    terminal: Terminal, api: PretendApi, tmp_path: Path
) -> None:
    terminal.start(command(tmp_path, api, NO_COLOR="1"), 80, 24)
    terminal.shows("push tokens")
    coloured = terminal.tmux("capture-pane", "-p", "-e")
    # Greys only: red, green and blue of every colour are equal.
    for code in {part for part in coloured.replace("m", ";").split("\x1b[") if ";2;" in part}:
        numbers = code.split(";2;")[1].split(";")[:3]
        assert len(set(numbers)) == 1, code
    shown = terminal.screen()
    assert "!!›webshop" in shown
    assert "approve" in shown


def test_hostile_labels_do_nothing_to_the_terminal(terminal: Terminal, tmp_path: Path) -> None:
    labels = [text.replace("\ud800", "") for text in HOSTILE]  # no JSON can carry a lone surrogate as UTF-8
    shots = [afternoon.snapshot(f"id-{index}", label=label) for index, label in enumerate(labels)]
    with pretend_api(shots) as api:
        terminal.start(command(tmp_path, api), 100, 40)
        shown = terminal.shows("[bold red]markup")
        assert all(is_harmless(line) for line in shown.split("\n"))
        assert "owned" not in terminal.tmux("display-message", "-p", "#{pane_title}")
        # Wide characters and marks have not pushed the columns out of line.
        rows = [line for line in shown.split("\n") if "your turn" in line and "answer complete" in line]
        assert len(rows) == len(HOSTILE)
        assert len({cells(line[: line.index("your turn")]) for line in rows}) == 1


def test_a_new_signal_reaches_the_terminal_as_one_whole_notification(
    terminal: Terminal, api: PretendApi, tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    terminal.start(command(tmp_path, api), 80, 24)
    terminal.tmux("pipe-pane", f"cat > {raw}")
    terminal.shows("push tokens")
    loop = afternoon.signal("tool_loop", "act", "Bash: 6 times the same.", "loop", "Press Esc.")
    deadline, number = time.monotonic() + DEADLINE_SECONDS, 0
    # What is there when the screen first looks is not new; one of these comes after that.
    while not raw.exists() or b"\x1b]9;" not in raw.read_bytes():
        assert time.monotonic() < deadline, "never rang"
        number += 1
        api.say(afternoon.snapshot(f"new {number}", project="fresh", **afternoon.judged(loop)))
        time.sleep(0.2)
    terminal.press("q")
    terminal.shows("left$")
    notified = [part.partition(b"\x07") for part in raw.read_bytes().split(b"\x1b]9;")[1:]]
    assert len(notified) == 1
    assert notified[0][0].startswith(b"Clauditor: ")
    assert notified[0][2].startswith(b"\x07")


def test_a_signal_ends_the_screen_and_gives_the_terminal_back(
    terminal: Terminal, api: PretendApi, tmp_path: Path
) -> None:
    terminal.start(f"{command(tmp_path, api)} & echo $! > {tmp_path / 'pid'}; fg", 80, 24)
    terminal.shows("push tokens")
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
    left = terminal.shows("left$")
    assert "push tokens" not in left
    assert terminal.tmux("display-message", "-p", "#{alternate_on}").strip() == "0"


def test_the_screen_follows_its_terminals_size(terminal: Terminal, api: PretendApi, tmp_path: Path) -> None:
    terminal.start(command(tmp_path, api), 80, 24)
    terminal.shows("push tokens")
    terminal.tmux("resize-window", "-x", "142", "-y", "40")
    wide = terminal.until(lambda shown: " LAST " in shown.split("\n")[3], "more columns").split("\n")
    assert wide[39].endswith("q quit")
    terminal.tmux("resize-window", "-x", "60", "-y", "16")
    narrow = terminal.until(lambda shown: " MODEL" not in shown and "q quit" in shown, "fewer columns")
    assert "webshop fix login" in narrow
    assert max(map(cells, narrow.split("\n"))) <= 60


def test_o_moves_the_person_to_the_sessions_pane(terminal: Terminal, tmp_path: Path) -> None:
    waiting = afternoon.with_signals()[0]
    with pretend_api([waiting]) as api:
        port = api.url.rpartition(":")[2]
        terminal.start(command(tmp_path, api, CLAUDITOR_API_PORT=port), 80, 24)
        terminal.tmux("new-window", "-d", "-n", "work", "sleep 1000")
        terminal.tmux("split-window", "-d", "-t", "work", "sleep 1000")
        pane, tty = terminal.tmux("display-message", "-p", "-t", "work.1", "#{pane_id} #{pane_tty}").split()
        client = terminal.attach()
        terminal.shows("fix login test")
        api.say(waiting | {"terminal": {"pane": pane, "tty": tty}})
        terminal.shows("tmux 0:1.1")
        terminal.press("o")
        shown = ("display-message", "-p", "-c", client, "#{pane_id}")
        terminal.wait(lambda: terminal.tmux(*shown).strip() == pane, "the client shows the session's pane")


def test_o_says_so_where_it_cannot_go(terminal: Terminal, tmp_path: Path) -> None:
    with pretend_api([afternoon.snapshot("far", project="far", terminal={"pane": "%0", "tty": None})]) as api:
        terminal.start(command(tmp_path, api), 80, 24)
        terminal.shows("far far")
        terminal.press("o")
        terminal.shows("It runs elsewhere; go there yourself, clauditor cannot.")


def test_the_line_for_tmux_is_shown_as_it_is(terminal: Terminal, tmp_path: Path) -> None:
    """tmux expands what a program of its status bar prints: `#(...)` would be run, `#[...]` colours, `%H` tells time."""
    pressing = afternoon.with_signals()[0]
    shots = [pressing | {"session_id": text, "project": text} for text in ("#(>owned)", "#[bg=red]%H#")]
    with pretend_api(shots) as api:
        terminal.start("sleep 1000", 120, 10)
        for option, value in {
            "status-right-length": "110",
            "status-left": "",
            "window-status-current-format": "",
            "status-interval": "1",
            "status-right": f"#({command(tmp_path, api)} --compact)",
        }.items():
            terminal.tmux("set", "-g", option, value)
        terminal.attach()
        said = "2 need you: #(>owned), #[bg=red]%H# · today ~$38.40"
        terminal.wait(lambda: said in terminal.drawn(), "the line as it is")
        assert not Path("owned").exists()
