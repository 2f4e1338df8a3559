"""More than two hundred formats of secrets, in every place where one can come in: none is left in any place where it could stay.

In one of the two runs the sidecar fails on purpose, with what passes in the words of its errors.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from clauditor.demo import Reply, Text, Thinking, ToolUse
from clauditor.demo.seeded import dice
from clauditor.proxy.bootstrap import CREDENTIALS
from clauditor.redaction import redact
from clauditor.text import clean
from privacy.canaries import labels, without_labels
from privacy.scene import Scene, scene
from privacy.secrets import CONTEXTS, TOKENS, Planted, fill, planted
from support.messages_api import assistant, request, text, tool_result, tool_use, user
from support.waiting import until

pytestmark = pytest.mark.timeout(180)

BREAKING = Path(__file__).parent / "breaking"
LEAST = 12  # characters of a secret that cannot turn up by chance


FORMATS = [*((name, f"⟦{template}⟧") for name, template in TOKENS.items()), *CONTEXTS.items()]
_COMMON = "\n".join(
    planted(name, template, dice(1, f"nowhere {name}")).text for name, template in FORMATS
).encode()


class Formats:
    """Every known format once a place, with another secret in each."""

    def __init__(self) -> None:
        self._secrets: dict[str, tuple[str, list[bytes]]] = {}

    def __call__(self, place: str) -> list[Planted]:
        made = [planted(name, template, dice(1, f"{place} {name}")) for name, template in FORMATS]
        for one in made:
            for secret in one.secrets:
                if len(secret) >= LEAST and " " not in secret and (pieces := _pieces(secret)):
                    self._secrets.setdefault(secret, (f"{one.format} in {place}", pieces))
        return made

    def texts(self, place: str) -> list[str]:
        return [one.text for one in self(place)]

    def word(self, place: str) -> str:
        """A single key, for a place that takes no more."""
        secret = fill("sk-ant-api03-<url93>AA", dice(1, place))
        self._secrets[secret] = (f"a key in {place}", _pieces(secret))
        return secret

    @property
    def count(self) -> int:
        return len(self._secrets)

    def found_in(self, seen: bytes | str) -> list[str]:
        """The secrets of which twelve characters can be seen, at their beginning, middle or end."""
        raw = seen.encode("utf-8", "replace") if isinstance(seen, str) else seen
        there = {raw[start : start + LEAST] for start in range(len(raw) - LEAST + 1)}
        return [place for place, pieces in self._secrets.values() if not there.isdisjoint(pieces)]


def _pieces(text: str) -> list[bytes]:
    """Beginning, middle and end of it, as far as they are not the same in every secret of its kind."""
    secret = text.encode()
    pieces = [secret[start : start + LEAST] for start in range(0, len(secret) - LEAST + 1, 4)]
    own = [piece for piece in pieces if piece not in _COMMON]
    return list(dict.fromkeys([own[0], own[len(own) // 2], own[-1]])) if own else []


def headed(on: Scene, formats: Formats) -> dict[str, str]:
    """The five headers with credentials that Envoy withholds, and secrets in others."""
    return {
        "authorization": f"Bearer {formats.word('authorization')}",
        "x-api-key": formats.word("x-api-key"),
        "cookie": f"session={formats.word('cookie')}",
        "proxy-authorization": f"Basic {formats.word('proxy-authorization')}",
        "set-cookie": f"a={formats.word('set-cookie of a request')}",
        "user-agent": f"my-tool/1.0 token={formats.word('user-agent')}",
        "anthropic-beta": formats.word("anthropic-beta"),
        "x-claude-code-agent-type": f"agent password={formats.word('agent-type')}",
        "x-claude-code-prev-tool-durations": f"{formats.word('durations')}=1",
        "x-trace": on.put("a header that may be seen"),
        "content-type": "application/json",
    }


def play(on: Scene, formats: Formats, *, breaks: bool) -> None:
    """Calls with secrets in all that a request and an answer hold."""
    session_id = on.session()
    tools = [
        ToolUse("Bash", {"command": f"{one} | tee {one}", "description": one}, id=f"toolu_b{number}")
        for number, one in enumerate(formats.texts("a command"))
    ]
    files = [
        ToolUse("Read", {"file_path": f"/home/{one}"}, id=f"toolu_r{number}")
        for number, one in enumerate(formats.texts("a file name"))
    ]
    answer = "\n".join(formats.texts("an answer"))
    on.vendor.script(
        session_id,
        Reply(
            steps=(Thinking("\n".join(formats.texts("thinking"))), Text(answer), *tools, *files),
            headers=(
                ("set-cookie", f"a={formats.word('set-cookie')}"),
                ("x-vendor", formats.word("a vendor's header")),
            ),
        ),
        Reply.text("break here " + "\n".join(formats.texts("a broken answer")))
        if breaks
        else Reply.text("fine"),
    )
    first = user(*map(text, formats.texts("a prompt")))
    called = assistant(
        *(
            tool_use(f"toolu_b{n}", "Bash", command=one)
            for n, one in enumerate(formats.texts("an earlier command"))
        )
    )
    returned = user(*(tool_result(f"toolu_b{n}", one) for n, one in enumerate(formats.texts("a result"))))
    around: dict[str, Any] = {
        "system": [text(one) for one in formats.texts("the system prompt")],
        "tools": [
            {"name": "Bash", "description": one, "input_schema": {"type": "object"}}
            for one in formats.texts("a tool")
        ],
        "metadata": {"user_id": formats.word("the user id")},
        "stop_sequences": formats.texts("a stop sequence")[:20],
    }
    post(on, formats, request(first, **around), session_id)
    post(on, formats, request(first, called, returned, **around), session_id)
    for one in formats("a label")[::20]:  # a session each: it stands at the beginning of its first prompt
        post(on, formats, request(user(text(one.text)), stream=False), on.session())
    for number, message in enumerate(
        ("\n".join(formats.texts("an error message")), formats.word("another message"))
    ):
        failing = on.session()
        on.vendor.script(failing, Reply.failure((400, 529)[number], message))
        post(on, formats, request(user("a failing call")), failing)
    broken = on.session()
    on.vendor.script(
        broken, Reply(steps=(Text("x"),), error="overloaded_error", message=formats.word("an error event"))
    )
    post(on, formats, request(user("a call that breaks")), broken)
    post(on, formats, request(user("x")), on.session(), f"/v1/messages?key={formats.word('a query')}")
    if breaks:
        post(on, formats, request(user("break here " + formats.word("a broken request"))), on.session())
    told(on, formats, session_id)


def post(on: Scene, formats: Formats, body: Any, session_id: str, path: str = "/v1/messages") -> None:
    headers = headed(on, formats) | {"x-claude-code-session-id": session_id}
    with (
        contextlib.suppress(httpx.HTTPError),
        httpx.Client(trust_env=False, base_url=on.stack.proxy_url, timeout=20) as client,
    ):
        client.post(path, content=json.dumps(body).encode(), headers=headers)


def told(on: Scene, formats: Formats, session_id: str) -> None:
    """What hooks and status line of a client say of a session; its names become its label."""
    with on.api as client:
        one = "\n".join(formats.texts("a hook"))
        hook = {
            "hook_event_name": "PostToolUse", "session_id": session_id, "tool_name": "Bash", "tool_input": {"command": one},
            **dict.fromkeys(("prompt", "tool_response", "message", "cwd", "transcript_path", "terminal", "error"), one),
        }  # fmt: skip
        terminal = {"tty": formats.word("a tty"), "tmux_pane": formats.word("a pane")}
        posted = {"hook": hook, "terminal": terminal, "run_id": formats.word("a run's id")}
        assert client.post("/api/v1/hooks/claude-code", json=posted).status_code == 204
        one = "\n".join(formats.texts("a status line"))
        line = {
            "session_id": session_id,
            "cwd": one,
            "version": one,
            "model": {"id": one},
            "cost": {"total_cost_usd": 1},
        }
        assert (
            client.post("/api/v1/statusline", json={**line, "workspace": {"current_dir": one}}).status_code
            == 200
        )
        known = [each for each in formats("a session's name") if not each.leaks(redact(clean(each.text)))]
        assert len(known) > 195  # what redaction does not know is measured elsewhere (test_redaction)
        for name in known:
            hook = {"hook_event_name": "Stop", "session_id": session_id, "session_name": name.text}
            client.post("/api/v1/hooks/claude-code", json={"hook": hook})
        client.get("/api/v1/sessions", params={"search": f"break here {formats.word('a search')}"})


def left(on: Scene, formats: Formats) -> Iterator[tuple[str, bytes | str]]:
    """Every place where something of it could have stayed, labels of live sessions apart."""
    for page, shown, _ in on.told():
        yield page, shown
    for kind in ([], ["--csv"], ["--csv", "--kind", "tool_call"]):
        yield f"export {kind}", on.stack.clauditor("export", *kind).stdout
    on.stack.clauditor("export", "--sqlite", str(on.directory / "copy.db"))
    for name in ("supervisor", "sidecar", "envoy"):
        pid = int((on.stack.data_dir / "run" / f"{name}.pid").read_text().split()[0])
        yield f"environment of {name}", Path(f"/proc/{pid}/environ").read_bytes()
    for file in on.directory.rglob("*"):
        if file.is_file() and file.name != "tape":
            yield str(file.relative_to(on.directory)), file.read_bytes()


@pytest.mark.parametrize(("privacy", "breaks"), [("normal", True), ("strict", False)])
def test_no_secret_of_any_format_is_left_anywhere(tmp_path: Path, privacy: str, breaks: bool) -> None:
    formats = Formats()
    rung = tmp_path / "rung.json"
    keep = "import pathlib, sys, os; pathlib.Path(sys.argv[1]).open('a').write(sys.stdin.read() + str(dict(os.environ)))"
    command = json.dumps([sys.executable, "-c", keep, str(rung)])
    config = f'privacy = "{privacy}"\n[alerts]\ndesktop = false\ncommand = {command}\n[alerts.signals]\napi_errors = "notice"\n'
    environ = {
        "ANTHROPIC_API_KEY": formats.word("the environment"),
        "MY_TOKEN": formats.word("the environment, too"),
    }
    if breaks:
        environ["PYTHONPATH"] = str(BREAKING)
    with scene(tmp_path, config, **environ) as on:
        with on.listening() as lines:
            play(on, formats, breaks=breaks)
            settled(on, breaks=breaks)
        frames = [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]
        assert formats.found_in("\n".join(strings(without_labels(frames)))) == []
        if privacy == "strict":
            assert list(labels(frames)) == []
        else:
            assert "[redacted]" in " ".join(labels(frames))
        if breaks:
            assert_broken(on, formats)
        seen = dict(left(on, formats))
    assert formats.count >= 2500
    assert {place: found for place, shown in seen.items() if (found := formats.found_in(shown))} == {}
    after = {
        str(file): formats.found_in(file.read_bytes())
        for file in tmp_path.rglob("*")
        if file.is_file() and file.name != "tape"
    }
    assert {name: found for name, found in after.items() if found} == {}


def strings(value: Any) -> set[str]:
    """Every text in the JSON value, and every name."""
    if isinstance(value, dict):
        return set(value).union(*map(strings, value.values()))
    if isinstance(value, list):
        return set().union(*map(strings, value))
    return {value} if isinstance(value, str) else set()


def settled(on: Scene, *, breaks: bool) -> None:
    def is_settled() -> bool:
        shots = on.stack.sessions()
        return len(shots) >= 16 and all(
            shot["state"] not in {"thinking", "streaming"} for shot in shots.values()
        )

    until(is_settled, "every call over")
    with on.api as client:
        until(lambda: len(client.get("/api/v1/sessions?limit=1000").json()["sessions"]) >= 16, "the sessions")


def assert_broken(on: Scene, formats: Formats) -> None:
    """Each of the faults came about, and is told without a word of what passed; so is a crash."""
    log = on.stack.data_dir / "run" / "sidecar.log"
    for words in (
        "an exchange is no longer observed", "StoreSink failed at LabelFound", "Feed failed at LabelFound",
        "the signal needs_answer failed", "the event loop says", "an error that nobody caught", "Exception in ASGI",
    ):  # fmt: skip
        until(lambda words=words: words in log.read_text(), words)  # type: ignore[misc]
    assert "KeyError" in log.read_text()
    assert "in _fail" in log.read_text()
    tape = (on.directory / "tape").read_bytes()
    assert set(on.put.found_in(tape)) == {"a header that may be seen"}
    withheld = [
        place
        for place in formats.found_in(tape)
        if place.removeprefix("a key in ").split(" of ")[0] in CREDENTIALS
    ]
    assert withheld == []
    pid = on.stack.status["sidecar"]["pid"]
    os.kill(pid, signal.SIGPROF)  # as the watchdog does: says where every thread stands, and ends
    until(lambda: on.stack.status["sidecar"]["pid"] not in (None, pid), "another sidecar")
    until(lambda: on.stack.status["sidecar"]["state"] == "running", "a sidecar that serves")
    assert "most recent call first" in log.read_text()


def test_the_search_can_tell() -> None:
    formats = Formats()
    texts = formats.texts("a place")
    assert len(texts) >= 200
    found = formats.found_in("\n".join(texts))
    assert len({place.rpartition(" in ")[0] for place in found}) >= 195
    assert formats.found_in("\n".join(Formats().texts("another place"))) == []
