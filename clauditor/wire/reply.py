"""The answer to a call that was understood: its bytes in, the events of its end out.

The state machine is short: head, body, over. Whatever ends the answer, the call gets exactly one end:
`AttemptFinished` or `AttemptFailed` for a turn, `SideCallFinished` or `Compacted` for the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from clauditor.model.events import (
    AttemptFailed,
    AttemptFinished,
    Compacted,
    Event,
    FailureKind,
    LimitedBy,
    Progress,
    ResponseStarted,
    SideCallFinished,
)
from clauditor.wire.anthropic import errors
from clauditor.wire.anthropic.limits import limited_by, limits_seen
from clauditor.wire.anthropic.request import Call
from clauditor.wire.anthropic.response import Answer
from clauditor.wire.bounds import Limits
from clauditor.wire.content_encoding import BodyDecoder
from clauditor.wire.identity import Secrets, account_digest, identifier
from clauditor.wire.problems import Problems
from clauditor.wire.sse import SseParser

_Mode = Literal["none", "stream", "whole", "error", "proxy", "counted"]


_ANSWER_HEADERS: Final = frozenset(
    {":status", "content-type", "content-encoding", "request-id", "retry-after", "retry-after-ms"}
)


def is_answer_header(name: str) -> bool:
    """Whether an answer's header, by its lower-case name, is read here."""
    return name in _ANSWER_HEADERS or name.startswith("anthropic-")


class Reply:
    """The answer to one call."""

    def __init__(self, call: Call, *, secrets: Secrets, limits: Limits, problems: Problems) -> None:
        self.is_over = False
        self._call = call
        self._is_turn = call.kind.call == "turn"
        self._secrets = secrets
        self._limits = limits
        self._problems = problems
        self._mode: _Mode = "none"
        self._status: int | None = None
        self._request_id: str | None = None
        self._retry_after_seconds: float | None = None
        self._limited_by: LimitedBy | None = None
        self._decoder = BodyDecoder("", total_bytes=0, call_bytes=0)
        self._sse = SseParser(line_bytes=limits.line_bytes)
        self._wire_bytes = 0
        self._is_flooded = False
        self._body = bytearray()
        self._body_is_whole = True
        self._flowed_at: float | None = None
        self._answer = Answer(requested_model=call.model, secrets=secrets, limits=limits, problems=problems)

    def head(
        self, headers: dict[str, str], *, status: int, end: bool, at: float, local_reply: bool
    ) -> list[Event]:
        """The answer's head came (a final one, not 1xx)."""
        if self.is_over:
            return []
        self._status = status
        self._request_id = identifier(headers.get("request-id"))
        self._retry_after_seconds = errors.retry_after_seconds(headers, at)
        self._limited_by = limited_by(headers, status)
        self._mode = self._choose_mode(headers, status, local_reply=local_reply)
        self._decoder = BodyDecoder(
            headers.get("content-encoding", ""),
            total_bytes=self._limits.response_bytes,
            call_bytes=self._limits.response_bytes_per_call,
        )
        origin = self._call.origin
        account = account_digest(self._secrets, headers.get("anthropic-organization-id"))
        events: list[Event] = []
        if self._is_turn:
            events.append(
                ResponseStarted(at=at, status=status, request_id=self._request_id, account=account, **origin)
            )
        limits = limits_seen(headers, account=account or self._call.account, origin=origin, at=at)
        if limits is not None:
            events.append(limits)
        return events + (self.finish(at) if end else [])

    def body(self, data: bytes, *, end: bool, at: float) -> list[Event]:
        """The next bytes of the answer. The hot path: mostly returns nothing."""
        if self.is_over:
            return []
        self._flowed_at = at
        self._wire_bytes += len(data)
        events: list[Event] = []
        pieces = (data,) if self._decoder.is_identity else self._decoder.decode(data)
        if self._mode == "stream":
            self._read_stream(pieces, events, at)
        else:
            self._keep(pieces)
        if self._answer.is_over:
            return events + self._end(at)
        return events + self.finish(at) if end else events

    def progress(self) -> list[Event]:
        """That bytes of a turn's answer came since this was last asked, and when the last ones did."""
        at, self._flowed_at = self._flowed_at, None
        if at is None or self.is_over or not self._is_turn:
            return []
        return [Progress(at=at, output_bytes=self._answer.output_bytes, **self._call.origin)]

    def finish(self, at: float) -> list[Event]:
        """The answer ended as HTTP has it."""
        if self.is_over:
            return []
        events: list[Event] = []
        if self._mode == "whole" and self._body_is_whole:
            found = self._answer.on_whole(self._body, self._call.origin, at)
            events = found if self._is_turn else []
        self._note_losses()
        return events + self._end(at)

    def cut(self, at: float) -> list[Event]:
        """The copy ended without the end of the answer: somebody went away."""
        if self.is_over:
            return []
        self._note_losses()
        return self._end(at, is_cut=True)

    def _choose_mode(self, headers: dict[str, str], status: int, *, local_reply: bool) -> _Mode:
        content_type = headers.get("content-type", "").lower()
        if local_reply:
            return "proxy"
        if not 200 <= status < 300:
            return "error"
        if self._call.kind.name == "count_tokens":
            return "counted"
        if "event-stream" in content_type or (self._call.is_stream and "json" not in content_type):
            return "stream"
        return "whole"

    def _read_stream(self, pieces: Iterable[bytes], events: list[Event], at: float) -> None:
        answer, origin = self._answer, self._call.origin
        if self._is_flooded:
            return
        for piece in pieces:
            for name, data in self._sse.feed(piece):
                found = answer.on_event(name, data, origin, at)
                if found and self._is_turn:
                    events += found
                if self._problems.are_waiting:  # told in their place, wherever the bytes were cut
                    events += self._problems.take(origin, at)
                if answer.is_over:
                    return
            if self._has_too_many_events():
                self._is_flooded = True
                return

    def _has_too_many_events(self) -> bool:
        """Whether its events are so many, or so senseless, that reading them would take the time of others."""
        limits = self._limits
        if (
            self._sse.lines <= limits.free_lines + self._wire_bytes // limits.bytes_per_line
            and self._problems.count <= limits.unreadable_events
        ):
            return False
        self._problems.reach("events")
        return True

    def _keep(self, pieces: Iterable[bytes]) -> None:
        most = self._limits.json_answer_bytes if self._mode == "whole" else self._limits.error_bytes
        for piece in pieces:
            if not self._body_is_whole or self._mode in ("counted", "proxy"):
                return
            if len(self._body) + len(piece) > most:
                self._body_is_whole = False
                self._body.clear()
                self._problems.reach("answer")
            else:
                self._body += piece

    def _note_losses(self) -> None:
        if self._decoder.stopped is not None:
            self._problems.stopped("response", self._decoder.stopped)
        if self._sse.is_skipping:
            self._problems.reach("line")

    def _end(self, at: float, *, is_cut: bool = False) -> list[Event]:
        self.is_over = True
        call, answer = self._call, self._answer
        is_complete = answer.is_complete or (self._mode == "counted" and not is_cut)
        usage = answer.usage
        error_type = answer.error_type
        if answer.is_complete and not answer.has_final_usage:
            self._problems.lose("usage_not_final")
        if self._mode == "error":
            error_type = errors.error_type(self._body)
        self._body.clear()
        if call.kind.call == "side":
            return [
                SideCallFinished(
                    at=at,
                    name=call.kind.name,
                    started_at=call.started_at,
                    identity=call.identity,
                    client=call.client,
                    model=answer.model or call.model,
                    usage=usage,
                    complete=is_complete,
                    status=self._status,
                    **call.origin,
                )
            ]
        if call.kind.call == "compaction":
            return [
                Compacted(
                    at=at,
                    model=answer.model or call.model,
                    started_at=call.started_at,
                    trigger=call.kind.trigger,
                    usage=usage,
                    complete=is_complete,
                    status=self._status,
                    **call.origin,
                )
            ]
        if is_complete:
            return [
                AttemptFinished(
                    at=at,
                    model=answer.model or call.model,
                    usage=usage,
                    stop_reason=answer.stop_reason,
                    message_id=answer.message_id,
                    request_id=self._request_id,
                    cache_miss_reason=answer.cache_miss_reason,
                    context_edited=answer.context_edited,
                    **call.origin,
                )
            ]
        return [
            AttemptFailed(
                at=at,
                kind=self._failure(is_cut=is_cut),
                status=self._status or None,
                error_type=error_type,
                model=answer.model,
                usage=usage,
                request_id=self._request_id,
                retry_after_seconds=self._retry_after_seconds,
                limited_by=self._limited_by,
                **call.origin,
            )
        ]

    def _failure(self, *, is_cut: bool) -> FailureKind:
        if self._mode == "proxy":
            return "proxy"
        if self._mode == "error":
            return "http"
        if self._answer.error_type is not None:
            return "stream"
        if is_cut:
            return "aborted"
        # An answer that came whole but could not be read says nothing about the upstream.
        is_whole = self._body_is_whole and not self._is_flooded and not self._decoder.stopped
        return "stream" if is_whole else "proxy"
