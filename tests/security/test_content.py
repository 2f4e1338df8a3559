"""Foreign strings at every exit, and in a real terminal. `python -m security.content` is the same with a million."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clauditor.text import clean
from security.content import Found, campaign, shown
from security.exits import EXITS, Shown
from security.strings import Source, Strings, faults

COUNT = 40_000
SEED = 7


def test_no_foreign_string_leaves_its_place_at_any_exit() -> None:
    found = campaign(COUNT, SEED)
    assert found.harms == []
    assert found.strings >= 2 * COUNT
    assert found.hostile > COUNT // 2
    assert set(found.lines) == {"the cleaner", *EXITS}


@pytest.mark.parametrize(
    ("leak", "word"),
    [
        (lambda source: iter([Shown(source())]), "U+"),
        (lambda _: iter([Shown("x" * 41, 40)]), "more than 40 cells"),
        (lambda _: iter([Shown("a#b", None, is_tmux=True)]), "a single #"),
        (lambda _: iter([Shown("a\u200bb")]), "U+200B Cf"),
        (lambda _: iter([Shown("a\ufe0f")]), "shows nothing"),
        (lambda _: iter([Shown("a\u0301\u0301\u0301")]), "marks piled up"),
    ],
)
def test_the_campaign_can_tell(
    leak: Callable[[Source], Iterator[Shown]], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("security.content.EXITS", {"a leak": leak_and_count(leak)})
    found = Found()
    shown(100, SEED, found)
    assert any(word in harm for harm in found.harms)


def leak_and_count(leak: Callable[[Source], Iterator[Shown]]) -> Callable[[Source], Iterator[Shown]]:
    def leave(source: Source) -> Iterator[Shown]:
        source()
        return leak(source)

    return leave


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("\u0301\u0301start", "start"),
        ("a \u0301b", "a b"),
        ("a\u0301\u0301\u200b\u0301\u0301b", "a\u0301\u0301b"),
        ("a\ufe0f\u0301\u0301\u0301", "a\u0301\u0301"),
    ],
)
def test_marks_have_one_character_of_their_own_to_stand_on(dirty: str, expected: str) -> None:
    assert clean(dirty) == expected


# -- a real terminal ------------------------------------------------------------------------------------------------

_STATE = (
    "pane_title", "window_name", "alternate_on", "cursor_flag", "cursor_x", "insert_flag", "keypad_cursor_flag", "keypad_flag",
    "origin_flag", "wrap_flag", "mouse_any_flag", "mouse_all_flag", "mouse_sgr_flag", "mouse_utf8_flag", "scroll_region_upper",
    "scroll_region_lower", "pane_width", "pane_height", "pane_in_mode", "pane_tabs", "pane_dead",
)  # fmt: skip
_WIDTH = 200


class Pane:
    """A tmux server with one pane, whose program prints a file when it is told to."""

    def __init__(self, socket: Path, file: Path) -> None:
        self._socket = str(socket)
        program = f"read go; cat {shlex.quote(str(file))}; read end"
        self.tmux(
            "start-server", ";", "set-option", "-g", "history-limit", "20000", ";",
            "new-session", "-d", "-x", str(_WIDTH), "-y", "30", "-n", "ours", "sh", "-c", program, ";",
            "set-option", "-g", "allow-rename", "on", ";", "set-option", "-g", "set-clipboard", "on", ";",
            "set-option", "-g", "automatic-rename", "off", ";",
            "select-pane", "-T", "ours",
        )  # fmt: skip

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-u", "-S", self._socket, "-f", "/dev/null", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        return done.stdout

    def asked(self, *names: str) -> list[str]:
        return (
            self.tmux("display-message", "-p", "|".join(f"#{{{name}}}" for name in names))
            .strip("\n")
            .split("|")
        )

    def state(self) -> list[str]:
        """What a program can do to a terminal, and what was copied to its clipboard."""
        return [*self.asked(*_STATE), self.tmux("list-buffers")]

    def rows(self) -> int:
        history, row = self.asked("history_size", "cursor_y")
        return int(history) + int(row)

    def print(self) -> None:
        self.tmux("send-keys", "Enter")
        deadline = time.monotonic() + 20
        while "the end" not in self.tmux("capture-pane", "-p"):
            assert time.monotonic() < deadline, self.tmux("capture-pane", "-p")
            time.sleep(0.05)


@pytest.fixture
def in_pane(tmp_path: Path) -> Iterator[Callable[[str], Pane]]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    panes: list[Pane] = []

    def started(text: str) -> Pane:
        file = tmp_path / "text"
        file.write_bytes(text.encode("utf-8", "surrogateescape") + b"the end\n")
        panes.append(Pane(tmp_path / "tmux", file))
        return panes[-1]

    yield started
    for pane in panes:
        pane.tmux("kill-server")


def test_what_leaves_does_nothing_to_a_real_terminal(in_pane: Callable[[str], Pane]) -> None:
    source = Strings(SEED)
    lines: list[str] = []
    while len(lines) < 4000:
        for leave in EXITS.values():
            lines += [out.line for out in leave(source) if out.cells is not None and out.cells <= 120]
    pane = in_pane("".join(f"{line}\n" for line in lines))
    before, row = pane.state(), pane.rows()
    pane.print()
    assert pane.state() == before
    assert pane.rows() == row + 1 + len(lines) + 1  # the newline that was typed, and the last line
    assert "\x1b" not in pane.tmux("capture-pane", "-p", "-e", "-S", "-")  # no colour of a single cell


@pytest.mark.parametrize(
    "text",
    ["\x1b]0;owned\x07", "\x1b[?25l", "\x1b[?1049h", "\x1b[4h", "\x1bkowned\x1b\\", "\x1b[?1000h", "\x1b[2;9r", "\x1b[?7l"],
)  # fmt: skip
def test_a_real_terminal_can_tell(text: str, in_pane: Callable[[str], Pane]) -> None:
    pane = in_pane(text)
    before = pane.state()
    pane.print()
    assert pane.state() != before


def test_what_is_left_is_still_read() -> None:
    """A campaign in which nothing but blanks leaves would prove nothing."""
    lines = [out.line for leave in EXITS.values() for out in leave(Strings(SEED))]
    seen = "\n".join(lines)
    assert all(faults(line) is None for line in lines)
    for word in ("fix the login test", "日本語", "#{pid}", "[bold red]x[/]"):
        assert word in seen or re.sub("#", "##", word) in seen, word
