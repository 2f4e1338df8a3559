"""Asks the sidecar: what the command line and the screen know of sessions comes through here.

Every failure is a ClauditorError with its remedy. The token is read anew for each question, so that one that was
rotated is no matter, and sent only to who may have it (`peer`). Questions use the standard library's HTTP, which is loaded
in a moment; only the asynchronous stream imports httpx (0.1 s).
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from clauditor.errors import ClauditorError
from clauditor.frames import Frames, StreamEvent, json_object
from clauditor.place import NOT_RUNNING, Credential, Place, credential, own_url
from clauditor.text import clean

TIMEOUT_SECONDS: Final = 5.0  # a person waits for the answer
RESTART_SECONDS: Final = 5.0  # how long a listing waits for a sidecar that is being restarted
SILENCE_SECONDS: Final = 12.0  # heartbeats come every 5 s

_PAUSE_SECONDS: Final = 0.1
_CHUNK_BYTES: Final = 1 << 16

T = TypeVar("T")


def connect(settings: Place, url: str | None = None, *, retry_seconds: float = 0.0) -> SidecarClient:
    """A client for the sidecar of these settings; nothing is asked yet.

    `url` names another one, which may have a token of its own. `retry_seconds` (RESTART_SECONDS for listings): how long a
    question is asked again while nothing answers. Raises ClauditorError if there is no token, or `url` is no address.
    """
    lets_in = credential(settings, url)
    lets_in.token()  # at once, if there is none
    return SidecarClient(
        url or own_url(settings),
        lets_in,
        unreachable=NOT_RUNNING if url is None else f"Nothing answers at {clean(url)}; check --url.",
        retry_seconds=retry_seconds,
    )


class SidecarClient:
    """Questions to one sidecar; each opens a connection of its own. Raises ClauditorError only."""

    def __init__(
        self, url: str, lets_in: Credential, *, unreachable: str, retry_seconds: float = 0.0
    ) -> None:
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port
            if parts.scheme not in {"http", "https"} or not self._host:
                raise ValueError  # noqa: TRY301 - one sentence for every way to be no address
        except ValueError:
            raise ClauditorError(f'"{clean(url)}" is no address like http://127.0.0.1:9091.') from None
        self.url = url.rstrip("/")
        self._base_path = parts.path.rstrip("/")
        self._is_https = parts.scheme == "https"
        self._lets_in = lets_in
        self._unreachable = unreachable
        self._retry_seconds = retry_seconds

    def sessions(
        self,
        *,
        limit: int | None = None,
        days: int | None = None,
        state: str | None = None,
        search: str | None = None,
    ) -> list[dict[str, Any]]:
        """Snapshots of live and past sessions, newest activity first."""
        asked = {"limit": limit, "days": days, "state": state, "search": search}
        sessions = self.ask("/api/v1/sessions", asked).get("sessions")
        return sessions if isinstance(sessions, list) else []

    def spend(self, *, by: str | None = None, days: int | None = None) -> dict[str, Any]:
        """What was spent on the last local days: `rows` and their `total`."""
        return self.ask("/api/v1/spend", {"by": by, "days": days})

    def session(self, session_id: str) -> dict[str, Any]:
        """One session by its id or the unique beginning of it."""
        return self.ask(_path(session_id))

    def turns(self, session_id: str, *, limit: int | None = None) -> list[dict[str, Any]]:
        """The newest turns of a session, oldest first."""
        turns = self.ask(_path(session_id, "/turns"), {"limit": limit}).get("turns")
        return turns if isinstance(turns, list) else []

    def postmortem(self, session_id: str) -> dict[str, Any]:
        """The report on a session by its id or the unique beginning of it."""
        return self.ask(_path(session_id, "/postmortem"))

    def mute(self, session_id: str, muted: bool) -> None:
        """Let a session ask for no attention until its signals clear (an hour at most), or let it ask again."""
        self.post(_path(session_id, "/mute"), {"muted": muted})

    def page_url(self) -> str:
        """The web page's address, with a code that is good once, for a minute."""
        return f"{self.url}/#code={self.post('/api/v1/page/code', {}).get('code', '')}"

    def summary(self) -> dict[str, Any]:
        return self.ask("/api/v1/summary")

    def gaps(self, *, limit: int | None = None, days: int | None = None) -> dict[str, Any]:
        return self.ask("/api/v1/gaps", {"limit": limit, "days": days})

    def ask(self, path: str, query: Mapping[str, object] | None = None) -> dict[str, Any]:
        """The JSON object at `path`; asked again for `retry_seconds` while nothing answers."""
        return self._patiently(lambda: self._ask_once(path, query or {}))

    def stream(
        self,
        session: str | None = None,
        *,
        last_event_id: str | None = None,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> Iterator[StreamEvent]:
        """Live events until the sidecar ends them; the first is a full snapshot, or what `last_event_id` missed.

        Raises ClauditorError when nothing, not even a heartbeat, comes for `silence_seconds`.
        """
        path, headers = self._stream_request(session, last_event_id)
        connection, response = self._patiently(lambda: self._opened(path, headers, silence_seconds))
        with closing(connection):
            if response.status != http.HTTPStatus.OK:
                raise self._refusal(response.status, response.read())
            frames = Frames()
            while True:
                try:
                    chunk = response.read1(_CHUNK_BYTES)
                except TimeoutError as error:
                    raise self._silent() from error
                except (OSError, http.client.HTTPException):
                    return  # cut off: the sidecar was killed
                if not chunk:
                    return
                yield from frames.feed(chunk)

    async def astream(
        self,
        session: str | None = None,
        *,
        last_event_id: str | None = None,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> AsyncIterator[StreamEvent]:
        """`stream` for an event loop."""
        import httpx  # noqa: PLC0415 - slow to load, and only the screen needs it

        async def look(event: str, info: Mapping[str, Any]) -> None:
            if event == "connection.connect_tcp.complete":
                self._look_at(info["return_value"].get_extra_info("socket"))

        path, headers = self._stream_request(session, last_event_id)
        timeout = httpx.Timeout(TIMEOUT_SECONDS, read=silence_seconds)
        url = httpx.URL(self.url).copy_with(raw_path=(self._base_path + path).encode())
        frames = Frames()
        try:
            async with (
                httpx.AsyncClient(trust_env=False, timeout=timeout) as client,
                client.stream("GET", url, headers=headers, extensions={"trace": look}) as response,
            ):
                if response.status_code != http.HTTPStatus.OK:
                    raise self._refusal(response.status_code, await response.aread())
                try:
                    async for chunk in response.aiter_raw():
                        for event in frames.feed(chunk):
                            yield event
                except httpx.ReadTimeout as error:
                    raise self._silent() from error
                except httpx.TransportError:
                    return  # cut off: the sidecar was killed
        except httpx.TransportError as error:
            raise ClauditorError(self._unreachable) from error

    def _patiently(self, attempt: Callable[[], T]) -> T:
        """What `attempt` returns, tried again for `retry_seconds` while nothing answers."""
        give_up_at = time.monotonic() + self._retry_seconds
        while True:
            try:
                return attempt()
            except _UnreachableError as error:
                if time.monotonic() >= give_up_at:
                    raise ClauditorError(self._unreachable) from error
                time.sleep(_PAUSE_SECONDS)

    def _opened(
        self, path: str, headers: Mapping[str, str], timeout_seconds: float, body: bytes | None = None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """A connection with the head of its answer; the caller closes it. With a `body` it is a POST."""
        connection_type = http.client.HTTPSConnection if self._is_https else http.client.HTTPConnection
        connection = connection_type(self._host, self._port, timeout=timeout_seconds)
        try:
            connection.connect()
            self._look_at(connection.sock)
            connection.request(
                "GET" if body is None else "POST", self._base_path + path, body=body, headers=dict(headers)
            )
            return connection, connection.getresponse()
        except ClauditorError:
            connection.close()
            raise
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            connection.close()
            raise self._failure(error) from error

    def _look_at(self, connection: socket.socket) -> None:
        """Raises ClauditorError before a stranger is told anything."""
        if not self._lets_in.may_be_told(connection):
            connection.shutdown(socket.SHUT_RDWR)
            raise ClauditorError(
                f"Another user's program listens at {self.url}, and was told nothing; "
                "take another port: clauditor up --api-port 0"
            )

    def _failure(self, error: Exception) -> Exception:
        """What an error of the connection means."""
        match error:
            case TimeoutError():
                return self._silent()
            case ConnectionError() | http.client.IncompleteRead():
                return _UnreachableError()
            case _:
                return ClauditorError(f"Cannot ask {clean(self.url)} ({error}); check --url.")

    def _exchange(
        self,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> tuple[int, bytes]:
        """Status and body of one whole answer."""
        connection, response = self._opened(path, headers, timeout_seconds, body)
        with closing(connection):
            try:
                return response.status, response.read()
            except (OSError, http.client.HTTPException) as error:
                raise self._failure(error) from error

    def _ask_once(self, path: str, query: Mapping[str, object]) -> dict[str, Any]:
        given = urlencode({name: value for name, value in query.items() if value is not None})
        where = f"{path}?{given}" if given else path
        status, body = self._exchange(where, self._headers())
        if status != http.HTTPStatus.OK:
            raise self._refusal(status, body)
        answer = json_object(body)
        if answer is None:
            raise self._stranger()
        return answer

    def post(
        self, path: str, value: Mapping[str, object], timeout_seconds: float = TIMEOUT_SECONDS
    ) -> dict[str, Any]:
        """Send one JSON object; the object that is answered, empty where nothing is said but that it was accepted."""

        def send() -> dict[str, Any]:
            headers = self._headers() | {"Content-Type": "application/json"}
            status, body = self._exchange(path, headers, json.dumps(value).encode(), timeout_seconds)
            if status not in {http.HTTPStatus.OK, http.HTTPStatus.NO_CONTENT}:
                raise self._refusal(status, body)
            return json_object(body) or {}

        return self._patiently(send)

    def _stream_request(self, session: str | None, last_event_id: str | None) -> tuple[str, dict[str, str]]:
        path = "/api/v1/stream" + ("" if session is None else "?" + urlencode({"session": session}))
        resume = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        return path, self._headers() | {"Accept": "text/event-stream"} | resume

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._lets_in.token()}", "Accept": "application/json"}

    def _refusal(self, status: int, body: bytes) -> ClauditorError:
        """What an error answer means for the person."""
        if status == http.HTTPStatus.UNAUTHORIZED:
            return ClauditorError(
                f"The Clauditor at {self.url} has another token; give its data directory with --data-dir."
            )
        error = (json_object(body) or {}).get("error")
        message = error.get("message") if isinstance(error, dict) else None
        return ClauditorError(clean(message)) if isinstance(message, str) else self._stranger()

    def _silent(self) -> ClauditorError:
        return ClauditorError(f"The Clauditor at {self.url} does not answer; see: clauditor status")

    def _stranger(self) -> ClauditorError:
        return ClauditorError(f"What answers at {self.url} is not Clauditor; see: clauditor status")


def _path(session_id: str, part: str = "") -> str:
    return f"/api/v1/sessions/{quote(session_id, safe='')}{part}"


class _UnreachableError(Exception):
    """Nothing answers; it may in a moment."""
