"""The newest attempts that failed for reasons outside the client and its request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from clauditor.model.events import AttemptFailed

_KEPT: Final = 32


@dataclass(slots=True, kw_only=True)
class Failure:
    """An attempt that the upstream, or the way to it, let fail. `status` None: connection or answer broke."""

    at: float
    status: int | None


@dataclass(slots=True, kw_only=True)
class Failures:
    newest: list[Failure] = field(default_factory=list)
    succeeded_at: float | None = None

    def add(self, event: AttemptFailed) -> None:
        """Other 4xx are about the request, and an abort is the client's own wish: neither counts."""
        status = event.status if event.kind == "http" else None
        if event.kind == "aborted" or (status is not None and status < 500 and status != 429):
            return
        self.newest.append(Failure(at=event.at, status=status))
        del self.newest[:-_KEPT]

    def since(self, at: float) -> list[Failure]:
        return [failure for failure in self.newest if failure.at >= at]

    def shift(self, seconds: float) -> None:
        for failure in self.newest:
            failure.at += seconds
        if self.succeeded_at is not None:
            self.succeeded_at += seconds
