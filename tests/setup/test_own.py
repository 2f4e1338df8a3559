"""What is ours in the settings, as text in and text out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.hooks.command import EVENTS
from clauditor.setup.json_text import parse
from clauditor.setup.own import Known, Wanted, settings_problem, with_ours, without_ours

URL = "http://127.0.0.1:10000"
DIRECT = "https://api.anthropic.com"
ENV = {"ANTHROPIC_BASE_URL": URL, "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1", "NO_PROXY": "127.0.0.1"}
HOOK = "'/opt/my tools/bin/python' -P -m clauditor hook"
LINE = "'/opt/my tools/bin/python' -P -m clauditor statusline --data-dir=/data"
WANTED = Wanted(env=ENV, hook=HOOK, status_line=LINE)
THEIRS = {"type": "command", "command": "~/bin/audit 'it''s me'"}

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
COMMANDS = st.sampled_from(["date", "echo 'a b'", "~/.claude/line.sh --wide", "unbalanced '"])
HOOKS = st.fixed_dictionaries(
    {"type": st.just("command"), "command": COMMANDS}, optional={"timeout": st.integers(1, 9)}
)
GROUPS = st.fixed_dictionaries(
    {"hooks": st.lists(HOOKS, max_size=2)}, optional={"matcher": st.text(max_size=4)}
)
VARIABLES = st.dictionaries(
    st.sampled_from([*ENV, "DEBUG", "HTTPS_PROXY", "ünïcode"]), st.text(max_size=12), max_size=4
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "env": VARIABLES,
        "hooks": st.dictionaries(
            st.sampled_from([*EVENTS[:3], "PreToolUse", "Stop"]), st.lists(GROUPS, max_size=2), max_size=3
        ),
        "statusLine": st.fixed_dictionaries(
            {"type": st.just("command"), "command": COMMANDS},
            optional={"padding": st.integers(0, 3), "refreshInterval": st.integers(1, 60)},
        ),
        "model": st.text(max_size=8),
        "permissions": st.dictionaries(st.text(max_size=5), st.lists(SCALARS, max_size=2), max_size=2),
    },
)
STYLES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"indent": 2}, {"indent": 4}, {"indent": "\t"}, {}, {"separators": (",", ":")}]
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    return json.dumps(draw(SETTINGS), ensure_ascii=False, **draw(STYLES)) + draw(st.sampled_from(["", "\n"]))


def known(original: str) -> Known:
    return Known(env=ENV, urls=frozenset({URL, DIRECT}), original=original)


@given(texts())
def test_what_is_wanted_stands_there_and_what_was_there_stays(text: str) -> None:
    before, after = parse(text), parse(with_ours(text, WANTED))
    assert after["env"] == before.get("env", {}) | ENV
    for event in EVENTS:
        ours = {"type": "command", "command": HOOK, "async": True}
        assert after["hooks"][event] == [*before.get("hooks", {}).get(event, []), {"hooks": [ours]}]
    assert {name: value for name, value in after["hooks"].items() if name not in EVENTS} == {
        name: value for name, value in before.get("hooks", {}).items() if name not in EVENTS
    }
    kept = {name for name in before if name not in ("env", "hooks", "statusLine")}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert set(after) == kept | {"env", "hooks", "statusLine"}
    assert after["statusLine"] == before.get("statusLine", {"type": "command"}) | {
        "command": after["statusLine"]["command"]
    }


@given(texts())
def test_taken_out_of_an_unchanged_file_nothing_is_left_of_us(text: str) -> None:
    back, names = without_ours(with_ours(text, WANTED), known(text))
    assert parse(back) == parse(text)
    assert {"env.ANTHROPIC_BASE_URL", "statusLine", *(f"hooks.{event}" for event in EVENTS)} <= set(names)
    assert without_ours(back, known(text))[0] == back


def foreign(settings: dict[str, Any], edits: dict[str, Any]) -> dict[str, Any]:
    """What a client or a person may do meanwhile: new members, another order, an addition beside ours."""
    changed = dict(reversed(settings.items())) | {f"x{name}": value for name, value in edits.items()}
    changed["env"] = changed["env"] | {"THEIRS": "1"}
    changed["hooks"] = changed["hooks"] | {"Stop": [*changed["hooks"]["Stop"], {"hooks": [THEIRS]}]}
    return changed


@given(texts(), st.dictionaries(st.text(max_size=4), SCALARS, max_size=3), STYLES)
def test_with_foreign_edits_in_between_ours_goes_and_all_else_stays(
    text: str, edits: dict[str, Any], style: dict[str, Any]
) -> None:
    before = parse(text)
    there = foreign(parse(with_ours(text, WANTED)), edits)
    back = parse(without_ours(json.dumps(there, **style), known(text))[0])
    assert back.pop("env") == before.get("env", {}) | {"THEIRS": "1"}
    hooks = back.pop("hooks")
    assert hooks.pop("Stop") == [*before.get("hooks", {}).get("Stop", []), {"hooks": [THEIRS]}]
    assert hooks == {name: value for name, value in before.get("hooks", {}).items() if name != "Stop"}
    assert back == {key: value for key, value in before.items() if key not in ("env", "hooks")} | {
        f"x{name}": value for name, value in edits.items()
    }


@given(texts())
def test_other_bytes_of_a_changed_file_stay(text: str) -> None:
    there = with_ours(text, WANTED)
    assert without_ours(there + "\n\n", known(text))[0].startswith(without_ours(there, known(text))[0])


def test_a_direct_address_in_between_is_ours_too() -> None:
    there = with_ours('{"env": {"A": "1"}}', WANTED).replace(URL, DIRECT)
    assert without_ours(there, known('{"env": {"A": "1"}}'))[0] == '{"env": {"A": "1"}}'


def test_what_somebody_changed_since_is_theirs() -> None:
    changed = with_ours("{}", WANTED).replace(URL, "https://llm.corp").replace('"127.0.0.1"', '".corp"')
    back, names = without_ours(changed, known("{}"))
    assert parse(back) == {"env": {"ANTHROPIC_BASE_URL": "https://llm.corp", "NO_PROXY": ".corp"}}
    assert "env.ANTHROPIC_BASE_URL" not in names


def test_a_gateway_comes_back_after_an_edit() -> None:
    original = '{"env": {"ANTHROPIC_BASE_URL": "https://llm.corp"}}'
    there = with_ours(original, WANTED).replace("}", "} ")
    assert parse(without_ours(there, known(original))[0]) == parse(original)


def test_a_status_line_is_wrapped_once_and_its_own_members_stay() -> None:
    original = '{"statusLine": {"type": "command", "command": "it\'s mine", "padding": 0}}'
    there = with_ours(original, WANTED)
    assert parse(there)["statusLine"] == {
        "type": "command",
        "command": LINE + " --wrap 'it'\"'\"'s mine'",
        "padding": 0,
    }
    again, _ = without_ours(there, None)
    assert parse(again)["statusLine"] == parse(original)["statusLine"]


def test_a_status_line_of_another_kind_is_left_alone() -> None:
    original = '{"statusLine": {"type": "http", "url": "x"}}'
    there = with_ours(original, WANTED)
    assert parse(there)["statusLine"] == parse(original)["statusLine"]
    assert without_ours(there, known(original))[0] == original


def test_without_a_record_ours_is_known_by_its_commands() -> None:
    there = with_ours('{"model": "opus"}', Wanted(env={**ENV, "NO_PROXY": "x"}, hook=HOOK, status_line=LINE))
    back, _ = without_ours(there, None)
    assert parse(back) == {"model": "opus", "env": {"NO_PROXY": "x"}}  # whose that is, nobody knows


@pytest.mark.parametrize(
    "command", ["clauditor hook", "/usr/bin/clauditor hook", "python3 -m clauditor hook --data-dir x"]
)
def test_hooks_that_a_person_set_up_by_hand_are_ours(command: str) -> None:
    there = json.dumps({"hooks": {"Stop": [{"hooks": [{"type": "command", "command": command}, THEIRS]}]}})
    assert parse(without_ours(there, None)[0]) == {"hooks": {"Stop": [{"hooks": [THEIRS]}]}}


@pytest.mark.parametrize(
    "text",
    [
        '{"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:8080"}}',
        '{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "echo clauditor hook"}]}]}}',
        '{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "my-clauditor hook"}]}]}}',
        '{"hooks": {"Stop": [{"hooks": "x"}, 3, {"hooks": [3]}], "Else": 7}, "statusLine": {"command": 3}}',
        "",
    ],
)
def test_what_is_not_ours_is_not_touched(text: str) -> None:
    assert without_ours(text, None) == (text, ())


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"env": []}, "env in it is not an object"),
        ({"hooks": "x"}, "hooks in it is not an object"),
        ({"hooks": {"Stop": {}}}, "hooks.Stop in it is not a list"),
        ({"statusLine": "x"}, "statusLine in it is not an object"),
        ({"env": {}, "hooks": {"Stop": [], "Else": 1}}, None),
    ],
)
def test_settings_that_cannot_take_ours(settings: Any, problem: str | None) -> None:
    assert settings_problem(settings) == problem
