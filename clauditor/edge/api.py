"""The HTTP API: what each endpoint answers; docs/api.md is its contract.

Live sessions come from the hub, past ones from the history; where both know a session, the live one counts.
Nothing here blocks the loop: the history is asked on a thread, and snapshots are made in slices.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from clauditor.edge import endpoints, openapi
from clauditor.edge.auth import Guard
from clauditor.edge.encoding import to_json
from clauditor.edge.endpoints import BadParameterError, Endpoint
from clauditor.edge.feed import Feed
from clauditor.edge.hooks import Hooks
from clauditor.edge.listing import Wanted, list_sessions
from clauditor.edge.page import Page
from clauditor.edge.page_files import page_routes
from clauditor.edge.page_live import LivePage
from clauditor.edge.past import MIN_PREFIX, on_thread, resolve
from clauditor.edge.posts import Posts
from clauditor.edge.problems import bad_parameter, http_problem, no_history, problem
from clauditor.edge.purging import Purging, nothing_logged
from clauditor.edge.report import report
from clauditor.edge.routes import Handler, route
from clauditor.edge.sources import Kept, Live, Scrape
from clauditor.edge.summary import UNREAD, Sums
from clauditor.errors import HistoryError
from clauditor.ui.views.empty import Around

log = logging.getLogger(__name__)

SCHEMA_VERSION: Final = 1
RECENT_TURNS: Final = 20
DAY_SECONDS: Final = 86_400.0


def build_app(
    *,
    hub: Live,
    store: Kept,
    feed: Feed,
    metrics: Scrape,
    hooks: Hooks,
    token: Callable[[], str],
    allowed_hosts: Sequence[str],
    now: Callable[[], float],
    version: str,
    forget_log: Callable[[], Awaitable[bool]] = nothing_logged,
    around: Callable[[], Around] = Around,
) -> Guard:
    """The whole HTTP side as one ASGI application. `now` tells Unix seconds, `token` the secret as it is now;
    `forget_log` is for `Purging`, `around` for `LivePage`.
    """
    sums = Sums(hub=hub, store=store, now=now)
    answers = _Answers(hub=hub, store=store, sums=sums, feed=feed, metrics=metrics, now=now, version=version)
    posts = Posts(hub=hub, store=store, hooks=hooks, now=now)
    purging = Purging(hub=hub, store=store, feed=feed, forget_log=forget_log, now=now)
    live_page = LivePage(hub, now=now, spent=sums.headline, around=around)
    feed.follow(live_page)
    page = Page(hub=hub, store=store, sums=sums, live=live_page, token=token, now=now)
    handlers: dict[Endpoint, Handler] = {
        endpoints.HEALTH: answers.health,
        endpoints.METRICS: answers.metrics,
        endpoints.SESSIONS: answers.sessions,
        endpoints.SESSION: answers.session,
        endpoints.TURNS: answers.turns,
        endpoints.POSTMORTEM: answers.postmortem,
        endpoints.SUMMARY: answers.summary,
        endpoints.SIGNALS: answers.signals,
        endpoints.SPEND: answers.spend,
        endpoints.GAPS: answers.gaps,
        endpoints.STREAM: answers.stream,
        endpoints.OPENAPI: answers.openapi,
        endpoints.MUTE: posts.mute,
        endpoints.HOOKS: posts.hook,
        endpoints.STATUS_LINE: posts.status_line,
        endpoints.PURGE: purging.purge,
        endpoints.RESTORE: purging.restore,
        endpoints.PAGE_STREAM: page.stream,
        endpoints.PAGE_SESSIONS: page.sessions,
        endpoints.PAGE_SESSION: page.session,
        endpoints.PAGE_POSTMORTEM: page.postmortem,
        endpoints.PAGE_LIMITS: page.limits,
        endpoints.PAGE_MUTE: posts.mute,
        endpoints.PAGE_CODE: page.code,
        endpoints.PAGE_KEY: page.key,
    }

    app = Starlette(
        routes=[*(route(endpoint, handlers[endpoint]) for endpoint in endpoints.ENDPOINTS), *page_routes()],
        exception_handlers={
            BadParameterError: bad_parameter,
            HTTPException: http_problem,
            HistoryError: no_history,
            TimeoutError: no_history,
            Exception: answers.failed,
        },
    )
    app.router.redirect_slashes = False

    def token_changed() -> None:
        feed.close()
        page.token_changed()

    return Guard(app, token=token, token_changed=token_changed, allowed_hosts=allowed_hosts)


class _Answers:
    def __init__(
        self,
        *,
        hub: Live,
        store: Kept,
        sums: Sums,
        feed: Feed,
        metrics: Scrape,
        now: Callable[[], float],
        version: str,
    ) -> None:
        self._hub = hub
        self._store = store
        self._sums = sums
        self._feed = feed
        self._metrics = metrics
        self._now = now
        self._version = version

    async def health(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        return _json({"status": "ok", "version": self._version})

    async def metrics(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        return Response(await self._metrics.scrape(), media_type="text/plain; version=1.0.0; charset=utf-8")

    async def sessions(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        now = self._now()
        asked: dict[str, Any] = {name: value or None for name, value in query.items() if name != "days"}
        since = None if query["days"] is None else now - query["days"] * DAY_SECONDS
        found, trouble = await list_sessions(self._hub, self._store, Wanted(since=since, **asked), now)
        return _json({"schema_version": SCHEMA_VERSION, "sessions": found, "history_problem": trouble})

    async def session(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        session_id = await resolve(request.path_params["id"], self._hub, self._store)
        snapshot = self._hub.snapshot(session_id, self._now())
        side_calls = turns = None
        try:
            if snapshot is None:
                snapshot = await on_thread(lambda: self._store.history.session(session_id, self._now()))
            side_calls = await on_thread(lambda: self._store.calls.side_calls(session_id))
            turns = await on_thread(lambda: self._store.calls.turns(session_id, limit=RECENT_TURNS))
        except (HistoryError, TimeoutError) as error:
            if snapshot is None:
                raise
            log.warning("calls of a live session could not be read: %s", error)
        if snapshot is None:
            raise HTTPException(404, f"There is no session {session_id}.")
        more = {"side_calls_by_name": side_calls, "recent_turns": turns}
        return _json({"schema_version": SCHEMA_VERSION} | snapshot | more)

    async def turns(self, request: Request, query: dict[str, Any]) -> Response:
        session_id = await resolve(request.path_params["id"], self._hub, self._store)
        turns = await on_thread(lambda: self._store.calls.turns(session_id, limit=query["limit"]))
        return _json({"schema_version": SCHEMA_VERSION, "session_id": session_id, "turns": turns})

    async def postmortem(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        now = self._now()
        session_id = await resolve(request.path_params["id"], self._hub, self._store)
        snapshot = self._hub.snapshot(session_id, now)
        found = await on_thread(lambda: report(self._store, session_id, snapshot, now))
        if found is None:
            raise HTTPException(404, f"There is no session {session_id}.")
        return _json(found)

    async def summary(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        now = self._now()
        trouble = self._store.problem
        spent: dict[str, Any] = {"today": None, "week": None, "last_hour": None}
        limits: dict[str, dict[str, Any]] = {}
        try:
            spent = await on_thread(self._sums.spent)
            limits = await on_thread(self._store.history.limits)
        except (HistoryError, TimeoutError) as error:
            log.warning("spending could not be read: %s", error)
            trouble = trouble or UNREAD
        return _json(
            {
                "schema_version": SCHEMA_VERSION,
                "at": now,
                "live": self._hub.totals(now),
                **spent,
                "limits": self._sums.with_live_windows(limits),
                "history_problem": trouble,
            }
        )

    async def signals(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        now = self._now()
        session_id = await resolve(query["session"], self._hub, self._store) if query["session"] else None
        found = await on_thread(
            lambda: self._store.signals.signals(
                now=now,
                limit=query["limit"],
                since=0.0 if query["days"] is None else now - query["days"] * DAY_SECONDS,
                session_id=session_id,
                name=query["name"] or None,
                severity=query["severity"],
            )
        )
        return _json({"schema_version": SCHEMA_VERSION, "signals": found})

    async def spend(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        by, days = query["by"], query["days"]
        first = self._sums.first_day(days)
        table = await on_thread(lambda: self._store.spending.table(by, first.isoformat()))
        return _json({"schema_version": SCHEMA_VERSION, "by": by, "days": days} | table)

    async def gaps(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        since = 0.0 if query["days"] is None else self._now() - query["days"] * DAY_SECONDS
        history = self._store.history
        gaps = await on_thread(lambda: history.gaps(since=since, limit=query["limit"]))
        total = await on_thread(lambda: history.unobserved(since))
        return _json({"schema_version": SCHEMA_VERSION, "gaps": gaps, "total": total})

    async def stream(self, request: Request, query: dict[str, Any]) -> Response:
        if request.method == "HEAD":  # a stream has no end to wait for
            return Response(media_type=endpoints.STREAM.media_type)
        session_id = query["session"]
        if session_id is not None and session_id not in self._hub.sessions:
            matches = [key for key in self._hub.sessions if key.startswith(session_id)]
            is_one = len(session_id) >= MIN_PREFIX and len(matches) == 1
            session_id = matches[0] if is_one else session_id
        frames = self._feed.stream(session_id, request.headers.get("last-event-id"))
        return StreamingResponse(
            frames, media_type=endpoints.STREAM.media_type, headers={"x-accel-buffering": "no"}
        )

    async def openapi(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        return _json(openapi.description(self._version))

    async def failed(self, request: Request, error: Exception) -> Response:  # noqa: ARG002
        """An error of ours; Starlette raises it again for the server's log."""
        self._metrics.internal_error("api")
        return problem(500, "internal_error", "Clauditor failed to answer; its log says why.")


def _json(value: Any) -> Response:
    return Response(to_json(value), media_type="application/json")
