"""An upstream that vanishes without a word, as after sleep or when a VPN goes down; and names that come and go.

Needs root: packets are dropped by iptables, for one port of the loopback interface only; names stand in a hosts file
of the proxy's own mount namespace.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clauditor.proxy.envoy import Admin, Envoy, find_envoy

REQUEST = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
USER_TIMEOUT_SECONDS = 15.0


@contextlib.contextmanager
def black_hole(port: int) -> Iterator[None]:
    """Every packet to and from a loopback port is dropped, also those of open connections."""
    rules = [
        ["INPUT", "-i", "lo", "-p", "tcp", side, str(port), "-j", "DROP"] for side in ("--dport", "--sport")
    ]
    try:
        for rule in rules:
            subprocess.run(["iptables", "-w", "-I", *rule], check=True, capture_output=True)
        yield
    finally:
        for rule in rules:
            subprocess.run(["iptables", "-w", "-D", *rule], check=False, capture_output=True)


def can_drop_packets() -> bool:
    if os.getuid() != 0 or shutil.which("iptables") is None:
        return False
    return (
        subprocess.run(["iptables", "-w", "-L", "INPUT", "-n"], check=False, capture_output=True).returncode
        == 0
    )


def can_have_its_own_hosts_file() -> bool:
    if os.getuid() != 0 or shutil.which("unshare") is None:
        return False
    trial = ["unshare", "--mount", "mount", "--bind", "/etc/hosts", "/etc/hosts"]
    return subprocess.run(trial, check=False, capture_output=True).returncode == 0


async def status(port: int, seconds: float) -> int:
    """What a new connection is answered."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(REQUEST)
            return int((await reader.readuntil(b"\r\n")).split()[1])
        finally:
            writer.close()


async def status_becomes(port: int, wanted: int, seconds: float) -> float:
    """Ask again and again; the seconds until the answer is as wanted."""
    began = time.monotonic()
    while await status(port, seconds) != wanted:
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.05)
    return time.monotonic() - began


@pytest.mark.skipif(not can_drop_packets(), reason="needs root and iptables")
async def test_a_request_on_a_dead_pooled_connection_fails_in_time_and_the_next_one_passes(
    upstream: Any, start_proxy: Any
) -> None:
    proxy = start_proxy(f"http://127.0.0.1:{upstream.port}")
    # One client connection stays with one worker of Envoy, and so with the upstream connection pooled there.
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(REQUEST)
    assert b" 200 " in await reader.readuntil(b"\r\n")
    assert (await reader.readuntil(b"\r\n\r\nok")).endswith(b"ok")
    pooled = Admin(proxy.run.admin_socket).figures(["cluster.upstream.upstream_cx_total"])
    with black_hole(upstream.port):
        began = time.monotonic()
        writer.write(REQUEST)
        async with asyncio.timeout(USER_TIMEOUT_SECONDS + 10):
            assert b" 503 " in await reader.readuntil(b"\r\n")  # which a client tries again
        waited = time.monotonic() - began
    assert Admin(proxy.run.admin_socket).figures(["cluster.upstream.upstream_cx_total"]) == pooled
    writer.close()
    print(f"503 after {waited:.1f} s")  # noqa: T201 - the figure
    assert USER_TIMEOUT_SECONDS - 1 < waited < USER_TIMEOUT_SECONDS + 5
    assert await status_becomes(proxy.port, 200, 5) < 2


@pytest.mark.skipif(not can_have_its_own_hosts_file(), reason="needs root and unshare")
async def test_names_that_come_and_go_while_it_runs(upstream: Any, start_proxy: Any, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    program = tmp_path / "envoy"
    real = find_envoy(None)
    program.write_text(
        f'#!/bin/sh\nexec unshare --mount sh -c \'mount --bind {hosts} /etc/hosts && exec {real.path} "$@"\' x "$@"\n'
    )
    program.chmod(0o755)
    proxy = start_proxy(f"http://upstream.test:{upstream.port}", envoy=Envoy(program, real.version))
    assert await status(proxy.port, 5) == 503  # offline at the start, and it serves all the same
    hosts.write_text("127.0.0.1 localhost\n127.0.0.1 upstream.test\n")
    took = await status_becomes(proxy.port, 200, 15)
    print(f"a new name is known after {took:.1f} s")  # noqa: T201 - the figure
    hosts.write_text("127.0.0.1 localhost\n")
    began = time.monotonic()
    while time.monotonic() - began < 3:
        assert await status(proxy.port, 5) == 200  # a name server that is away takes nothing from anybody
