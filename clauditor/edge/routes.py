"""From the table of endpoints to routes: parameters and bodies are checked before a handler sees them.

A POST says `application/json` (no form of a web page can, which is one lock more against foreign pages) and
carries one JSON object, no larger than its endpoint takes and sent within `BODY_SECONDS`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from clauditor.edge.endpoints import JSON, BadParameterError, Endpoint
from clauditor.edge.problems import problem

BODY_SECONDS: Final = 5.0

Handler = Callable[[Request, Any], Awaitable[Response]]
"""Gets the request with its checked query parameters (GET), or with the object (or bytes) in its body (POST)."""


class _Refused(Exception):  # noqa: N818 - an answer, not a program's error
    def __init__(self, status: int, code: str, message: str) -> None:
        self.answer = problem(status, code, message)


def route(endpoint: Endpoint, handler: Handler) -> Route:
    """The route of one endpoint. A GET answers HEAD as well."""

    async def read(request: Request) -> Response:
        return await handler(request, endpoint.parse(request.query_params.multi_items()))

    async def take(request: Request) -> Response:
        endpoint.parse(request.query_params.multi_items())  # it takes none
        try:
            body = await _body(request, endpoint.max_body_bytes)
        except _Refused as refused:
            return refused.answer
        return await handler(request, body if endpoint.is_raw else _json_object(body))

    return Route(endpoint.path, read if endpoint.method == "GET" else take, methods=[endpoint.method])


async def _body(request: Request, max_bytes: int) -> bytes:
    """The JSON that was sent. Raises _Refused."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise _Refused(415, "json_required", f"Send the body as Content-Type: {JSON}.")
    declared = request.headers.get("content-length", "0")  # decimal, or h11 would have refused it
    body = bytearray()
    try:
        if int(declared) > max_bytes:
            raise _too_large(max_bytes)
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
    except TimeoutError:
        raise _Refused(408, "too_slow", "The body did not arrive in time.") from None
    except ClientDisconnect as error:
        raise HTTPException(400, "The body broke off.") from error  # nobody reads it
    return bytes(body)


def _too_large(max_bytes: int) -> _Refused:
    return _Refused(413, "too_large", f"A body must not exceed {max_bytes} bytes.")


def _json_object(body: bytes) -> dict[str, Any]:
    """The object in a body. Raises BadParameterError."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadParameterError("The body must be one JSON object.")
    return value
