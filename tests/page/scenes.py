"""Sessions to look at: one asks, one is stuck, one waits."""

from __future__ import annotations

from clauditor.model.events import LabelFound
from support.served import Sidecar

ASK = {"hook_event_name": "PermissionRequest", "cwd": "/src", "tool_name": "Bash"}


def label(sidecar: Sidecar, session_id: str, text: str) -> None:
    sidecar.hub.publish(LabelFound(at=sidecar.now, session_id=session_id, label=text))


async def busy(sidecar: Sidecar) -> None:
    sidecar.life("wait0000").turn()
    sidecar.life("work0000").start(project="infra")
    asking = sidecar.life("asks0000")
    asking.answer(asking.start(project="docs"), tools=("t1",))
    await sidecar.client.post("/api/v1/hooks/claude-code", json=ASK | {"session_id": "asks0000"})
    sidecar.now += 20
    sidecar.feed.mark(sidecar.hub.tick(sidecar.now))
    label(sidecar, "asks0000", "rewrite the README")
    await sidecar.settle()
