"""What clients and screens tell the sidecar over HTTP: hooks, and which session is to keep quiet."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from clauditor.edge.encoding import to_json
from clauditor.edge.endpoints import BadParameterError
from clauditor.edge.hooks import Hooks
from clauditor.edge.past import resolve
from clauditor.edge.problems import problem
from clauditor.edge.sources import Kept, Live
from clauditor.edge.statusline import session_of, statusline_answer


class Posts:
    """The handlers of POST endpoints. `now` tells Unix seconds."""

    def __init__(self, *, hub: Live, store: Kept, hooks: Hooks, now: Callable[[], float]) -> None:
        self._hub = hub
        self._store = store
        self._hooks = hooks
        self._now = now

    async def hook(self, request: Request, body: bytes) -> Response:  # noqa: ARG002
        status, sentence = self._hooks.answer(body, self._now())
        return Response(status_code=status) if sentence is None else problem(status, "bad_hook", sentence)

    async def status_line(self, request: Request, body: bytes) -> Response:
        now = self._now()
        refusal = await self.hook(request, body)
        if refusal.status_code != HTTPStatus.NO_CONTENT:
            return refusal
        session_id = session_of(body, now)
        if session_id is None:
            raise BadParameterError("The status line must name its session.")
        return Response(to_json(statusline_answer(self._hub, session_id, now)), media_type="application/json")

    async def mute(self, request: Request, body: dict[str, Any]) -> Response:
        is_muted = body.get("muted")
        if not isinstance(is_muted, bool):
            raise BadParameterError("muted must be true or false.")
        session_id = await resolve(request.path_params["id"], self._hub, self._store)
        if not self._hub.mute(session_id, self._now(), is_muted=is_muted):
            return problem(HTTPStatus.CONFLICT, "not_live", "Only a live session can be muted.")
        return Response(status_code=HTTPStatus.NO_CONTENT)
