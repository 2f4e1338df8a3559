"""Who may ask: the token file, and the checks every HTTP request passes before any route sees it.

A page in the user's browser is the likeliest stranger on loopback. Three independent locks keep it out: a
list of `Host` names (DNS rebinding), a same-origin or absent `Origin` with `Sec-Fetch-Site` (RFC 6454, Fetch
Metadata; cross-site requests), and a bearer token (RFC 6750) on everything that holds data.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clauditor.edge.page_key import page_key
from clauditor.edge.problems import problem
from clauditor.errors import ClauditorError

LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
PAGE_TREE: Final = "/api/v1/page/"
MIN_TOKEN_LENGTH: Final = 16
MAX_TOKEN_LENGTH: Final = 4096

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?")
_PAGE_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)


def load_or_create_token(path: Path, *, may_create: bool = True) -> str:
    """The token in `path`, made on first use (0600, complete from the first moment it has that name).

    `may_create` is False for a file that somebody else keeps (CLAUDITOR_TOKEN_FILE). Raises ClauditorError.
    """
    with suppress(FileNotFoundError):
        return _read_token(path, ours=may_create)
    if not may_create:
        raise ClauditorError(
            f"The token file {path} does not exist; write a secret of at least 16 letters to it."
        )
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(
            fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
            with suppress(FileExistsError):  # another process was first: its token is the one
                os.link(fresh, path)
        finally:
            fresh.unlink()
    except OSError as error:
        raise ClauditorError(f"Cannot write the token file {path}: {error.strerror}.") from error
    return _read_token(path, ours=True)


def _read_token(path: Path, *, ours: bool) -> str:
    """Raises FileNotFoundError, or ClauditorError for a file that cannot serve."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (os.O_NOFOLLOW if ours else 0))
        with os.fdopen(descriptor, encoding="utf-8") as file:
            if ours and os.fstat(descriptor).st_mode & 0o077:
                os.fchmod(descriptor, 0o600)
            token = file.read(MAX_TOKEN_LENGTH + 1).strip()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ClauditorError(
            f"Cannot read the token file {path} ({why}); name another with --token-file."
        ) from error
    if not MIN_TOKEN_LENGTH <= len(token) <= MAX_TOKEN_LENGTH or not re.fullmatch(r"[!-~]+", token):
        raise ClauditorError(f"{path} holds no token; remove it and run clauditor down, then clauditor up.")
    return token


class Guard:
    """ASGI middleware: Host, then origin, then token; every answer leaves with headers that tie pages down.

    `public`: exact paths that need no token; `public_trees`: the same for everything below a path. The web page's own
    key opens what lies below `PAGE_TREE` and nothing else.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        allowed_hosts: Sequence[str] = (),
        public: Sequence[str] = ("/healthz", "/", "/api/v1/page/key"),
        public_trees: Sequence[str] = ("/static/",),
    ) -> None:
        self._app = app
        self._token = token.encode("ascii")
        self._page_key = page_key(token).encode("ascii")
        self._hosts = LOOPBACK_HOSTS | {_bracketed(host) for host in allowed_hosts}
        self._public = frozenset(public)
        self._public_trees = tuple(public_trees)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_tied(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in _PAGE_HEADERS if name not in present),
                ]
            await send(message)

        refusal = self._refusal(scope["path"], Headers(scope=scope))
        await (refusal or self._app)(scope, receive, send_tied)

    def _refusal(self, path: str, headers: Headers) -> JSONResponse | None:
        is_public = path in self._public or path.startswith(self._public_trees)
        hosts = headers.getlist("host")
        match = _HOST.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
        if match is None or match[1] not in self._hosts:
            return problem(
                421, "host_not_allowed", "This host name is not served here; use http://127.0.0.1."
            )
        origins = headers.getlist("origin")
        if origins and (len(origins) > 1 or not _is_same_origin(origins[0], hosts[0])):
            return problem(403, "origin_not_allowed", "Requests from other web pages are refused.")
        if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"} and not is_public:
            return problem(403, "origin_not_allowed", "Requests from other web pages are refused.")
        if is_public:
            return None
        given = headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        offered = token.encode("latin-1")
        is_page = hmac.compare_digest(offered, self._page_key) and path.startswith(PAGE_TREE)
        if not (hmac.compare_digest(offered, self._token) or is_page) or scheme.lower() != "bearer":
            refusal = problem(
                401, "token_required", "Send the token of this Clauditor: Authorization: Bearer <token>."
            )
            refusal.headers["www-authenticate"] = 'Bearer realm="clauditor"'
            return refusal
        return None


def _is_same_origin(origin: str, host: str) -> bool:
    scheme, separator, authority = origin.lower().partition("://")
    return bool(separator) and scheme in {"http", "https"} and authority == host.lower()


def _bracketed(host: str) -> str:
    """An allowed host as it stands in a Host header."""
    name = host.lower()
    return f"[{name}]" if ":" in name and not name.startswith("[") else name
