from __future__ import annotations

from pathlib import Path

import pytest

from clauditor.errors import ClauditorError
from clauditor.proxy.rundir import LOG_LIMIT_BYTES, SOCKET_PATH_LIMIT_BYTES, RunDir


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_directories_are_made_private(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "a" / "b")
    run.prepare()
    assert (mode(run.data_dir), mode(run.path)) == (0o700, 0o700)
    run.prepare()  # again is fine


def test_an_empty_or_own_directory_is_set_right_and_a_strangers_is_not(tmp_path: Path) -> None:
    empty, own, other = (tmp_path / name for name in ("empty", "own", "other"))
    for directory in (empty, own, other):
        directory.mkdir()
        directory.chmod(0o755)
    (own / "clauditor.db").touch()
    (other / "thesis.tex").touch()
    RunDir(empty).prepare()
    RunDir(own).prepare()
    assert (mode(empty), mode(own)) == (0o700, 0o700)
    with pytest.raises(ClauditorError, match="open to others and holds other files"):
        RunDir(other).prepare()
    assert mode(other) == 0o755


@pytest.mark.parametrize("name", ["", "run"])
def test_a_symlink_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    data = tmp_path / "data"
    link = data / name
    link.parent.mkdir(exist_ok=True, mode=0o700)
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ClauditorError, match="is a symbolic link"):
        RunDir(data).prepare()


@pytest.mark.parametrize("name", ["x" * 100, "50%", "a?b", "a#b"])
def test_sockets_of_an_unfit_directory_go_to_a_short_one_that_stays_the_same(
    tmp_path: Path, name: str
) -> None:
    run = RunDir(tmp_path / name)
    assert run.sockets == RunDir(tmp_path / name).sockets != run.path
    assert run.sockets != RunDir(tmp_path / "other%").sockets
    assert len(str(run.old_admin_socket)) < SOCKET_PATH_LIMIT_BYTES
    run.prepare()
    assert mode(run.sockets) == 0o700
    run.sockets.rmdir()


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "data")
    run.prepare()
    run.write(run.plan, "one")
    run.write(run.plan, "two")
    assert run.plan.read_text() == "two"
    assert mode(run.plan) == 0o600
    assert [path.name for path in run.path.iterdir()] == ["stack.json"]


def test_a_long_log_is_put_aside(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "data")
    run.prepare()
    run.log("envoy").write_bytes(b"x" * (LOG_LIMIT_BYTES + 1))
    process = run.spawn("envoy", ["sh", "-c", "echo said; echo loudly >&2"], {})
    assert process.wait() == 0
    assert run.log("envoy").read_text() == "said\nloudly\n"
    assert (run.path / "envoy.log.1").stat().st_size > LOG_LIMIT_BYTES
