"""The hooks of the pretend clients: what a client's hook command would hand to the sidecar, handed over here."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

import httpx

log = logging.getLogger(__name__)

_SECONDS: Final = 2.0


class HookPost:
    """Posts hook inputs to a sidecar's API; never raises, because a hook must not disturb its client."""

    def __init__(self, api_url: str, token_file: Path) -> None:
        self._http = httpx.AsyncClient(base_url=api_url, trust_env=False, timeout=_SECONDS)
        self._token_file = token_file

    async def __call__(self, hook: dict[str, Any]) -> None:
        try:
            token = self._token_file.read_text(encoding="ascii").strip()
            answer = await self._http.post(
                "/api/v1/hooks/claude-code", json=hook, headers={"Authorization": f"Bearer {token}"}
            )
            answer.raise_for_status()
        except (OSError, ValueError, httpx.HTTPError):
            log.debug("the sidecar took no %s hook", hook.get("hook_event_name"), exc_info=True)

    async def close(self) -> None:
        await self._http.aclose()
