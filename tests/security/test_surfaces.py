"""What the running stack shows to the machine: which sockets, to whom it connects, what its processes leave behind."""

from __future__ import annotations

import re
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from clauditor.demo import Simulator
from clauditor.proxy.rundir import RunDir
from support.stack import RunningStack, watched_vendor
from support.steady import Traffic
from support.surfaces import Surfaces, family
from support.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose sockets are whose")

Watched = tuple[Simulator, RunningStack]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched_vendor(tmp_path_factory.mktemp("stack")) as running:
        yield running


def pids(stack: RunningStack) -> set[int]:
    """Of the three programs, by their pid files, and of everything that they started."""
    run = RunDir(stack.data_dir)
    names = ("supervisor", "envoy", "sidecar")
    return family(*(int(run.pid_file(name).read_text().split()[0]) for name in names))


def end(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 0


def test_two_loopback_ports_listen_and_only_the_upstream_is_called(watched: Watched) -> None:
    vendor, stack = watched
    status = stack.status
    seen = Surfaces()
    with Traffic(stack.proxy_url).running("surface"):

        def enough() -> bool:
            seen.look(pids(stack))
            return len(vendor.ledger.records) >= 100

        until(enough, "a hundred calls", 40)
    stack.clauditor("top", "--once")
    seen.look(pids(stack))
    run = RunDir(stack.data_dir)
    assert seen.listening == {end(status["proxy"]["url"]), end(status["sidecar"]["url"])}
    assert {address for address, _ in seen.listening} == {"127.0.0.1"}
    assert seen.peers == {end(vendor.url)}
    assert seen.paths == {str(run.extproc_socket), str(run.admin_socket)}
    assert seen.abstract == set()
    assert seen.others == set()


def test_the_sockets_are_for_their_owner_in_a_directory_for_their_owner(watched: Watched) -> None:
    run = RunDir(watched[1].data_dir)
    for path in (run.extproc_socket, run.admin_socket):
        found = path.lstat()
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == 0o600
    assert stat.S_IMODE(run.sockets.lstat().st_mode) == 0o700


def test_every_process_makes_private_files_and_dumps_no_core(watched: Watched) -> None:
    found = pids(watched[1])
    assert len(found) >= 3
    for pid in found:
        assert re.search(r"^Umask:\s+0077$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"^Max core file size\s+0\s+0\s", limits, re.MULTILINE)


def test_the_look_itself_sees_every_kind_of_socket(tmp_path: Path) -> None:
    """Or the tests above could not fail."""
    program = (
        "import os, socket, sys\n"
        "a = socket.create_server(('127.0.0.1', 0)); b = socket.create_server(('::', 0), family=socket.AF_INET6)\n"
        "c = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); d.bind(('127.0.0.1', 0))\n"
        "e = socket.socket(socket.AF_UNIX); e.bind('\\0hidden'); e.listen()\n"
        "f = socket.socket(socket.AF_UNIX); f.bind(sys.argv[2]); f.listen()\n"
        "print(a.getsockname()[1], b.getsockname()[1], flush=True); sys.stdin.read()\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", program, str(server.getsockname()[1]), str(tmp_path / "s")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            here, everywhere = map(int, child.stdout.readline().split())
            seen = Surfaces()
            seen.look(family(child.pid))
            child.communicate("")
        assert seen == Surfaces(
            listening={("127.0.0.1", here), ("::", everywhere)},
            peers={("127.0.0.1", server.getsockname()[1])},
            paths={str(tmp_path / "s")},
            abstract={"@hidden"},
            others={"udp"},
        )
