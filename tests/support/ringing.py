"""Who alerts go to: a web server that answers as it is told, and a program that writes down what it was given."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from clauditor.alerts.alert import Alert


def alert(**changes: Any) -> Alert:
    values: dict[str, Any] = {
        "session_id": "5f0c1e9a-7d1f-4c57-9d55-4b1f1f6b2a10",
        "project": "webshop",
        "signal": "stalled",
        "severity": "act",
        "summary": "The answer stopped in the middle.",
        "short": "no bytes mid-answer",
        "next_step": "Press Esc.",
        "since": 1_790_000_000.0,
    }
    return Alert(**(values | changes))


@dataclass
class Receiver:
    """`answers` are statuses in order, the last one for ever; a function answers for itself."""

    answers: list[int | Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=lambda: [204])
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/secret-path?key=secret-key"

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        self.requests.append((f"{handler.command} {handler.path}", dict(handler.headers), body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer(handler)
            return
        handler.send_response(answer)
        if 300 <= answer < 400:
            handler.send_header("Location", f"http://127.0.0.1:{self.port}/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()


WRITE_DOWN = """#!{python}
import json, os, sys
note = {{"arguments": sys.argv[1:], "environment": dict(os.environ), "input": sys.stdin.read()}}
with open({notes!r}, "a") as file:
    file.write(json.dumps(note) + "\\n")
{then}
"""


@dataclass
class Recorder:
    """A program on a PATH of its own that writes down each call; `then` is what it does after that."""

    path: Path
    notes: Path

    def write(self, then: str = "") -> None:
        self.path.write_text(WRITE_DOWN.format(python=sys.executable, notes=str(self.notes), then=then))
        self.path.chmod(0o755)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": f"{self.path.parent}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(self.path.parent),
            "LANG": "C.UTF-8",
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere",
            "ANTHROPIC_API_KEY": "sk-ant-secret",
        }

    def calls(self) -> list[dict[str, Any]]:
        return (
            [json.loads(line) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []
        )
