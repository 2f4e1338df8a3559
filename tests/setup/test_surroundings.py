from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clauditor.proxy.client_env import settings_variables
from clauditor.setup.surroundings import existing_gateway, other_provider, stronger_settings, without_hooks

URL = "http://127.0.0.1:10000"
ANTHROPIC = "https://api.anthropic.com"
PATH = Path("/home/me/.claude/settings.json")


def named(url: str) -> dict[str, Any]:
    return {"env": {"ANTHROPIC_BASE_URL": url}}


@pytest.mark.parametrize(
    ("environ", "settings", "found"),
    [
        ({}, {}, None),
        ({"ANTHROPIC_BASE_URL": ""}, named(""), None),
        ({"ANTHROPIC_BASE_URL": URL + "/"}, {}, None),
        ({}, named(ANTHROPIC + "/"), None),
        ({}, named("https://API.anthropic.com:443"), None),
        ({}, named("https://llm.corp/"), ("https://llm.corp/", str(PATH))),
        ({"ANTHROPIC_BASE_URL": "https://llm.corp"}, {}, ("https://llm.corp", "ANTHROPIC_BASE_URL")),
        ({"ANTHROPIC_BASE_URL": "https://llm.corp"}, named(ANTHROPIC), None),  # settings beat the shell
        ({}, named("no address"), ("no address", str(PATH))),
    ],
)
def test_a_base_url_that_leads_elsewhere_is_found(
    environ: dict[str, str], settings: Any, found: tuple[str, str] | None
) -> None:
    assert existing_gateway(environ, settings, PATH, ours=frozenset({URL}), upstream=ANTHROPIC) == found


def test_another_provider_is_one_that_is_switched_on() -> None:
    assert (
        other_provider({"CLAUDE_CODE_USE_BEDROCK": "0"}, {"env": {"CLAUDE_CODE_USE_VERTEX": "false"}}) is None
    )
    said = other_provider({}, {"env": {"CLAUDE_CODE_USE_VERTEX": 1}})
    assert said is not None
    assert "CLAUDE_CODE_USE_VERTEX in the settings sends Claude to Google Vertex AI" in said


def test_stronger_settings_are_named_with_their_reach(tmp_path: Path) -> None:
    def write(path: str, settings: object) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(json.dumps(settings), encoding="utf-8")

    def said() -> str:
        return "\n".join(stronger_settings(tmp_path / "project", managed=tmp_path / "managed"))

    assert said() == ""
    write("managed/managed-settings.d/10.json", named("https://llm.corp\x1b[31m"))
    assert "https://llm.corp on this machine" in said()
    write("managed/managed-settings.json", {"allowManagedHooksOnly": True})
    assert "allowManagedHooksOnly" in said()
    write("project/.claude/settings.local.json", {"statusLine": {"type": "command", "command": "x"}})
    assert "in this project Clauditor's is not shown" in said()
    (tmp_path / "project/.claude/settings.json").write_bytes(b"{")
    assert len(said().split("\n")) == 3
    assert without_hooks({"disableAllHooks": True}, PATH)[0].startswith(str(PATH))


def test_no_proxy_is_written_only_where_a_proxy_is_set() -> None:
    def variables(
        environ: dict[str, str], settings: dict[str, Any], upstream: str = ANTHROPIC
    ) -> dict[str, str]:
        return settings_variables(URL, environ, settings, upstream=upstream)

    always = {"ANTHROPIC_BASE_URL": URL, "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1"}
    assert variables({"NO_PROXY": ".corp"}, {}) == always | {"ENABLE_TOOL_SEARCH": "true"}
    assert variables(
        {"https_proxy": "http://p"}, {"NO_PROXY": ".corp", "ENABLE_TOOL_SEARCH": "auto"}
    ) == always | {
        "NO_PROXY": ".corp,127.0.0.1,localhost",
        "no_proxy": ".corp,127.0.0.1,localhost",
    }
    assert variables({}, {"HTTP_PROXY": "http://p", "x": 3}, "https://llm.corp") == always | {
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
