"""The post-mortem of one session, over the live screen: the same report that `clauditor postmortem` prints."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from clauditor.errors import ClauditorError
from clauditor.ui.top.live import Sidecar
from clauditor.ui.top.page import Page
from clauditor.ui.views.document import document_lines
from clauditor.ui.views.postmortem import postmortem_document
from clauditor.ui.views.segments import Line, Segment, line
from clauditor.ui.views.session import SessionView


class ReportScreen(Page):
    """Read once, when it is opened."""

    def __init__(self, session: SessionView, zone: tzinfo, sidecar: Sidecar) -> None:
        super().__init__()
        self._session = session
        self._zone = zone
        self._sidecar = sidecar
        self._answer: Mapping[str, Any] | None = None
        self._said = "reading ..."

    def head_lines(self, width: int) -> Sequence[Line]:  # noqa: ARG002 - the document has its own title
        return []

    def body_lines(self, width: int) -> Sequence[Line]:
        if self._answer is None:
            return [line(Segment(f" {self._said}", "dim"))]
        return document_lines(postmortem_document(self._answer, self._zone), width - 1)

    def on_mount(self) -> None:
        self.run_worker(self._read(), name="report")

    async def _read(self) -> None:
        try:
            self._answer = await asyncio.to_thread(self._sidecar.postmortem, self._session.session_id)
        except ClauditorError as error:
            self._said = str(error)
        self.show_lines()
