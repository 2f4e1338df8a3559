"""Who took a connection on this machine: nobody is told a token who could not have read it from its file.

While the sidecar is away any user of the machine may listen on its port. So a connection is made first, and then the
kernel is asked who holds its other end: between the look and the word it cannot change hands. Source: sock_diag(7),
which answers for one socket however many there are; a connection that was not accepted yet has no inode, and belongs
to whoever listens. Loaded by hooks, so it imports next to nothing.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from typing import Final, NamedTuple

LINUX: Final = sys.platform == "linux"
_ROOT: Final = 0  # reads every file anyway; forwards the ports of containers
_SOCK_DIAG, _BY_FAMILY, _REQUEST, _NLMSG_ERROR = 4, 20, 1, 2  # linux/netlink.h, linux/sock_diag.h
_ALL_STATES: Final = 0xFFFFFFFF
_ANSWER_SECONDS: Final = 0.05
_ANYWHERE: Final = ("", 0)


class _Socket(NamedTuple):
    user: int
    inode: int  # 0: no program holds it (yet)


def may_be_told(
    connection: socket.socket,
    token_file: str | os.PathLike[str] | None = None,
    lock: str | os.PathLike[str] | None = None,
) -> bool:
    """Whether the other end of a TCP connection may get the token: it is on another machine (which somebody named), or
    held by this user, by root or by the owner of `token_file`.

    Where the kernel does not say (not Linux; a port that root's rules lead elsewhere), our own sidecar must be
    alive: it holds `lock` then, and nobody else its port. Without a `lock` the address was named, and is believed.
    Raises OSError if the connection is gone.
    """
    here, there = connection.getsockname()[:2], connection.getpeername()[:2]
    if not _is_local(here[0], there[0]):
        return True
    holder = _holder(here, there) if LINUX else None
    if holder is None:
        return lock is None or _is_held(lock)
    return holder.inode != 0 and holder.user in {os.geteuid(), _ROOT, *_owner(token_file)}


def _is_local(here: str, there: str) -> bool:
    """Whether both ends are on this machine: a connection to an own address comes from the same one."""
    address = there.removeprefix("::ffff:")
    return here == there or address.startswith("127.") or address == "::1"


def _owner(path: str | os.PathLike[str] | None) -> tuple[int, ...]:
    try:
        return () if path is None else (os.stat(path).st_uid,)  # noqa: PTH116 - pathlib is slow to load
    except OSError:
        return ()


def _holder(here: tuple[str, int], there: tuple[str, int]) -> _Socket | None:
    """The other end, or who listens there if it was not accepted yet; None where the kernel does not say."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as kernel:
            kernel.settimeout(_ANSWER_SECONDS)
            accepted = _ask(kernel, there, here)
            return _ask(kernel, there, _ANYWHERE) if accepted is not None and not accepted.inode else accepted
    except (OSError, struct.error):
        return None


def _ask(kernel: socket.socket, near: tuple[str, int], far: tuple[str, int]) -> _Socket | None:
    """The TCP socket with these ends, or without a far one whoever listens at the near one; None if there is none."""
    near_address, far_address = near[0].removeprefix("::ffff:"), far[0].removeprefix("::ffff:")
    family = socket.AF_INET6 if ":" in near_address else socket.AF_INET
    ends = [
        socket.inet_pton(family, address.partition("%")[0]).ljust(16, b"\0") if address else bytes(16)
        for address in (near_address, far_address)
    ]
    ports = struct.pack("!HH", near[1], far[1])
    any_cookie = b"\xff" * 8
    request = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, _ALL_STATES)
    request += ports + ends[0] + ends[1] + bytes(4) + any_cookie
    kernel.send(struct.pack("=IHHII", 16 + len(request), _BY_FAMILY, _REQUEST, 1, 0) + request)
    answer = kernel.recv(4096)
    kind = struct.unpack_from("=H", answer, 4)[0]
    if kind == _NLMSG_ERROR:
        return None
    return _Socket(*struct.unpack_from("=II", answer, 16 + 4 + 48 + 12))


def _is_held(lock: str | os.PathLike[str]) -> bool:
    from pathlib import Path  # noqa: PLC0415 - only where the kernel does not say

    from clauditor.proxy.locks import holder  # noqa: PLC0415

    return holder(Path(lock)) is not None
