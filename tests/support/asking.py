"""The API of a running stack's sidecar, asked as any other program would."""

from __future__ import annotations

from typing import Any

import httpx

from support.stack import RunningStack


class Api:
    """The sidecar's own API."""

    def __init__(self, stack: RunningStack) -> None:
        self.url = str(stack.status["sidecar"]["url"])
        self.token = (stack.data_dir / "token").read_text().strip()

    def get(self, path: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"}
        return httpx.get(f"{self.url}{path}", headers=headers, trust_env=False, timeout=10).raise_for_status()

    def session(self, session_id: str) -> dict[str, Any] | None:
        sessions = self.get("/api/v1/sessions?limit=1000").json()["sessions"]
        return next((each for each in sessions if each["session_id"] == session_id), None)

    def shows(self, session_id: str) -> bool:
        """Whether it knows of an answered call of a session."""
        return bool((self.session(session_id) or {}).get("stop_reason"))

    def failed(self, session_id: str) -> dict[str, Any] | None:
        """A session with a failed attempt."""
        shot = self.session(session_id)
        return shot if shot is not None and shot["failed_attempts"] else None

    def metric(self, sample: str) -> float:
        lines = self.get("/metrics").text.splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{sample} ")), 0.0)
