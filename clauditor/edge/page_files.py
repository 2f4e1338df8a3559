"""The files of the web page: public, without any data, from a fixed list made at the start.

Content Security Policy Level 3 and Trusted Types: nothing but our own scripts, styles and requests, no page may frame
it, and no string ever becomes markup.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS: Final = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-frame-options": "DENY",
}
_START: Final = "index.html"


def page_routes() -> list[Route]:
    """`/` and `/static/{name}`."""
    held = _read()

    async def start(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
        return _answer(held, _START)

    async def static(request: Request) -> Response:
        return _answer(held, request.path_params["name"])

    return [Route("/", start, methods=["GET"]), Route("/static/{name}", static, methods=["GET"])]


def _read() -> dict[str, tuple[bytes, str]]:
    """Every file of the page by its name, with its media type."""
    found: dict[str, tuple[bytes, str]] = {}
    for file in files("clauditor.ui.web").iterdir():
        kind = _TYPES.get(f".{file.name.rpartition('.')[2]}")
        if kind is not None:
            found[file.name] = (file.read_bytes(), kind)
    return found


def _answer(held: dict[str, tuple[bytes, str]], name: str) -> Response:
    if name not in held:
        raise HTTPException(404)
    body, kind = held[name]
    return Response(body, headers=_HEADERS | {"content-type": kind})
