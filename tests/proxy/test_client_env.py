from __future__ import annotations

from pathlib import Path

import pytest

from clauditor.proxy.client_env import client_variables, obstacle, settings_obstacle

OURS = "http://127.0.0.1:10000"
UPSTREAM = "https://api.anthropic.com"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ("127.0.0.1,localhost", "127.0.0.1,localhost")),
        ({"NO_PROXY": "a,localhost"}, ("a,localhost,127.0.0.1", "a,localhost,127.0.0.1")),
        ({"no_proxy": "b"}, ("b,127.0.0.1,localhost", "b,127.0.0.1,localhost")),
        ({"NO_PROXY": "a", "no_proxy": "*"}, ("a,127.0.0.1,localhost", "*")),
    ],
)
def test_loopback_is_kept_from_company_proxies(environ: dict[str, str], expected: tuple[str, str]) -> None:
    variables = client_variables(OURS, environ)
    assert (variables["NO_PROXY"], variables["no_proxy"]) == expected


@pytest.mark.parametrize("address", ["", OURS, OURS + "/", UPSTREAM, UPSTREAM + "/"])
def test_our_own_address_and_the_upstreams_are_no_obstacle(address: str) -> None:
    assert obstacle({"ANTHROPIC_BASE_URL": address}, proxy_url=OURS, upstream=UPSTREAM) is None


def test_another_address_is_an_obstacle_that_is_cleaned_before_it_is_shown() -> None:
    found = obstacle({"ANTHROPIC_BASE_URL": "https://x/\x1b]0;owned\x07"}, proxy_url=OURS, upstream=UPSTREAM)
    assert (
        found
        == "ANTHROPIC_BASE_URL already sends Claude to https://x/; put Clauditor in front of it: clauditor up --upstream https://x/"
    )


@pytest.mark.parametrize(("value", "counts"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_other_providers_count_only_when_switched_on(value: str, *, counts: bool) -> None:
    found = obstacle({"CLAUDE_CODE_USE_VERTEX": value}, proxy_url=OURS, upstream=UPSTREAM)
    assert (found is not None) is counts


def test_settings_files_of_project_and_user_are_read(tmp_path: Path) -> None:
    home, project = tmp_path / "config", tmp_path / "project"
    environ = {"CLAUDE_CONFIG_DIR": str(home)}

    def found() -> str | None:
        return settings_obstacle(environ, project, proxy_url=OURS, upstream=UPSTREAM)

    assert found() is None
    for path in (home / "settings.json", project / ".claude" / "settings.local.json"):
        path.parent.mkdir(parents=True)
        path.write_text('{"env": {"ANTHROPIC_BASE_URL": "https://llm.example"}}')
        said = found() or ""
        assert said.startswith(f"{path}: ANTHROPIC_BASE_URL already")
        assert ("remove it there, if you do not know that address" in said) == (path.parent.name == ".claude")
        path.write_text('{"env": {"ANTHROPIC_BASE_URL": "' + OURS + '"}}')
        assert found() is None
        for hostile in ("[]", '{"env": 3}', "[" * 100_000, "\0"):
            path.write_text(hostile)
            assert found() is None
