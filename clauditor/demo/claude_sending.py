"""How a pretend client sends one call: attempts, waits, resends, and Esc.

Source: retry behaviour of the real client 2.1.330, measured (2026-11): waits of half a second that double,
up to 25 % jitter, ten retries; three overloads in a row are enough; an error event in a stream is followed
by the same call without streaming.
"""

from __future__ import annotations

import asyncio
import functools
import json
import random
import ssl
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from clauditor.demo.claude_head import THINKING_COUNT_BETA, headers
from clauditor.demo.claude_request import Conversation, Profile
from clauditor.demo.claude_stream import CutError, Message, StatusError, attempt

MAX_RETRIES: Final = 10
_RETRIED: Final = (408, 429, 500, 502, 503, 504, 529)
_LONGEST_WAIT_SECONDS: Final = 32.0
_LONGEST_RETRY_AFTER_SECONDS: Final = 60.0
_IDLE_SECONDS: Final = 300.0
_OVERLOADS: Final = 3


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Loaded once for all clients: each time takes some 40 ms."""
    return ssl.create_default_context()


class GaveUpError(Exception):
    """The client stopped retrying; `cause` is what it saw last."""

    def __init__(self, cause: StatusError | CutError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class InterruptedByUserError(Exception):
    """Esc was pressed; `message` is what had arrived."""

    def __init__(self, message: Message) -> None:
        super().__init__("interrupted by the user")
        self.message = message


@dataclass(slots=True, kw_only=True)
class Call:
    """One call and how its head is to look. `conversation` is None for side calls."""

    body: dict[str, Any]
    conversation: Conversation | None = None
    path: str = "/v1/messages"
    betas: Sequence[str] = ()
    without_beta: str | None = None
    request_class: str | None = None
    extra: Sequence[tuple[str, str]] = ()
    timeout_seconds: int | None = 600


class Sender:
    """Sends calls for one session; `speed` divides every wait, `transport` takes the network's place."""

    def __init__(
        self,
        base_url: str,
        profile: Profile,
        session_id: str,
        *,
        chance: random.Random,
        speed: float,
        retries: int,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._host = httpx.URL(base_url).netloc.decode()
        self._profile, self._session_id = profile, session_id
        self._dice, self._speed, self._retries = chance, speed, retries
        if transport is None:
            self._http = httpx.AsyncClient(trust_env=False, verify=_certificates())
        else:
            self._http = httpx.AsyncClient(transport=transport)
        self.escape = asyncio.Event()
        self.newest = Message()

    async def close(self) -> None:
        await self._http.aclose()

    async def wait(self, seconds: float) -> None:
        """Waits seconds of the play; Esc ends it with `InterruptedByUserError`."""
        if seconds > 0:
            await self._unless_escaped(asyncio.sleep(seconds / self._speed), Message())

    async def send(self, call: Call) -> Message:
        """Sends until a complete answer came; raises `GaveUpError` or `InterruptedByUserError`."""
        retries = overloads = 0
        while True:
            self.newest = message = Message()
            cause: StatusError | CutError
            try:
                await self._unless_escaped(attempt(self._http, self._request(call), message), message)
            except StatusError as error:
                overloads = overloads + 1 if error.status == 529 else 0
                if self._adapts(call, error, overloads):
                    await self.wait(0.015)
                    continue
                if error.status not in (200, *_RETRIED) or overloads >= _OVERLOADS:
                    raise GaveUpError(error) from error
                wait, cause = self._wait_after(error, retries), error
            except CutError as error:
                overloads, wait, cause = 0, self._backoff(retries), error
            else:
                return message
            retries += 1
            if retries > self._retries or wait > _LONGEST_RETRY_AFTER_SECONDS:
                raise GaveUpError(cause)
            await self.wait(wait)

    def _adapts(self, call: Call, error: StatusError, overloads: int) -> bool:
        """Changes the call where the client answers an error by another request, at once."""
        if call.body.get("stream") and error.status in (200, 404):
            call.body = {**call.body, "stream": False, "max_tokens": 64_000}
            call.timeout_seconds = 300
            return True
        if error.status == 400 and call.without_beta is None and "too long" not in error.message:
            call.without_beta = THINKING_COUNT_BETA
            return True
        fallback = self._profile.fallback_model
        if overloads >= _OVERLOADS and fallback not in (None, call.body["model"]):
            call.body = {**call.body, "model": fallback}
            return True
        return False

    def _wait_after(self, error: StatusError, retries: int) -> float:
        if error.retry_after_seconds is not None:
            return error.retry_after_seconds * (1 + self._dice.random() * 0.2)
        return self._backoff(retries)

    def _backoff(self, retries: int) -> float:
        return float(min(_LONGEST_WAIT_SECONDS, 0.5 * 2**retries) * (1 + self._dice.random() * 0.25))

    def _request(self, call: Call) -> httpx.Request:
        content = json.dumps(call.body, separators=(",", ":"), ensure_ascii=False).encode()
        head = headers(
            self._profile,
            self._session_id,
            self._host,
            content,
            call.conversation,
            timeout_seconds=call.timeout_seconds,
            betas=call.betas,
            without=call.without_beta,
            request_class=call.request_class,
            extra=call.extra,
        )
        timeout = httpx.Timeout(_IDLE_SECONDS / self._speed, connect=10.0, pool=None).as_dict()
        url = f"{self._base}{call.path}?beta=true"
        return httpx.Request("POST", url, headers=head, content=content, extensions={"timeout": timeout})

    async def _unless_escaped(self, work: Awaitable[None], message: Message) -> None:
        running = asyncio.ensure_future(work)
        escape = asyncio.ensure_future(self.escape.wait())
        try:
            await asyncio.wait((running, escape), return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
                return
            raise InterruptedByUserError(message)
        finally:
            escape.cancel()
            if not running.done():
                running.cancel()
                await asyncio.wait((running,))
