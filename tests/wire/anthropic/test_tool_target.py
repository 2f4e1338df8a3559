from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.wire.anthropic.tool_target import program, target


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("ls -la /secret/place", "ls"),
        ("/usr/bin/python3 -c 'print(1)'", "python3"),
        ("FOO=bar make test", "make"),
        ("A='x y' B=\"z\" ./run.sh", "run.sh"),
        ("cd /home/me/shop && npm test", "npm"),
        ("cd '/a b'; git status", "git"),
        ("cd /only/here", "cd"),
        ("sudo apt install x", "apt"),
        ("sudo -u bob rm x", "sudo"),
        ("env FOO=secret ls", "ls"),
        ("timeout 30s pytest -q", "pytest"),
        ("# a comment about it\nls", "ls"),
        ("(cd /tmp && make)", "make"),
        ("echo hi|cat", "echo"),
        ("! grep -q x f", "grep"),
        ("TOKEN=sk-ant-api03-AAAABBBB", None),
        ("TOKEN=$(cat key) curl x", None),
        ('TOKEN="$KEY" curl x', None),
        ("TOKEN=`cat key` curl", None),
        ("PASSWORD=hun\\ ter2 ls", None),
        ("PASSWORD='hunter2", None),
        ('"my prog" --flag', None),
        ("$EDITOR file", None),
        ("sk-ant-api03-AAAABBBBCCCCDDDD", "[redacted]"),
        ("", None),
        ("   \n", None),
        ("#", None),
        ("é", "é"),
    ],
)
def test_the_program_is_named_and_nothing_else(command: str, expected: str | None) -> None:
    assert program(command) == expected


@given(
    st.lists(
        st.sampled_from(["A=", "s3cr3t", " ", "'", '"', "$(", ")", "`", "\\", ";", "&&", "cd ", "x"])
    ).map("".join)
)
def test_no_assigned_value_is_ever_shown(rest: str) -> None:
    assert program("KEY=s3cr3t" + rest) != "s3cr3t" or "s3cr3t" in rest


@given(st.text(max_size=300))
def test_any_command_is_survived(command: str) -> None:
    name = program(command)
    assert name is None or (name.isprintable() and " " not in name)


@pytest.mark.parametrize(
    ("tool", "tool_input", "expected"),
    [
        ("Read", {"file_path": "/home/me/shop/login.py"}, "login.py"),
        ("NotebookEdit", {"notebook_path": "C:\\work\\a.ipynb"}, "a.ipynb"),
        ("Grep", {"pattern": "secret", "path": "src/"}, "src"),
        ("Bash", {"command": "npm test -- --token x"}, "npm"),
        ("Agent", {"subagent_type": "Explore", "prompt": "private", "description": "private"}, "Explore"),
        ("Task", {"prompt": "private"}, None),
        ("Agent", {"subagent_type": "not a name: private text"}, None),
        ("Skill", {"skill": "pdf", "args": "private"}, "pdf"),
        ("WebFetch", {"url": "https://x.example/private", "prompt": "private"}, None),
        ("mcp__x__y", {"query": "private"}, None),
        ("Bash", {"command": 7}, None),
        ("Read", {"file_path": None}, None),
        ("Read", {}, None),
    ],
)
def test_the_target_is_one_safe_word(tool: str, tool_input: dict[str, Any], expected: str | None) -> None:
    assert target(tool, tool_input) == expected
