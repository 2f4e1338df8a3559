"""Through the real stack: what was asked, answered, run and returned is afterwards nowhere but in the live label."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from clauditor.demo import Reply, ToolUse
from privacy.canaries import Canaries, labels, without_labels
from privacy.scene import frames, scene
from support.messages_api import request, text
from support.waiting import until

pytestmark = pytest.mark.timeout(180)

PROMPT = frozenset({"prompt"})


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
