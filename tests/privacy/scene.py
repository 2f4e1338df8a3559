"""A real stack with canaries in everything that passes it, and every place where one could turn up afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import httpx

from clauditor.demo import Reply, Simulator, Text, Thinking, ToolUse
from privacy.canaries import Canaries, labels, without_labels
from support.messages_api import assistant, request, text, tool_result, tool_use, user
from support.stack import RunningStack, watched_vendor
from support.waiting import until

PAGES = (
    "/metrics", "/api/v1/sessions?limit=1000", "/api/v1/summary", "/api/v1/signals", "/api/v1/spend", "/api/v1/gaps",
    "/api/v1/openapi.json",
)  # fmt: skip
OF_A_SESSION = ("", "/turns", "/postmortem")


@dataclass
class Scene:
    """A stack with canaries to put into everything that passes it."""

    vendor: Simulator
    stack: RunningStack
    put: Canaries
    directory: Path
    sessions: list[str] = field(default_factory=list)

    def session(self) -> str:
        self.sessions.append(str(uuid.uuid4()))
        return self.sessions[-1]

    @property
    def api(self) -> httpx.Client:
        token = (self.stack.data_dir / "token").read_text().strip()
        headers = {"authorization": f"Bearer {token}"}
        url = self.stack.status["sidecar"]["url"]
        return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20)

    def ask(self, body: Any, session_id: str | None, path: str = "/v1/messages?beta=true") -> None:
        """One request through the proxy, with canaries in its head; its answer may break off."""
        put = self.put
        headers = {
            "x-api-key": put.secret("the api key", "sk-ant-api03-<url93>AA"),
            "authorization": f"Bearer {put.secret('the oauth token', 'sk-ant-oat01-<url93>AA')}",
            "cookie": f"session={put('a cookie')}",
            "x-trace": put("a header"),
            "referer": f"https://example.com/{put('the referer')}",
            **({"x-claude-code-session-id": session_id} if session_id else {}),
        }
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        with (
            contextlib.suppress(httpx.HTTPError),
            httpx.Client(trust_env=False, base_url=self.stack.proxy_url, timeout=20) as client,
        ):
            client.post(path, content=content, headers={**headers, "content-type": "application/json"})

    def body(self, *messages: Any, **more: Any) -> dict[str, Any]:
        """A request with canaries around its messages."""
        put = self.put
        schema = {"type": "object", "description": put("a tool's schema")}
        return request(
            *messages,
            system=[text(f"You help. {put('the system prompt')}")],
            tools=[{"name": "Bash", "description": put("a tool's description"), "input_schema": schema}],
            metadata={"user_id": f"bob-{put('the user id')}", "more": put("metadata")},
            stop_sequences=[put("a stop sequence")],
            from_the_future={"x": put("an unknown member")},
            **more,
        )

    def prompt(self) -> dict[str, Any]:
        """A first prompt: its own word may be seen in the label, its secrets may not."""
        put = self.put
        return user(
            text(
                f"{put('prompt')} {put.secret('a key in the prompt', 'ghp_<an36>')} "
                f"password={put.secret('a password in the prompt', '<an16>')} "
                f"{put.secret('an address in the prompt', 'bob.<lo8>@example.com')} "
                + "and so on " * 10
                + put("the end of the prompt")
            )
        )

    def reply(self, **more: Any) -> Reply:
        put = self.put
        command = f"TOKEN={put('an assignment')} pytest -q {put('an argument')} | tee /tmp/{put('a pipe')}"
        return Reply(
            steps=(
                Thinking(put("thinking")),
                Text(put("the answer")),
                ToolUse("Bash", {"command": command, "description": put("a tool input")}, id="toolu_1"),
                ToolUse("Read", {"file_path": f"/home/{put('a directory')}/notes.txt"}, id="toolu_2"),
                ToolUse("mcp__jira__search", {"query": put("a query")}, id="toolu_3"),
            ),
            headers=(("x-vendor", put("a response header")), ("set-cookie", f"a={put('a set cookie')}")),
            **more,
        )

    def play(self) -> None:
        """Conversations with tools, streamed and not, failures, and what is no conversation at all."""
        put = self.put
        for stream in (True, False):
            session_id = self.session()
            self.vendor.script(
                session_id, self.reply(), Reply.text(put("the second answer"), model="claude-sonnet-5-5")
            )
            first = self.prompt()
            self.ask(self.body(first, stream=stream), session_id)
            called = assistant(
                text(put("an earlier answer")),
                tool_use("toolu_1", "Bash", command=f"pytest {put('an earlier argument')}"),
                tool_use("toolu_2", "Read", file_path=f"/{put('an earlier directory')}/notes.txt"),
            )
            returned = user(
                tool_result("toolu_1", put("a result")),
                tool_result("toolu_2", [text(put("a result's block"))], is_error=True),
                text(put("a later prompt")),
            )
            self.ask(self.body(first, called, returned, stream=stream), session_id)
        for failure in (
            Reply.failure(400, put("an error message"), headers=(("x-why", put("an error's header")),)),
            Reply.failure(529, put("an overload message")),
            Reply(
                steps=(Text(put("text before an error")),),
                error="overloaded_error",
                message=put("an error event"),
            ),
            Reply(steps=(Text(put("text before a reset") * 50),), end="rst", cut_after_bytes=900),
            Reply(body=f"<html>{put('a page')}</html>".encode(), content_type="text/html"),
            Reply(
                body=f'data: {{"type": "{put("a broken event")}\n\n'.encode(),
                content_type="text/event-stream",
            ),
        ):
            session_id = self.session()
            self.vendor.script(session_id, failure)
            self.ask(self.body(self.prompt()), session_id)
        self.ask(self.body(self.prompt()), None)
        self.ask(b'{"model": "' + put("a broken body").encode() + b'", "messages": [', self.session())
        self.ask(
            self.body(user(put("counted text"))),
            self.session(),
            f"/v1/messages/count_tokens?x={put('a query string')}",
        )
        self.ask({"x": put("a stranger's body")}, None, f"/v1/strange?key={put('a key in a query')}")

    def settle(self, count: int = 9) -> None:
        """Until every conversation is over and on disk."""

        def is_settled() -> bool:
            shots = self.stack.sessions()
            is_over = all(shot["state"] not in {"thinking", "streaming"} for shot in shots.values())
            path = f"file:{self.stack.data_dir}/clauditor.db?mode=ro"
            with contextlib.closing(sqlite3.connect(path, uri=True)) as db:
                kept = {session_id for (session_id,) in db.execute("SELECT session_id FROM sessions")}
            return len(shots) >= count and is_over and set(shots) <= kept

        until(is_settled, f"{count} sessions on disk")

    def told(self) -> Iterator[tuple[str, str, list[str]]]:
        """Where, what without the labels, and the labels: of every page of the API."""
        with self.api as client:
            ids = [
                shot["session_id"] for shot in client.get("/api/v1/sessions?limit=1000").json()["sessions"]
            ]
            for page in (
                *PAGES,
                *(f"/api/v1/sessions/{found}{more}" for found in ids for more in OF_A_SESSION),
            ):
                answer = client.get(page)
                assert answer.status_code in (200, 404), page
                is_json = "json" in answer.headers["content-type"]
                value = answer.json() if is_json else None
                shown = json.dumps(without_labels(value), ensure_ascii=False) if is_json else answer.text
                yield page, shown, list(labels(value))

    @contextlib.contextmanager
    def listening(self) -> Iterator[list[str]]:
        """The frames of the live stream, as they come."""
        lines: list[str] = []
        stop = threading.Event()
        begun = threading.Event()

        def listen() -> None:
            with self.api as client, client.stream("GET", "/api/v1/stream") as answer:
                for line in answer.iter_lines():
                    lines.append(line)
                    begun.set()
                    if stop.is_set():
                        return

        thread = threading.Thread(target=listen)
        thread.start()
        assert begun.wait(10)
        try:
            yield lines
        finally:
            stop.set()
            thread.join(20)


@contextlib.contextmanager
def scene(directory: Path, config: str = "", **environ: str) -> Iterator[Scene]:
    """A stack whose settings file is `config`, started by a shell with `environ`."""
    file = directory / "config" / "clauditor" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(config)
    with mock.patch.dict(os.environ, environ), watched_vendor(directory, seed=9) as (vendor, stack):
        yield Scene(vendor, stack, Canaries(9), directory)


def frames(lines: list[str]) -> list[Any]:
    return [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]
