"""One question to the sidecar that cannot take long: a POST over a plain socket, all of it before a deadline.

Source: RFC 9112 (HTTP/1.1), as much of it as one request with `Connection: close` needs. The standard library's
client takes longer to load than the question takes.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from clauditor.hooks.place import Place
from clauditor.peer import may_be_told

HOOKS_PATH: Final = "/api/v1/hooks/claude-code"
STATUS_LINE_PATH: Final = "/api/v1/statusline"
_LIMIT_BYTES: Final = 1 << 20  # an answer has below 20 KB
_CHUNK_BYTES: Final = 1 << 16

Failure = Literal["away", "silent"]


class Target(NamedTuple):
    """Where to ask; `token_file` and `lock` say who may be told the token (`peer`)."""

    host: str
    port: int
    token: str
    token_file: str
    lock: str | None = None
    base_path: str = ""
    is_tls: bool = False


def target(place: Place, url: str | None) -> Target | None:
    """The sidecar of this place, or the one that `url` names; None if there is no token, or no such address."""
    if place.token is None:
        return None
    if url is None:
        return Target(place.api_host, place.api_port, place.token, place.token_file, lock=place.sidecar_lock)
    from urllib.parse import urlsplit  # noqa: PLC0415 - only who gave an address needs it

    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return None
    path = parts.path.rstrip("/")
    if (
        not parts.hostname
        or not (parts.hostname + path).isascii()
        or not (path + "x").isprintable()
        or " " in path
    ):
        return None
    return Target(
        parts.hostname,
        port,
        place.token,
        place.token_file,
        base_path=path,
        is_tls=parts.scheme == "https",
    )


def post(to: Target, path: str, value: Mapping[str, Any], deadline: float) -> dict[str, Any] | Failure:
    """The object that was answered (empty for 204), `away` if nobody takes connections there, else `silent`: also where
    another user's program took it, which is told nothing.

    `deadline` is a point in time of `time.monotonic`. Never raises on what happens on the network.
    """
    family = socket.AF_INET6 if ":" in to.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as plain:
            plain.settimeout(_left(deadline))
            plain.connect((to.host, to.port))
            if not may_be_told(plain, to.token_file, to.lock):
                return "silent"
            connection = _encrypted(plain, to.host) if to.is_tls else plain
            connection.settimeout(_left(deadline))
            connection.sendall(_request(to, path, json.dumps(value).encode()))
            return _answer(_received(connection, deadline))
    except ConnectionRefusedError:
        return "away"
    except (OSError, ValueError, RecursionError):
        return "silent"


def _request(to: Target, path: str, body: bytes) -> bytes:
    host = f"[{to.host}]" if ":" in to.host else to.host
    return (
        f"POST {to.base_path}{path} HTTP/1.1\r\nHost: {host}:{to.port}\r\nAuthorization: Bearer {to.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode("ascii") + body


def _received(connection: socket.socket, deadline: float) -> bytes:
    """Everything until the other side closes. Raises OSError when time or space runs out."""
    data = bytearray()
    while len(data) <= _LIMIT_BYTES:
        connection.settimeout(_left(deadline))
        chunk = connection.recv(_CHUNK_BYTES)
        if not chunk:
            return bytes(data)
        data += chunk
    raise OSError("the answer is too long")


def _answer(data: bytes) -> dict[str, Any] | Failure:
    head, separator, body = data.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if not separator or not head.startswith(b"HTTP/1.") or status not in ([b"200"], [b"204"]):
        return "silent"
    value = json.loads(body) if body else {}
    return value if isinstance(value, dict) else "silent"


def _left(deadline: float) -> float:
    """Seconds until the deadline. Raises TimeoutError when it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _encrypted(connection: socket.socket, host: str) -> socket.socket:
    import ssl  # noqa: PLC0415 - only a remote sidecar needs it

    return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
