"""Who may ask: the checks every HTTP request passes before any route sees it.

A page in the user's browser is the likeliest stranger on loopback. Three independent locks keep it out: a
list of `Host` names (DNS rebinding), a same-origin or absent `Origin` with `Sec-Fetch-Site` (RFC 6454, Fetch
Metadata; cross-site requests), and a bearer token (RFC 6750) on everything that holds data.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Callable, Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clauditor.edge.page_key import page_key
from clauditor.edge.problems import problem

log = logging.getLogger(__name__)

LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
PAGE_TREE: Final = "/api/v1/page/"

_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?")
_READING: Final = frozenset({"GET", "HEAD"})
_START: Final = "/"  # the page itself: other sites may link to it, and it holds no data
TYING_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)


class Guard:
    """ASGI middleware: Host, then origin, then token; every answer leaves with headers that tie pages down.

    `token` is asked for each request; when it tells another one, bodies that still come are not waited for, and
    `token_changed` is called, which ends what else the old one has opened. `public`: exact paths that need no token; `public_trees`: the same for everything below a path. The web
    page's own key opens what lies below `PAGE_TREE` and nothing else.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: Callable[[], str],
        token_changed: Callable[[], None] = lambda: None,
        allowed_hosts: Sequence[str] = (),
        public: Sequence[str] = ("/healthz", _START, "/api/v1/page/key"),
        public_trees: Sequence[str] = ("/static/",),
    ) -> None:
        self.app = app
        self._read_token = token
        self._token_changed = token_changed
        self._take_up(token())
        self._hosts = LOOPBACK_HOSTS | {_bracketed(host) for host in allowed_hosts}
        self._public = frozenset(public)
        self._public_trees = tuple(public_trees)

    def look(self) -> None:
        """Take over a token that was replaced; also to be called now and then, for streams while nobody asks."""
        token = self._read_token()
        if token != self._text:
            self._take_up(token)
            log.info("another token is taken over")
            self._token_changed()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_tied(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in TYING_HEADERS if name not in present),
                ]
            await send(message)

        self.look()
        opened_with = self._text

        async def receive_while_good() -> Message:
            message = await receive()
            return message if self._text == opened_with else {"type": "http.disconnect"}

        refusal = self._refusal(scope["method"], scope["path"], Headers(scope=scope))
        await (refusal or self.app)(scope, receive_while_good, send_tied)

    def _take_up(self, token: str) -> None:
        self._text = token
        self._token = token.encode("ascii")
        self._page_key = page_key(token).encode("ascii")

    def _refusal(self, method: str, path: str, headers: Headers) -> JSONResponse | None:
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
        is_linked = path == _START and method in _READING
        if not is_linked and not set(headers.getlist("sec-fetch-site")) <= {"none", "same-origin"}:
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
