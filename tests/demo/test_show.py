"""The whole demo with a real Envoy and a real sidecar: it shows eight sessions, counts right, and leaves nothing."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest

from clauditor.demo import Tokens
from clauditor.demo.seeded import stable_uuid
from clauditor.demo.show import Show
from clauditor.demo.stories import STORIES
from clauditor.proxy.envoy import find_envoy
from support.waiting import until

COMMAND = (sys.executable, "-P", "-m", "clauditor", "demo")
EMPTY = {name: value for name, value in os.environ.items() if not name.startswith("CLAUDITOR_")}


def sessions(api_url: str, data_dir: Path) -> dict[str, dict[str, Any]]:
    token = (data_dir / "token").read_text(encoding="ascii").strip()
    try:
        answer = httpx.get(
            f"{api_url}/api/v1/sessions", headers={"Authorization": f"Bearer {token}"}, trust_env=False
        )
    except httpx.TransportError:
        return {}
    return {session["session_id"]: session for session in answer.json()["sessions"]}


def pids(data_dir: Path) -> dict[str, int]:
    run = data_dir / "run"
    return {path.stem: int(path.read_text().split()[0]) for path in run.glob("*.pid")}


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory whose path leaves room for sockets, as pytest's does not."""
    with tempfile.TemporaryDirectory(prefix="demo-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@contextmanager
def headless(
    *options: str, environ: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The command at work, and the addresses it printed."""
    process = subprocess.Popen(
        [*COMMAND, "--headless", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**EMPTY, **(environ or {})},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        told = dict(process.stdout.readline().split() for _ in range(4))
        yield process, told
    finally:
        process.kill()
        process.communicate()


def test_it_shows_eight_sessions_and_counts_every_token() -> None:
    over = threading.Event()
    with Show(environ=EMPTY, seed=4, speed=40, once=True, ended=over.set) as show:
        data_dir = show.settings.data_dir
        assert data_dir.stat().st_mode & 0o777 == 0o700

        def seen() -> dict[str, dict[str, Any]]:
            return sessions(show.plan.api_url, data_dir)

        until(lambda: len(seen()) == 8, "eight sessions", seconds=5.0)
        assert over.wait(60)
        ledger = show.simulator.ledger
        ids = {story.name: stable_uuid(4, "story", story.profile.cwd) for story in STORIES}
        expected = {key: ledger.totals(key) for key in ids.values()}

        def counted() -> dict[str, Tokens]:
            return {
                key: Tokens(**{field.name: session["tokens"][field.name] for field in fields(Tokens)})
                for key, session in seen().items()
            }

        until(lambda: counted() == expected, f"equal books: {expected}")
        snapshots = {name: seen()[key] for name, key in ids.items()}
    assert {name: s["project"] for name, s in snapshots.items()} == {
        story.name: story.profile.cwd.rpartition("/")[2] for story in STORIES
    }
    assert {name: s["branch"] for name, s in snapshots.items()} == {
        story.name: story.profile.branch for story in STORIES
    }
    assert snapshots["healthy"]["label"] == "fix login test"
    assert snapshots["other_model"]["model"] == {
        "requested": "claude-opus-5-5",
        "served": "claude-sonnet-5-5",
    }
    assert (snapshots["overloaded"]["turns"], snapshots["overloaded"]["failed_attempts"]) == (3, 4)
    assert snapshots["near_compaction"]["context"]["turns_to_compact"] <= 6
    assert len(snapshots["agents"]["agents"]) == 6
    assert not data_dir.exists()
    assert not [thread for thread in threading.enumerate() if thread.name == "demo-vendor"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything(number: signal.Signals) -> None:
    with headless("--speed", "20") as (process, told):
        data_dir = Path(told["data"])
        started = until(lambda: pids(data_dir), "pid files")
        assert set(started) >= {"envoy", "sidecar", "supervisor"}
        until(lambda: sessions(told["sidecar"], data_dir), "a session")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")
    assert not [name for name, pid in started.items() if runs(pid)]
    assert not data_dir.exists()


def test_a_killed_demo_leaves_nothing_running(short_dir: Path) -> None:
    with headless("--data-dir", str(short_dir)) as (process, told):
        assert Path(told["data"]).parent == short_dir
        started = until(lambda: pids(Path(told["data"])), "pid files")
        process.kill()
        process.wait()
        until(lambda: not [pid for pid in started.values() if runs(pid)], f"the end of {started}")


@pytest.mark.parametrize("ending", [b"q", signal.SIGTERM])
def test_the_screen_shows_eight_sessions_and_its_end_is_the_end_of_everything(
    short_dir: Path, ending: bytes | signal.Signals, record_property: Callable[[str, object], None]
) -> None:
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    began = time.monotonic()
    process = subprocess.Popen(
        COMMAND, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        env={**EMPTY, "TERM": "xterm-256color", "TMPDIR": str(short_dir)},
    )  # fmt: skip
    os.close(terminal)
    shown = bytearray()
    reader = threading.Thread(target=_read_all, args=(controller, shown), daemon=True)
    reader.start()
    try:
        names = [story.profile.cwd.rpartition("/")[2].encode() for story in STORIES]
        until(lambda: all(name in shown for name in names), "eight names on the screen")
        record_property("seconds_to_eight_sessions", round(time.monotonic() - began, 2))
        (data_dir,) = short_dir.iterdir()
        started = pids(data_dir)
        if isinstance(ending, bytes):
            os.write(controller, ending)
        else:
            process.send_signal(ending)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
    reader.join(5)
    os.close(controller)
    assert b"Traceback" not in shown
    assert not [name for name, pid in started.items() if runs(pid)]
    assert not list(short_dir.iterdir())


def test_without_a_terminal_the_screen_is_refused_in_one_sentence() -> None:
    done = subprocess.run(
        COMMAND, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "clauditor: The screen needs a terminal; without one: clauditor demo --headless.\n"


def _read_all(descriptor: int, shown: bytearray) -> None:
    with suppress(OSError):  # a terminal whose other side is gone says so with an error
        while data := os.read(descriptor, 65536):
            shown += data


def test_once_ends_by_itself() -> None:
    with headless("--once", "--speed", "200", "--seed", "9") as (process, _):
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


def test_settings_of_the_user_do_not_reach_it(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('upstream = "http://127.0.0.1:9"\nport = "nonsense"\n')
    environ = {
        "CLAUDITOR_CONFIG": str(config),
        "CLAUDITOR_DATA_DIR": str(tmp_path / "data"),
        "CLAUDITOR_PORT": "nonsense",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    with headless("--once", "--speed", "200", environ=environ) as (process, told):
        assert not told["data"].startswith(str(tmp_path))
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert not (tmp_path / "data").exists()


def test_a_failed_start_is_one_sentence(short_dir: Path) -> None:
    wrong = short_dir / "envoy"
    wrong.write_text("#!/bin/sh\nexit 3\n")
    wrong.chmod(0o755)
    done = subprocess.run(
        [*COMMAND, "--headless", "--envoy", str(wrong)],
        capture_output=True, text=True, check=False, timeout=60, env={**EMPTY, "TMPDIR": str(short_dir)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("clauditor: ")
    assert done.stderr.count("\n") == 1
    assert list(short_dir.iterdir()) == [wrong]


def test_a_failed_start_leaves_the_log_that_it_names(short_dir: Path) -> None:
    wrong = short_dir / "envoy"
    wrong.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec {find_envoy(None).path} --version\necho broken\nexit 3\n'
    )
    wrong.chmod(0o755)
    done = subprocess.run(
        [*COMMAND, "--headless", "--envoy", str(wrong)],
        capture_output=True, text=True, check=False, timeout=60, env={**EMPTY, "TMPDIR": str(short_dir)},
    )  # fmt: skip
    assert done.returncode == 1
    named = re.search(r"\(more in (.+)\)\.\n", done.stderr)
    assert named is not None
    assert "broken" in Path(named[1]).read_text()


def test_a_place_that_cannot_be_written_is_named_with_a_remedy() -> None:
    done = subprocess.run(
        [*COMMAND, "--headless", "--data-dir", "/proc"],
        capture_output=True, text=True, check=False, timeout=60, env=EMPTY,
    )  # fmt: skip
    assert done.returncode == 1
    assert re.fullmatch(
        r"clauditor: Cannot write to /proc: .+; choose another place with --data-dir\.\n", done.stderr
    )


def test_ctrl_c_while_it_starts_ends_it_without_a_word(short_dir: Path) -> None:
    slow = short_dir / "envoy"
    slow.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && touch {short_dir}/asked && sleep 0.5\nexec {find_envoy(None).path} "$@"\n'
    )
    slow.chmod(0o755)
    process = subprocess.Popen(
        [*COMMAND, "--headless", "--envoy", str(slow)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**EMPTY, "TMPDIR": str(short_dir)},
        start_new_session=True,
    )  # fmt: skip
    until((short_dir / "asked").exists, "the question for the version")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to everyone in the foreground
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert {path.name for path in short_dir.iterdir()} == {"envoy", "asked"}


@pytest.mark.parametrize("options", [("--speed", "0"), ("--seed", "-1"), ("--speed", "fast")])
def test_wrong_options_are_usage_errors(options: tuple[str, ...]) -> None:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
