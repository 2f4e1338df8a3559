"""Through the real stack: what was asked, answered, run and returned is afterwards nowhere but in the live label."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from clauditor.demo import Reply, Simulator, Text, Thinking, ToolUse
from privacy.canaries import Canaries, labels, without_labels
from support.messages_api import assistant, request, text, tool_result, tool_use, user
from support.stack import RunningStack, until, watched_vendor

pytestmark = pytest.mark.timeout(180)

PAGES = (
    "/metrics", "/api/v1/sessions?limit=1000", "/api/v1/summary", "/api/v1/signals", "/api/v1/spend", "/api/v1/gaps",
    "/api/v1/openapi.json",
)  # fmt: skip
OF_A_SESSION = ("", "/turns", "/postmortem")
PROMPT = frozenset({"prompt"})


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
def scene(directory: Path, config: str = "") -> Iterator[Scene]:
    file = directory / "config" / "clauditor" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(config)
    with watched_vendor(directory, seed=9) as (vendor, stack):
        yield Scene(vendor, stack, Canaries(9), directory)


def frames(lines: list[str]) -> list[Any]:
    return [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    put = Canaries(1)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "a.log").write_bytes(b"\x00" + put("a log").upper().encode())
    (tmp_path / "b").write_text("nothing")
    assert put.found_in_files(tmp_path) == {"run/a.log": ["a log"]}
    assert put.found_in(json.dumps(without_labels([{"label": put("a label"), "x": put("beside")}]))) == [
        "beside"
    ]
    assert put.found_in(" ".join(labels({"a": [{"label": put("a label")}]}))) == ["a label"]


def test_by_default_only_the_live_label_shows_what_was_asked(tmp_path: Path) -> None:
    with scene(tmp_path) as on:
        with on.listening() as lines:
            on.play()
            on.settle()
            until(
                lambda: any("label" in line and "canary" in line for line in lines), "a label in the stream"
            )
        seen = frames(lines)
        assert on.put.found_in(json.dumps(without_labels(seen))) == []
        shown = list(labels(seen))
        for page, text_shown, page_labels in on.told():
            assert on.put.found_in(text_shown) == [], page
            shown += page_labels
        assert on.put.found_in(" ".join(shown)), "the labels are there"
        assert on.put.found_in(" ".join(shown), allowed=PROMPT) == []
        assert on.put.found_in_files(on.stack.data_dir) == {}
    assert on.put.found_in_files(tmp_path) == {}


@pytest.mark.parametrize("config", ['privacy = "strict"\n', 'labels = "off"\n'])
def test_without_labels_nothing_shows_what_was_asked(tmp_path: Path, config: str) -> None:
    with scene(tmp_path, config) as on:
        with on.listening() as lines:
            on.play()
            on.settle()
        assert on.put.found_in("\n".join(lines)) == []
        for page, shown, page_labels in on.told():
            assert on.put.found_in(shown) == [], page
            assert page_labels == []
        assert on.put.found_in_files(on.stack.data_dir) == {}
    assert on.put.found_in_files(tmp_path) == {}


@pytest.mark.parametrize(
    ("privacy", "shown"),
    [("normal", {"the project", "the branch", "a program", "a base name"}), ("strict", set())],
)
def test_strict_privacy_hides_names_of_places_files_and_programs_too(
    tmp_path: Path, privacy: str, shown: set[str]
) -> None:
    with scene(tmp_path, f'privacy = "{privacy}"\n') as on:
        put, session_id = on.put, on.session()
        environment = f"# Environment\n - Primary working directory: /src/{put('the project')}\n"
        status = f"gitStatus: snapshot\n\nCurrent branch: {put('the branch')}\n"
        command = {"command": f"{put('a program')} --now"}
        on.vendor.script(
            session_id,
            Reply(
                steps=(
                    ToolUse("Bash", command, id="toolu_1"),
                    ToolUse("Read", {"file_path": f"/x/{put('a base name')}.py"}, id="toolu_2"),
                )
            ),
        )
        on.ask(request(on.prompt(), system=[text(environment), text(status)]), session_id)
        on.stack.session_when(session_id, lambda shot: shot["tools"]["calls"] == 2)
        on.settle(1)
        assert {place for _, page, _ in on.told() for place in put.found_in(page)} == shown
    assert {place for places in put.found_in_files(tmp_path).values() for place in places} == shown


def test_hooks_leave_no_text_behind(tmp_path: Path) -> None:
    with scene(tmp_path) as on:
        put, session_id = on.put, on.session()
        on.ask(on.body(on.prompt()), session_id)
        on.stack.session_when(session_id, lambda shot: shot["turns"] == 1)
        told = {
            "session_id": session_id,
            "transcript_path": f"/home/{put('the transcript path')}.jsonl",
            "cwd": f"/home/{put('the working directory')}",
            "prompt": put("a hook's prompt"),
            "tool_name": "Bash",
            "tool_use_id": "toolu_1",
            "tool_input": {"command": put("a hook's tool input")},
            "tool_response": {"stdout": put("a hook's tool result")},
            "last_assistant_message": put("a hook's answer"),
            "message": put("a notification"),
        }
        names = (
            "SessionStart",
            "UserPromptSubmit",
            "PermissionRequest",
            "Notification",
            "PostToolUse",
            "Stop",
        )
        with on.api as client:
            for name in (*names, "FromTheFuture"):
                hook = {**told, "hook_event_name": name}
                answer = client.post("/api/v1/hooks/claude-code", json={"hook": hook, "terminal": {}})
                assert answer.status_code == 204
        on.stack.session_when(session_id, lambda shot: shot["turns"] == 1)
        for page, shown, _ in on.told():
            assert put.found_in(shown) == [], page
    assert put.found_in_files(tmp_path) == {}


def test_alerts_carry_no_text(tmp_path: Path) -> None:
    rung = tmp_path / "rung.json"
    keep = "import pathlib, sys; pathlib.Path(sys.argv[1]).open('a').write(sys.stdin.read())"
    command = json.dumps([sys.executable, "-c", keep, str(rung)])
    rules = f'[alerts]\ndesktop = false\ncommand = {command}\n[alerts.signals]\nmodel_fallback = "notice"\n'
    with scene(tmp_path, rules) as on:
        session_id = on.session()
        on.vendor.script(session_id, on.reply(model="claude-sonnet-5-5"))
        on.ask(on.body(on.prompt()), session_id)
        until(rung.is_file, "an alert")
        until(lambda: session_id in rung.read_text(), "the alert of the session")
        assert on.put.found_in(rung.read_bytes()) == []
    assert on.put.found_in_files(tmp_path) == {}
