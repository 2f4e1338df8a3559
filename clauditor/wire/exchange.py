"""One HTTP exchange: copies of its bytes in, events out. A state machine without clock or IO.

Follows the Messages API as `wire.anthropic` reads it, and lists of models. Whatever comes, nothing is raised, and
each `AttemptStarted` gets exactly one `AttemptFinished` or `AttemptFailed`.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Final, Literal

from clauditor.model.events import MAIN_AGENT, Event
from clauditor.wire.anthropic.models import ModelsAnswer, asks_for_models
from clauditor.wire.anthropic.request import REQUEST_HEADERS, endpoint, read_request
from clauditor.wire.bounds import Limits
from clauditor.wire.content_encoding import BodyDecoder
from clauditor.wire.identity import Origin, Secrets, identifier, pick_headers
from clauditor.wire.problems import Problems
from clauditor.wire.reply import Reply, is_answer_header

__all__ = ["PROGRESS_SECONDS", "Exchange", "Limits", "Secrets"]

PROGRESS_SECONDS: Final = 0.25  # four a second: as often as screens are told

_DEFAULT_LIMITS = Limits()
_UTF8_SLICE_BYTES = 1 << 20  # a millisecond of work
_MAX_EARLY_STEPS = 10_000  # chunks of an answer that waits for its request
_AnyReply = Reply | ModelsAnswer
_Step = Callable[[_AnyReply], list[Event]]


class Exchange:
    """One request and its answer.

    Call the methods in the order of the bytes, and `closed` whenever the copy ends: it says nothing more
    if all was said. `at` is in Unix seconds. An iterator from `request_body` is to be exhausted; each
    None in it is a place to let others run.

    `request_bytes` and `response_bytes` count body bytes as they came over the wire. `partial` holds
    constant words for what was not seen or not understood; it is empty if everything was.
    """

    def __init__(self, exchange_id: str, *, secrets: Secrets, limits: Limits = _DEFAULT_LIMITS) -> None:
        self.exchange_id = exchange_id
        self.request_bytes = 0
        self.response_bytes = 0
        self.status: int | None = None
        self.partial: list[str] = []
        self._secrets = secrets
        self._limits = limits
        self._problems = Problems(limits.malformed, self.partial)
        self._origin = Origin(session_id="", agent_id=MAIN_AGENT, exchange_id=exchange_id)
        self._headers: dict[str, str] = {}
        self._is_watched = False
        self._decoder = BodyDecoder("", total_bytes=0, call_bytes=0)
        self._request = bytearray()
        self._request_state: Literal["open", "reading", "read"] = "open"
        self._reply: _AnyReply | None = None
        self._early: list[_Step] = []  # of an answer that came before its request was read
        self._early_at: float | None = None
        self._early_bytes = 0
        self._response_is_over = False
        self._is_closed = False

    @property
    def session_id(self) -> str | None:
        """The session, as soon as it is known: from the headers, else once the request was understood."""
        return self._origin["session_id"] or None

    @property
    def is_watched(self) -> bool:
        """Whether the exchange is a call of the Messages API, of which nothing may get lost."""
        return self._is_watched

    @property
    def is_finished(self) -> bool:
        """Whether no more event can come."""
        if self._is_closed:
            return True
        return self._response_is_over and (self._request_state == "read" or not self._is_watched)

    def request_headers(self, headers: Sequence[tuple[str, str]], *, end: bool, at: float) -> list[Event]:
        """The request's head, pseudo-headers included; `end`: it has no body."""
        self._headers = pick_headers(headers, REQUEST_HEADERS.__contains__, self._problems.reach)
        self._is_watched = endpoint(self._headers) is not None
        self._origin["session_id"] = identifier(self._headers.get("x-claude-code-session-id")) or ""
        self._origin["agent_id"] = identifier(self._headers.get("x-claude-code-agent-id")) or MAIN_AGENT
        if asks_for_models(self._headers):
            self._origin["session_id"] = ""
            self._reply = ModelsAnswer(self.exchange_id, limits=self._limits, problems=self._problems)
        self._decoder = BodyDecoder(
            self._headers.get("content-encoding", ""),
            total_bytes=self._limits.request_bytes,
            call_bytes=self._limits.request_bytes,
        )
        return [event for event in self._read_request(at) if event is not None] if end else []

    def request_body(self, data: bytes, *, end: bool, at: float) -> Iterator[Event | None]:
        """The next bytes of the request; at its end it is read, in slices of a few milliseconds."""
        self.request_bytes += len(data)
        if not self._is_watched or self._is_closed or self._request_state != "open":
            return
        for piece in (data,) if self._decoder.is_identity else self._decoder.decode(data):
            if len(self._request) + len(piece) > self._limits.request_bytes:
                self._decoder.stopped = "limit"
            if self._decoder.stopped is not None:
                self._request = bytearray()
                break
            self._request += piece
        if end:
            yield from self._read_request(at)

    def response_headers(
        self, headers: Sequence[tuple[str, str]], *, end: bool, at: float, local_reply: bool = False
    ) -> list[Event]:
        """The answer's head; `local_reply`: the proxy itself answers, the upstream did not."""
        picked = pick_headers(headers, is_answer_header, self._problems.reach)
        text = picked.get(":status", "")
        status = int(text) if len(text) == 3 and text.isascii() and text.isdigit() else 0
        if 100 <= status < 200:
            return []
        self.status = status
        return self._answer(
            lambda reply: reply.head(picked, status=status, end=end, at=at, local_reply=local_reply),
            end=end,
            at=at,
        )

    def response_body(self, data: bytes, *, end: bool, at: float) -> list[Event]:
        """The next bytes of the answer: the hot path."""
        self.response_bytes += len(data)
        if self._reply is not None and not end:
            return self._reply.body(data, end=False, at=at) + self._problems.take(self._origin, at)
        if self._reply is None and self._is_watched:
            self._early_bytes += len(data)
            if self._early_bytes > self._limits.early_response_bytes:
                self._problems.reach("early_answer")
                data = b""
        return self._answer(lambda reply: reply.body(data, end=end, at=at), end=end, at=at)

    def progress(self) -> list[Event]:
        """`Progress`, if bytes of the answer came since this was last asked: every PROGRESS_SECONDS, say."""
        return self._reply.progress() if isinstance(self._reply, Reply) else []

    def response_trailers(self, *, at: float) -> list[Event]:
        """Trailers end the answer."""
        return self._answer(lambda reply: reply.finish(at), end=True, at=at)

    def closed(self, *, at: float) -> list[Event]:
        """No more bytes will come. An answer that had not ended was aborted."""
        if self._is_closed:
            return []
        events: list[Event] = []
        if self._request_state == "open" and self._early:
            # Answered before the request was whole (a 413 is): what came of it may still be readable.
            events += [event for event in self._read_request(at) if event is not None]
        self._is_closed = True
        if self._reply is not None:
            events += self._reply.cut(at)
        self._request = bytearray()
        self._early.clear()
        return events + self._problems.take(self._origin, at)

    def _answer(self, step: _Step, *, end: bool, at: float) -> list[Event]:
        """Takes the step now, or once the request was read."""
        self._response_is_over = self._response_is_over or end
        if self._is_closed:
            return []
        if self._reply is not None:
            return step(self._reply) + self._problems.take(self._origin, at)
        if self._is_watched and self._request_state != "read" and len(self._early) < _MAX_EARLY_STEPS:
            self._early_at = at if self._early_at is None else self._early_at
            self._early.append(step)
        return []

    def _read_request(self, at: float) -> Iterator[Event | None]:
        if not self._is_watched or self._is_closed or self._request_state != "open":
            return
        self._request_state = "reading"
        data, self._request = self._request, bytearray()
        call = None
        if self._decoder.stopped is not None:
            self._problems.stopped("request", self._decoder.stopped)
        else:
            is_utf8 = yield from _is_utf8(data)
            call = yield from read_request(
                data,
                self._headers,
                at=at if self._early_at is None else min(at, self._early_at),
                exchange_id=self._origin["exchange_id"],
                sent_bytes=self.request_bytes,
                secrets=self._secrets,
                limits=self._limits,
                problems=self._problems,
            )
            if call is None and not self._problems.has_limit:
                self._problems.add("request", "unreadable")
                self._problems.lose("request_unreadable")
            elif call is not None and not is_utf8:
                self._problems.add("request", "not_utf8")
        self._request_state = "read"
        if call is not None:
            self._origin = call.origin
            yield from call.events
            self._reply = Reply(
                call,
                secrets=self._secrets,
                limits=self._limits,
                problems=self._problems,
            )
            for step in self._early:
                yield from step(self._reply)
        self._early.clear()
        yield from self._problems.take(self._origin, at)


def _is_utf8(data: bytearray) -> Generator[None, None, bool]:
    """Whether text can be text. Where it is not, what can be read is read all the same."""
    if data.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _UTF8_SLICE_BYTES):
            decoder.decode(data[start : start + _UTF8_SLICE_BYTES])
            yield
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
