"""What a client was told so far in one answer, and the ledger's record of it."""

from __future__ import annotations

from dataclasses import dataclass

from clauditor.demo.answer import Part
from clauditor.demo.ledger import Record, Tokens
from clauditor.demo.vendor import Delivery


@dataclass(slots=True, kw_only=True)
class Sent:
    """Grows while the parts go out. `size` counts body bytes on the wire."""

    tokens: Tokens | None = None
    beside: tuple[tuple[str, Tokens], ...] = ()
    stop_reason: str | None = None
    tool_uses: tuple[tuple[str, str], ...] = ()
    outcome: str = "complete"
    size: int = 0

    def note(self, part: Part) -> None:
        """The part is out: from now on the client knows what it says."""
        self.tokens = part.told or self.tokens
        self.beside = part.beside or self.beside
        self.stop_reason = part.stop_reason or self.stop_reason
        self.tool_uses += part.tool_uses

    def record(
        self, number: int, delivery: Delivery, digest: str, *, started_at: float, ended_at: float
    ) -> Record:
        """The exchange as it ended; `digest` is the SHA-256 of the body on the wire."""
        request, answer = delivery.request, delivery.answer
        return Record(
            sequence=number,
            session_id=request.session_id,
            agent_id=request.agent_id,
            kind=request.kind,
            method=request.method,
            path=request.path,
            requested_model=request.model,
            model=answer.model if answer is not None else request.model,
            stream=request.stream,
            status=delivery.status,
            outcome=self.outcome,
            complete=self.outcome == "complete",
            usage=self.tokens,
            thinking_tokens=answer.thinking_tokens if answer is not None and self.stop_reason else 0,
            stop_reason=self.stop_reason,
            tool_uses=self.tool_uses,
            message_id=answer.message_id if answer is not None else None,
            request_id=delivery.request_id,
            encoding=delivery.encoding,
            request_headers=request.headers,
            response_headers=delivery.headers,
            request_bytes=len(request.body),
            request_sha256=request.body_sha256,
            response_bytes=self.size,
            response_sha256=digest,
            started_at=started_at,
            ended_at=ended_at,
            beside=self.beside,
        )
