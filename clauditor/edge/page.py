"""What the web page asks: the live table, one session, history, a post-mortem, limits; and how it is let in.

Everything it shows leaves here as words, made by the same pure views as the terminal's screen.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta, timezone
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from clauditor.edge import endpoints
from clauditor.edge.encoding import to_json
from clauditor.edge.endpoints import BadParameterError
from clauditor.edge.listing import Wanted, list_sessions
from clauditor.edge.page_key import CODE_SECONDS, Codes, page_key
from clauditor.edge.page_live import LivePage, PagesFullError
from clauditor.edge.past import on_thread, resolve
from clauditor.edge.problems import problem
from clauditor.edge.report import report
from clauditor.edge.sources import Kept, Live
from clauditor.edge.summary import UNREAD, Sums
from clauditor.errors import HistoryError
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.find import parse_query
from clauditor.ui.views.postmortem import postmortem_document
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.views.story import TabName
from clauditor.ui.views.table import VIEW_SORT
from clauditor.ui.views.turns import Calls, side_calls, turn_views
from clauditor.ui.views.web import Choices
from clauditor.ui.views.web_pages import document_json, history_json, limits_page_json
from clauditor.ui.views.web_session import session_json

DAY_SECONDS: Final = 86_400.0
SPENT_DAYS: Final = 14
_TURNS: Final = 300  # as many calls as a tab lists


class Page:
    """The page's handlers. `now` tells Unix seconds."""

    def __init__(
        self,
        *,
        hub: Live,
        store: Kept,
        sums: Sums,
        live: LivePage,
        token: Callable[[], str],
        now: Callable[[], float],
    ) -> None:
        self._hub = hub
        self._store = store
        self._live = live
        self._token = token
        self._codes = Codes()
        self._now = now
        self._sums = sums

    # -- the door --------------------------------------------------------------------------------------

    def token_changed(self) -> None:
        """Codes that the old token made open nothing."""
        self._codes = Codes()

    async def code(self, request: Request, body: dict[str, Any]) -> Response:  # noqa: ARG002
        return _json({"code": self._codes.issue(self._now()), "seconds": CODE_SECONDS})

    async def key(self, request: Request, body: dict[str, Any]) -> Response:  # noqa: ARG002
        given = body.get("code")
        if not isinstance(given, str):
            raise BadParameterError("code must be the text that clauditor web made.")
        if not self._codes.redeem(given, self._now()):
            return problem(
                HTTPStatus.FORBIDDEN,
                "code_not_good",
                "This address was opened before, or is too old; run clauditor web again.",
            )
        return _json({"key": page_key(self._token())})

    # -- what it shows ---------------------------------------------------------------------------------

    async def stream(self, request: Request, query: dict[str, Any]) -> Response:
        kind = endpoints.PAGE_STREAM.media_type
        if request.method == "HEAD":  # a stream has no end to wait for
            return Response(media_type=kind)
        view = query["view"]
        choices = Choices(
            view=view,
            sort=query["sort"] or VIEW_SORT[view],
            query=parse_query(query["find"] or ""),
            unfold=query["unfold"] == 1,
        )
        try:
            frames = self._live.stream(choices, query["zone"])
        except PagesFullError:
            return problem(503, "too_many_readers", "Too many pages are open; close one.")
        return StreamingResponse(frames, media_type=kind, headers={"x-accel-buffering": "no"})

    async def session(self, request: Request, query: dict[str, Any]) -> Response:
        now, tab = self._now(), query["tab"]
        session_id = await resolve(request.path_params["id"], self._hub, self._store)
        live = self._hub.snapshot(session_id, now)
        shown = await on_thread(lambda: self._shown(session_id, live, tab, _scene(now, query["zone"])))
        if shown is None:
            raise HTTPException(404, f"There is no session {session_id}.")
        return _json(shown | {"is_live": live is not None})

    async def postmortem(self, request: Request, query: dict[str, Any]) -> Response:
        now = self._now()
        session_id = await resolve(request.path_params["id"], self._hub, self._store)
        live, zone = self._hub.snapshot(session_id, now), _scene(now, query["zone"]).zone
        found = await on_thread(lambda: report(self._store, session_id, live, now))
        if found is None:
            raise HTTPException(404, f"There is no session {session_id}.")
        return _json(document_json(postmortem_document(found, zone)))

    async def sessions(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        now = self._now()
        wanted = Wanted(
            limit=query["limit"],
            since=None if query["days"] is None else now - query["days"] * DAY_SECONDS,
            state=None,
            search=query["search"] or None,
            project=None,
            model=None,
            verdict=None,
            signal=None,
            sort="activity",
        )
        found, trouble = await list_sessions(self._hub, self._store, wanted, now)
        views = [session_view(shot) for shot in found]
        estimated = all(view.estimated for view in views)
        return _json(history_json(views, trouble, _scene(now, query["zone"], estimated=estimated)))

    async def limits(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        scene, trouble = _scene(self._now(), query["zone"]), self._store.problem
        accounts: dict[str, Any] = {}
        spent: dict[str, Any] = {}
        first = self._sums.first_day(SPENT_DAYS)
        try:
            accounts = await on_thread(self._sums.limits)
            spent = await on_thread(lambda: self._store.spending.table("day", first.isoformat()))
        except (HistoryError, TimeoutError):
            trouble = trouble or UNREAD
        return _json(limits_page_json(accounts, spent, scene, trouble))

    # ------------------------------------------------------------------------------------------------

    def _shown(
        self, session_id: str, live: dict[str, Any] | None, tab: TabName, scene: Scene
    ) -> dict[str, Any] | None:
        """Blocks. A live session is shown also where its calls cannot be read."""
        calls: Calls | None = None
        snapshot = live
        try:
            snapshot = live or self._store.history.session(session_id, scene.now)
            turns = self._store.calls.turns(session_id, limit=_TURNS)
            beside = {"side_calls_by_name": self._store.calls.side_calls(session_id)}
            calls = Calls(turns=turn_views(turns), side_calls=side_calls(beside))
        except HistoryError:
            if snapshot is None:
                raise
        return None if snapshot is None else session_json(session_view(snapshot), calls, tab, scene)


def _scene(now: float, zone_minutes: int, *, estimated: bool = True) -> Scene:
    zone = timezone(timedelta(minutes=zone_minutes)) if zone_minutes else UTC
    return Scene(now=now, zone=zone, all_estimated=estimated)


def _json(value: Any) -> Response:
    return Response(to_json(value), media_type="application/json")
