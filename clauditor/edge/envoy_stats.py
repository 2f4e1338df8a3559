"""Envoy's own counters: the witness of what the proxy did that does not hang on what we saw.

Source: Envoy 1.40, statistics of the connection manager, of external processing and of clusters, read through the
admin interface when somebody asks for metrics. Envoy counts from its own start.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final

_HTTP: Final = "http.clauditor"
_SIDECAR: Final = "cluster.sidecar"
_UPSTREAM: Final = "cluster.upstream"

EVENTS: Final[Mapping[str, str]] = {
    f"{_HTTP}.ext_proc.failure_mode_allowed": "failed_open",
    f"{_HTTP}.ext_proc.streams_failed": "copy_failed",
    f"{_SIDECAR}.upstream_rq_pending_overflow": "copy_overflow",
    f"{_SIDECAR}.upstream_rq_active_overflow": "copy_overflow",
    f"{_SIDECAR}.upstream_flow_control_backed_up_total": "copy_backed_up",
    f"{_SIDECAR}.http2.keepalive_timeout": "sidecar_silent",
    f"{_SIDECAR}.upstream_cx_connect_fail": "sidecar_unreachable",
    f"{_HTTP}.downstream_cx_destroy_remote_active_rq": "client_abort",
    f"{_UPSTREAM}.upstream_cx_destroy_remote_with_active_rq": "upstream_break",
    f"{_UPSTREAM}.upstream_cx_connect_fail": "upstream_unreachable",
    f"{_UPSTREAM}.upstream_rq_pending_overflow": "upstream_overflow",
    f"{_UPSTREAM}.upstream_rq_active_overflow": "upstream_overflow",
}
"""What Envoy counts, and our word for it."""

CONNECTIONS: Final[Mapping[str, str]] = {
    f"{_HTTP}.downstream_cx_active": "client",
    f"{_UPSTREAM}.upstream_cx_active": "upstream",
    f"{_SIDECAR}.upstream_cx_active": "sidecar",
}
"""Open connections, and to whom."""

MEMORY: Final[Mapping[str, str]] = {
    "server.memory_allocated": "allocated",
    "server.memory_physical_size": "physical",
}
"""Bytes, and what of them."""

_UPTIME: Final = "server.uptime"  # seconds


class EnvoyStats:
    """The newest figures; `read` asks Envoy for them by name, blocks, and answers with what it got."""

    def __init__(self, read: Callable[[Collection[str]], Mapping[str, int]]) -> None:
        self.events: Mapping[str, int] = {}
        self.connections: Mapping[str, int] = {}
        self.memory: Mapping[str, int] = {}
        self.uptime: Mapping[tuple[str, ...], int] = {}
        self._read = read
        self._is_reading = False

    @property
    def is_up(self) -> bool:
        """Whether Envoy answered when it was last asked."""
        return bool(self.connections)

    async def refresh(self) -> None:
        """Read once; the figures stay as they were while another read is under way. What is not told (no Envoy) is not
        known, and not zero.
        """
        if self._is_reading:
            return
        self._is_reading = True
        try:
            figures = await asyncio.to_thread(self._read, (*EVENTS, *CONNECTIONS, *MEMORY, _UPTIME))
        finally:
            self._is_reading = False
        self.events = _by_word(EVENTS, figures)
        self.connections = _by_word(CONNECTIONS, figures)
        self.memory = _by_word(MEMORY, figures)
        self.uptime = {(): figures[_UPTIME]} if _UPTIME in figures else {}


def _by_word(words: Mapping[str, str], figures: Mapping[str, int]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for name, word in words.items():
        if name in figures:
            found[word] += figures[name]
    return found
