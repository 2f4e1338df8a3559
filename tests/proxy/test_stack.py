"""The stack's life with a real Envoy: start, kill, adopt, replace, stop. The sidecar is a small stand-in."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from clauditor.config import load_settings
from clauditor.errors import ClauditorError
from clauditor.proxy import ports
from clauditor.proxy.process import Process
from clauditor.proxy.rundir import LOG_LIMIT_BYTES
from clauditor.proxy.stack import Stack
from support.supervised import (
    DEADLINE_SECONDS,
    SIDECAR,
    MakeStack,
    kill,
    pid_of,
    process_of,
    slow_upstream,
    status_code,
    wait_until,
)


def is_back(stack: Stack, old: Process) -> bool:
    """Whether another sidecar than this one serves."""
    found = stack.status().sidecar
    return found.state == "running" and found.pid != old.pid


def test_start_serves_and_stop_leaves_nothing(make_stack: MakeStack) -> None:
    stack = make_stack()
    started = stack.start()
    assert not started.already
    assert status_code(started.plan.proxy_url) == 503
    found = stack.status()
    assert (found.proxy.state, found.sidecar.state) == ("running", "running")
    assert (found.proxy.pid, found.sidecar.pid) == (started.proxy_pid, started.sidecar_pid)
    processes = [process_of(stack, name) for name in ("supervisor", "envoy", "sidecar")]

    assert set(stack.stop()) == {"supervisor", "envoy", "sidecar"}
    assert not any(process.is_running() for process in processes)
    assert not ports.accepts("127.0.0.1", started.plan.port)
    found = stack.status()
    assert (found.proxy.pid, found.proxy.state, found.sidecar.pid) == (None, "stopped", None)
    assert not list(stack.run.path.glob("*.sock"))
    assert not list(stack.run.path.glob("*.pid"))
    assert stack.stop() == ()


def test_everything_is_private(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.start()
    for path in (stack.run.data_dir, *stack.run.data_dir.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_second_start_changes_nothing(make_stack: MakeStack) -> None:
    first = make_stack().start()
    second = make_stack().start()
    assert second.already
    assert (second.proxy_pid, second.sidecar_pid) == (first.proxy_pid, first.sidecar_pid)


def test_a_second_start_with_another_upstream_is_refused(make_stack: MakeStack) -> None:
    make_stack().start()
    with pytest.raises(
        ClauditorError, match="another --upstream; to change that: clauditor up --upstream VALUE"
    ):
        make_stack("http://127.0.0.1:2").start()


def test_of_two_starts_at_once_one_wins_and_the_other_finds_it(make_stack: MakeStack) -> None:
    stacks = [make_stack(), make_stack()]
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda stack=stack: found.append(stack.start().already)) for stack in stacks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False, True]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_sidecar_that_ends_is_started_again_and_the_proxy_stays(
    make_stack: MakeStack, number: signal.Signals
) -> None:
    stack = make_stack()
    started = stack.start()
    for _ in range(3):
        old = process_of(stack, "sidecar")
        old.signal(number)
        assert old.wait(DEADLINE_SECONDS)
        assert status_code(started.plan.proxy_url) == 503
        wait_until(partial(is_back, stack, old))
    found = stack.status()
    assert (found.proxy.pid, found.sidecar.url) == (started.proxy_pid, started.plan.api_url)


def test_a_killed_envoy_listens_again_within_a_second(make_stack: MakeStack) -> None:
    stack = make_stack()
    started = stack.start()
    sidecar = pid_of(stack, "sidecar")
    os.kill(started.proxy_pid, signal.SIGKILL)
    began = time.monotonic()
    wait_until(lambda: stack.status().proxy.pid not in (None, started.proxy_pid) and stack.proxy_is_ours())
    assert time.monotonic() - began < 1.0
    assert pid_of(stack, "sidecar") == sidecar
    assert stack.status().proxy.url == started.plan.proxy_url


def test_a_new_supervisor_adopts_what_a_killed_one_left(make_stack: MakeStack) -> None:
    first = make_stack()
    started = first.start()
    kill(process_of(first, "supervisor"))
    assert status_code(started.plan.proxy_url) == 503
    assert first.status().sidecar.state == "running"

    again = make_stack().start()
    assert not again.already
    assert (again.proxy_pid, again.sidecar_pid) == (started.proxy_pid, started.sidecar_pid)
    assert again.plan.port == started.plan.port
    adopted = process_of(first, "sidecar")
    kill(adopted)  # adopted, so nobody's child: its end is noticed all the same
    wait_until(
        lambda: first.status().sidecar.state == "running" and pid_of(first, "sidecar") != again.sidecar_pid
    )


def test_a_supervisor_left_with_a_dead_envoy_starts_a_new_one_on_the_same_port(make_stack: MakeStack) -> None:
    stack = make_stack()
    started = stack.start()
    for name in ("supervisor", "envoy", "sidecar"):
        kill(process_of(stack, name))
    again = make_stack().start()
    assert (again.plan.port, again.plan.api_port) == (started.plan.port, started.plan.api_port)


def test_what_lost_its_pid_file_is_found_and_stopped(make_stack: MakeStack) -> None:
    stack = make_stack()
    started = stack.start()
    processes = {name: process_of(stack, name) for name in ("supervisor", "envoy", "sidecar")}
    for name in processes:
        stack.run.pid_file(name).unlink()
    assert stack.status().proxy.pid == started.proxy_pid
    assert stack.status().sidecar.pid == started.sidecar_pid
    assert set(stack.stop()) == set(processes)
    assert not any(process.is_running() for process in processes.values())
    assert not ports.accepts("127.0.0.1", started.plan.api_port)


def test_a_new_supervisor_makes_room_where_pid_files_were_lost(make_stack: MakeStack) -> None:
    stack = make_stack()
    started = stack.start()
    old = [process_of(stack, name) for name in ("envoy", "sidecar")]
    kill(process_of(stack, "supervisor"))
    for name in ("envoy", "sidecar"):
        stack.run.pid_file(name).unlink()
    again = make_stack().start()
    assert (again.plan.port, again.plan.api_port) == (started.plan.port, started.plan.api_port)
    assert not any(process.is_running() for process in old)
    assert stack.status().sidecar.state == "running"


def test_a_pid_file_that_could_not_be_written_is_written_later(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.start()
    old = process_of(stack, "sidecar")
    in_the_way = stack.run.pid_file("sidecar")
    in_the_way.unlink()
    in_the_way.mkdir()
    kill(old)
    wait_until(lambda: is_back(stack, old))
    in_the_way.rmdir()
    wait_until(in_the_way.is_file)
    assert pid_of(stack, "sidecar") == stack.status().sidecar.pid


def test_another_program_on_the_port_is_not_taken_for_the_sidecar(
    make_stack: MakeStack, tmp_path: Path
) -> None:
    stack = make_stack()
    plan = stack.start().plan
    fail = tmp_path / "data" / "fail"
    fail.write_text("Not now.")
    kill(process_of(stack, "sidecar"))
    failures = stack.run.failure_file("sidecar")
    wait_until(failures.exists)
    with squatter(plan.api_port):
        fail.unlink()
        wait_until(lambda: "in use" in failures.read_text())
        assert stack.status().sidecar.state != "running"
        with pytest.raises(
            ClauditorError,
            match=rf"nothing is recorded: port {plan.api_port} is used by .+ \(pid {os.getpid()}\); stop that",
        ):
            stack.start()
        starts = stack.run.log("supervisor").read_text().count("started sidecar")
        assert starts < 8  # slowed down, as none of them was ready
    wait_until(lambda: stack.status().sidecar.state == "running", 35)


def test_a_start_finds_a_frozen_sidecar_and_says_so(make_stack: MakeStack) -> None:
    started = make_stack().start()
    os.kill(started.sidecar_pid, signal.SIGSTOP)
    with pytest.raises(
        ClauditorError, match=rf"sidecar runs \(pid {started.sidecar_pid}\), but does not answer; .* kill -9 "
    ):
        make_stack().start()


def test_a_long_access_log_is_put_aside_before_envoy_starts(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.run.prepare()
    stack.run.access_log.write_bytes(b"x" * (LOG_LIMIT_BYTES + 1))
    started = stack.start()
    assert status_code(started.plan.proxy_url) == 503
    wait_until(lambda: 0 < stack.run.access_log.stat().st_size < 10_000)
    assert (stack.run.path / "access.log.1").stat().st_size > LOG_LIMIT_BYTES


def test_a_stopped_sidecar_is_replaced_by_a_new_supervisor(make_stack: MakeStack) -> None:
    stack = make_stack()
    started = stack.start()
    kill(process_of(stack, "supervisor"))
    os.kill(started.sidecar_pid, signal.SIGSTOP)
    again = make_stack().start()
    assert again.sidecar_pid != started.sidecar_pid
    assert again.proxy_pid == started.proxy_pid


def test_status_of_hanging_programs_is_quick_and_says_unhealthy(make_stack: MakeStack) -> None:
    stack = make_stack()
    started = stack.start()
    for pid in (started.proxy_pid, started.sidecar_pid):
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    found = stack.status()
    assert time.monotonic() - began < 1.0
    assert (found.proxy.state, found.sidecar.state) == ("unhealthy", "unhealthy")


def test_an_envoy_of_another_configuration_is_replaced_without_cutting_its_request(
    make_stack: MakeStack,
) -> None:
    release = threading.Event()
    with slow_upstream(release) as slow, slow_upstream(release) as other:
        stack = make_stack(f"http://127.0.0.1:{slow}")
        started = stack.start()
        client = socket.create_connection(("127.0.0.1", started.plan.port))
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: b"first" in client.recv(65536))
        kill(process_of(stack, "supervisor"))

        again = make_stack(f"http://127.0.0.1:{other}").start()
        assert again.proxy_pid != started.proxy_pid
        assert again.plan.port == started.plan.port
        old = Process.of(started.proxy_pid)
        assert old is not None
        release.set()
        assert b"last" in client.recv(65536)
        client.close()
        assert old.wait(20)
        assert stack.status().proxy.state == "running"


def test_the_stack_ends_with_its_caller_however_that_ended(make_stack: MakeStack, tmp_path: Path) -> None:
    code = (
        "import sys; from clauditor.config import load_settings; from clauditor.proxy.stack import Stack\n"
        f"settings = load_settings(dict(data_dir={str(tmp_path / 'data')!r}, port=0, api_port=0,"
        " upstream='http://127.0.0.1:1'), {})\n"
        f"Stack(settings, sidecar={SIDECAR!r}, ends_with_caller=True).start()\n"
        "print('up', flush=True); sys.stdin.read()"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert caller.stdout is not None
    assert caller.stdout.readline() == b"up\n"
    stack = make_stack()
    assert stack.status().anything_runs
    caller.kill()
    caller.communicate()
    wait_until(lambda: not stack.status().anything_runs)
    wait_until(lambda: not stack.run.pid_file("supervisor").exists())


def test_starts_that_fail_back_off_and_leave_the_proxy(make_stack: MakeStack, tmp_path: Path) -> None:
    stack = make_stack()
    stack.run.prepare()
    fail = tmp_path / "data" / "fail"
    fail.write_text("clauditor: The database is upside down.")
    with pytest.raises(ClauditorError, match=r"the sidecar does not start \(The database is upside down\)"):
        stack.start()
    assert stack.proxy_is_ours()
    assert stack.status().sidecar.state == "starting"
    began = time.monotonic()
    wait_until(lambda: len(stack.run.failure_file("sidecar").read_text().splitlines()) > 4)
    assert time.monotonic() - began > 0.9  # 0.25, 0.5, 1, ... s apart
    fail.unlink()
    wait_until(lambda: stack.status().sidecar.state == "running")


def test_a_sidecar_that_never_answers_is_given_up_in_time(make_stack: MakeStack, tmp_path: Path) -> None:
    stack = make_stack()
    stack.run.prepare()
    (tmp_path / "data" / "hang").touch()
    with pytest.raises(ClauditorError, match="it does not answer"):
        stack.start(timeout_seconds=1.0)
    assert stack.status().sidecar.state == "starting"
    assert stack.proxy_is_ours()


def test_a_port_that_was_asked_for_and_is_busy_is_an_error_that_names_its_owner(
    make_stack: MakeStack,
) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(
            ClauditorError, match=rf"Port {port} is used by .+ \(pid {os.getpid()}\); stop it, or"
        ):
            make_stack(port=port).start()
        with pytest.raises(ClauditorError, match="choose another one with --api-port"):
            make_stack(api_port=port).start()


def test_a_busy_port_that_nobody_asked_for_gives_way_and_that_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        usual = busy.getsockname()[1]
        flags = {"data_dir": str(tmp_path / "data"), "api_port": 0, "upstream": "http://127.0.0.1:1"}
        settings = dataclasses.replace(load_settings(flags, {}), port=usual)  # as if it were the default
        stack = Stack(settings, environ={}, sidecar=SIDECAR, ends_with_caller=True)
        started = stack.start()
        assert started.plan.port > usual
        assert re.fullmatch(
            rf"Port {usual} is used by .+ \(pid {os.getpid()}\)\. Taking {started.plan.port}\.",
            started.notes[0],
        )
        stack.stop()
    assert stack.start().plan.port == started.plan.port  # kept, although the usual one is free again
    stack.stop()


def test_a_listener_that_shares_its_port_is_seen_as_busy() -> None:
    with socket.socket() as sharing:
        sharing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sharing.bind(("127.0.0.1", 0))
        sharing.listen()
        assert not ports.is_free("127.0.0.1", sharing.getsockname()[1])


def test_a_long_data_directory_gets_a_short_place_for_its_sockets(
    make_stack: MakeStack, tmp_path: Path
) -> None:
    stack = make_stack(data_dir=str(tmp_path / ("long" * 30) / "with 100% #1?"))
    started = stack.start()
    assert status_code(started.plan.proxy_url) == 503
    assert stack.run.sockets.parent == Path("/tmp")
    assert stack.run.sockets.stat().st_mode & 0o777 == 0o700
    stack.stop()
    assert not stack.run.sockets.exists()


def test_no_key_of_the_callers_environment_reaches_what_stays_running(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-canary")
    stack = make_stack()
    stack.start()
    for name in ("supervisor", "envoy", "sidecar"):
        assert b"canary" not in Path(f"/proc/{pid_of(stack, name)}/environ").read_bytes()


def test_what_stays_running_holds_none_of_the_callers_descriptors(
    make_stack: MakeStack, tmp_path: Path
) -> None:
    with (tmp_path / "mine").open("w") as mine:
        os.set_inheritable(mine.fileno(), True)
        stack = make_stack()
        stack.start()
        for name in ("supervisor", "envoy", "sidecar"):
            held = {str(path.readlink()) for path in Path(f"/proc/{pid_of(stack, name)}/fd").iterdir()}
            assert mine.name not in held
            assert not any(target.startswith(("pipe:", "/dev/pts")) for target in held if name != "envoy")


@contextlib.contextmanager
def squatter(port: int) -> Iterator[None]:
    """Another program, this one, that answers 200 to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Stay quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
