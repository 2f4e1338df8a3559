"""Every file that Clauditor writes is its owner's alone, whatever the shell's umask, and no link is followed to write."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clauditor.cli.export import _replacing
from clauditor.errors import ClauditorError
from clauditor.hooks import heal
from clauditor.proxy import locks, trouble
from clauditor.proxy.rundir import RunDir
from clauditor.setup import record
from clauditor.store.copying import back_up
from clauditor.store.store import Store
from clauditor.token_file import load_or_create_token
from clauditor.ui.top import memory
from support.stack import RunningStack, watched_vendor
from support.steady import Traffic
from support.waiting import until

RUN_NAMES = frozenset(
    {
        *("stack.json", "stack.lock", "stopped", "hook.lock", "hook.log"),
        *("envoy.yaml", "upstream-ca.pem", "access.log", "access.log.1", "access.position"),
        *(
            "supervisor.lock",
            "supervisor.pid",
            "supervisor.log",
            "sidecar.lock",
            "sidecar.pid",
            "sidecar.log",
        ),
        *("envoy.pid", "envoy.log", "envoy.ended", "envoy.failed", "sidecar.ended", "sidecar.failed"),
        *("extproc.sock", "admin.sock", "admin.draining.sock", "envoy.draining.pid"),
    }
)
"""All names in `run/`; the first test meets no other."""
DATA_NAMES = ("token", "salt", "top.json", "installs", "run")
SECRET = b"belongs to somebody else\n"


@pytest.fixture
def open_umask() -> Iterator[None]:
    """As a shell may have it in which everybody may read and write everything."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(directory: Path) -> Iterator[tuple[Path, int]]:
    """Everything in a directory and itself, with its permission bits; fails at a link."""
    for path in (directory, *directory.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # a file that is being replaced
            found = path.lstat()
            assert not stat.S_ISLNK(found.st_mode), path
            yield path, stat.S_IMODE(found.st_mode)


def open_to_others(directory: Path) -> list[str]:
    return [f"{path} {mode:04o}" for path, mode in modes(directory) if mode & 0o077]


def pid(stack: RunningStack, name: str) -> int:
    return int(RunDir(stack.data_dir).pid_file(name).read_text().split()[0])


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("open_umask")
def test_whatever_is_done_every_file_is_private(tmp_path: Path) -> None:
    settings = tmp_path / "home" / ".claude" / "settings.json"
    settings.parent.mkdir(parents=True, mode=0o755)
    settings.write_text('{"model": "opus"}')
    settings.chmod(0o640)
    out = tmp_path / "out"
    out.mkdir(mode=0o700)
    with watched_vendor(tmp_path) as (vendor, stack):
        data, run = stack.data_dir, RunDir(stack.data_dir)
        with Traffic(stack.proxy_url).running("files"):
            until(lambda: len(stack.sessions()) >= 5, "some sessions")
        stack.clauditor("install", "--yes")
        assert stat.S_IMODE(settings.stat().st_mode) == 0o640, "the user's file keeps its mode"
        for arguments in (["rows.jsonl"], ["rows.csv", "--csv"], ["copy.db", "--sqlite"]):
            stack.clauditor("export", str(out / arguments[0]), *arguments[1:])
        stack.clauditor("postmortem", "last", "--output", str(out / "report.md"))
        stack.clauditor("restore", str(out / "copy.db"), "--yes")
        for name in ("envoy", "sidecar"):  # so that their ends are noted
            os.kill(pid(stack, name), signal.SIGKILL)
            until(run.ended_file(name).exists, f"the end of {name}")
        until(lambda: stack.status["sidecar"]["state"] == "running", "the next sidecar")
        assert open_to_others(data) == []
        stack.clauditor("uninstall", "--yes")
        assert stat.S_IMODE(settings.stat().st_mode) == 0o640
        assert settings.read_text() == '{"model": "opus"}'
        stack.clauditor("down", "--yes")
        (data / "clauditor.db").write_bytes(b"no database" * 1000)
        stack.clauditor("up", "--upstream", vendor.url)
        until(lambda: list(data.glob("clauditor.db.broken-*")), "the broken history is moved aside")
        stack.clauditor("purge", "--all", "--yes")
        assert open_to_others(data) == []
        assert open_to_others(out) == []
        assert len(list(out.iterdir())) == 4
        names = {path.name for path in run.path.iterdir() if not path.name.startswith(".")}
        assert names <= RUN_NAMES


def test_directories_on_the_way_to_the_data_are_private_too(tmp_path: Path, open_umask: None) -> None:
    RunDir(tmp_path / "share" / "mine" / "clauditor").prepare()
    assert open_to_others(tmp_path / "share") == []


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """What a link leads to; no test may change it."""
    path = tmp_path / "victim"
    path.write_bytes(SECRET)
    path.chmod(0o644)
    yield path
    assert path.read_bytes() == SECRET
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    made = RunDir(tmp_path / "data")
    made.prepare()
    return made


@pytest.mark.parametrize("name", [*sorted(f"run/{name}" for name in RUN_NAMES), *DATA_NAMES])
def test_a_link_in_place_of_any_file_is_refused_with_a_sentence(run: RunDir, victim: Path, name: str) -> None:
    planted = run.data_dir / name
    if planted == run.path:
        planted.rmdir()
    planted.symlink_to(victim)
    with pytest.raises(ClauditorError, match=f"^{planted} is a symbolic link"):
        run.prepare()


@pytest.mark.parametrize("name", ["prices.toml", "config.toml"])
def test_a_file_that_people_write_may_be_a_link(run: RunDir, victim: Path, name: str) -> None:
    (run.data_dir / name).symlink_to(victim)
    run.prepare()


def test_up_says_so_and_starts_nothing(run: RunDir, victim: Path, tmp_path: Path) -> None:
    run.access_log.symlink_to(victim)
    env = {name: value for name, value in os.environ.items() if not name.startswith("CLAUDITOR_")}
    stack = RunningStack(run.data_dir, env | {"HOME": str(tmp_path)})
    done = stack.clauditor(
        "up", "--port", "0", "--api-port", "0", "--upstream", "http://127.0.0.1:1", check=False
    )
    assert done.returncode == 1
    assert (
        done.stderr
        == f"clauditor: {run.access_log} is a symbolic link, which Clauditor never makes; remove it.\n"
    )
    assert not run.pid_file("supervisor").exists()


Write = Callable[[RunDir, Path], object]


def _token(run: RunDir, path: Path) -> object:
    return load_or_create_token(path)


def _history(run: RunDir, path: Path) -> object:
    store = Store(run.data_dir / "clauditor.db")
    until(lambda: store.writer.is_idle, "the history is open or refused")
    store.close()
    return store


WRITES: dict[str, tuple[str, Write]] = {
    "a file that is replaced": ("run/stack.json", lambda run, path: run.write(path, "x")),
    "a log": ("run/envoy.log", lambda run, path: os.close(run.open_log("envoy"))),
    "a program's own log": ("run/access.log", lambda run, path: run.put_aside_if_long("access")),
    "a failed start": ("run/envoy.failed", lambda run, path: trouble.start_failed(run, "envoy", "x")),
    "an end": ("run/envoy.ended", lambda run, path: trouble.ended(run, "envoy", 1)),
    "a lock": ("run/sidecar.lock", lambda run, path: locks.hold(path)),
    "a hook's lock": ("run/hook.lock", lambda run, path: heal.is_due(str(path), 0.0)),
    "the token": ("token", _token),
    "the history": ("clauditor.db", _history),
    "the history's lock": ("clauditor.db.lock", _history),
    "the history's log": ("clauditor.db-wal", _history),
    "the history's index": ("clauditor.db-shm", _history),
    "the history's journal": ("clauditor.db-journal", _history),
    "a copy of the history": ("copy.db", lambda run, path: back_up(_empty(run), path)),
    "the view of top": ("top.json", lambda run, path: memory.keep(path, memory.Chosen())),
    "the lock of installs": ("installs/lock", lambda run, path: record.alone(run.data_dir).__enter__()),
}


def _empty(run: RunDir) -> Path:
    store = Store(run.data_dir / "source.db")
    store.close()
    return run.data_dir / "source.db"


@pytest.mark.parametrize("what", WRITES)
def test_whoever_writes_follows_no_link(run: RunDir, victim: Path, what: str) -> None:
    name, write = WRITES[what]
    planted = run.data_dir / name
    planted.parent.mkdir(exist_ok=True)
    planted.symlink_to(victim)
    with contextlib.suppress(OSError, ClauditorError):
        write(run, planted)


def test_exports_of_the_same_name_share_no_temporary_file(tmp_path: Path) -> None:
    """In a directory where others may write, a name that can be told beforehand could be waited for."""
    names = set()
    for _ in range(2):
        with _replacing(tmp_path / "rows", force=True) as beside:
            beside.touch()
            names.add(beside.name)
    assert len(names) == 2
