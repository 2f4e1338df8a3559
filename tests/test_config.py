from __future__ import annotations

from pathlib import Path

import pytest

from clauditor.config import (
    Settings,
    load_settings,
    parse_upstream,
    parse_upstream_proxy,
    require_upstream_consent,
)
from clauditor.errors import ClauditorError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def load(config: Path, text: str = "", *, environ: dict[str, str] | None = None, **flags: object) -> Settings:
    config.write_text(text)
    return load_settings({"config": str(config), **flags}, environ or {})


def test_without_anything_the_defaults_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "d"))
    settings = load_settings({}, {})
    assert (settings.port, settings.api_port, settings.api_host) == (10000, 9091, "127.0.0.1")
    assert settings.upstream == "https://api.anthropic.com"
    assert (settings.labels, settings.privacy, settings.origins) == ("memory", "normal", {})


def test_flags_win_over_environment_over_file(config: Path) -> None:
    text = "port = 1\napi_port = 2\nprivacy = 'strict'"
    environ = {"CLAUDITOR_PORT": "3", "CLAUDITOR_API_PORT": "4"}
    settings = load(config, text, environ=environ, port=5)
    assert (settings.port, settings.api_port, settings.privacy) == (5, 4, "strict")
    assert {name: settings.origins[name] for name in ("port", "api_port", "privacy")} == {
        "port": "flag",
        "api_port": "environment",
        "privacy": "file",
    }
    assert settings.flagged("port")
    assert settings.asked_for("privacy")
    assert not settings.flagged("privacy")
    assert not settings.asked_for("upstream")


def test_an_empty_variable_is_none(config: Path) -> None:
    assert load(config, environ={"CLAUDITOR_PORT": ""}).port == 10000


def test_hosts_are_a_list_in_each_place(config: Path) -> None:
    assert load(config, "allowed_host = ['a.example', 'b']").allowed_hosts == ("a.example", "b")
    assert load(config, environ={"CLAUDITOR_ALLOWED_HOST": "a.example, b"}).allowed_hosts == (
        "a.example",
        "b",
    )
    assert load(config, allowed_host=("a.example", "b")).allowed_hosts == ("a.example", "b")


def test_paths_become_absolute(config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    settings = load(config, data_dir="here", envoy="~/envoy")
    assert (settings.data_dir, settings.envoy) == (tmp_path / "here", tmp_path / "home" / "envoy")


@pytest.mark.parametrize(
    ("text", "environ", "words"),
    [
        ("port = 'x'", {}, r'port in .*config\.toml: "x" is no whole number\.'),
        ("port = 70000", {}, "70000 is no port"),
        ("port = true", {}, "expected a whole number, not True"),
        ("upstream = 3", {}, "expected text, not 3"),
        ("labels = 'all'", {}, '"all" is none of memory, store, off'),
        ("port = ", {}, r"config\.toml is not valid TOML"),
        ("", {"CLAUDITOR_PRIVACY": "none"}, 'CLAUDITOR_PRIVACY: "none" is none of normal, strict'),
        ("", {"CLAUDITOR_ALLOW_OTHER_UPSTREAM": "maybe"}, '"maybe" is neither true nor false'),
    ],
)
def test_a_bad_value_is_named_with_its_place(
    config: Path, text: str, environ: dict[str, str], words: str
) -> None:
    with pytest.raises(ClauditorError, match=words):
        load(config, text, environ=environ)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ClauditorError, match=r"Cannot read the settings file .*missing\.toml: No such file"):
        load_settings({}, {"CLAUDITOR_CONFIG": str(tmp_path / "missing.toml")})


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("https://api.anthropic.com/", "https://api.anthropic.com"),
        ("https://api.anthropic.com:443", "https://api.anthropic.com"),
        ("HTTP://LLM.corp:8080/gw/v2/", "http://llm.corp:8080/gw/v2"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://[::1]:8443/x", "https://[::1]:8443/x"),
    ],
)
def test_upstreams_are_brought_to_one_form(given: str, normal: str) -> None:
    assert parse_upstream(given) == normal
    assert parse_upstream(normal) == normal


@pytest.mark.parametrize(
    "given",
    [
        "",
        "api.anthropic.com",
        "ftp://host",
        "https://",
        "https://user:pass@host",
        "https://host?x=1",
        "https://host#x",
        "https://host:0",
        "https://host:99999",
        "https://ho st",
        "https://host/a b",
        "https://host/a\nb",
        "https://-host-",
        "https://[::1",
        "https://[fe80::1%25eth0]",
    ],
)
def test_other_upstreams_are_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"no address like|no user name|no path|expected"):
        parse_upstream(given)


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("proxy.corp:3128", "proxy.corp:3128"),
        ("http://proxy.corp:3128/", "proxy.corp:3128"),
        ("http://proxy.corp", "proxy.corp:80"),
        ("http://[::1]:3128", "[::1]:3128"),
        ("none", "none"),
    ],
)
def test_company_proxies_are_host_and_port(given: str, normal: str) -> None:
    assert parse_upstream_proxy(given) == normal


@pytest.mark.parametrize(
    "given", ["https://proxy.corp:3128", "socks5://proxy", "http://me:secret@proxy:1", ""]
)
def test_company_proxies_that_cannot_be_used_are_refused_without_their_password(given: str) -> None:
    with pytest.raises(ValueError, match=r"no proxy like|not supported") as refusal:
        parse_upstream_proxy(given)
    assert "secret" not in str(refusal.value)


def test_another_upstream_needs_consent(config: Path) -> None:
    other = "https://llm.example"
    require_upstream_consent(load(config))
    require_upstream_consent(load(config, upstream=other))
    require_upstream_consent(load(config, f"upstream = '{other}'\nallow_other_upstream = true"))
    with pytest.raises(
        ClauditorError, match=r"CLAUDITOR_UPSTREAM would send your keys to https://llm\.example; if"
    ):
        require_upstream_consent(load(config, environ={"CLAUDITOR_UPSTREAM": other}))
    with pytest.raises(
        ClauditorError, match=r"config\.toml would send your keys to .* allow_other_upstream = true"
    ):
        require_upstream_consent(load(config, f"upstream = '{other}'"))


def test_names_that_are_no_setting_are_warned_of(config: Path) -> None:
    environ = {"CLAUDITOR_PROT": "1", "CLAUDITOR_RUN_ID": "x", "CLAUDITOR_TEST_CLAUDE": "x", "CLAUDITORS": ""}
    settings = load(config, "prot = 1\nport = 2", environ=environ)
    assert settings.port == 2
    assert settings.warnings == (
        f"prot in {config} is no setting and has no effect; check its spelling.",
        "CLAUDITOR_PROT is no setting and has no effect; check its spelling.",
    )
    assert load(config, "port = 2", environ={"CLAUDITOR_PORT": "1", "CLAUDITOR_CONFIG": "x"}).warnings == ()


def test_what_is_forgiven_is_told_and_the_rest_holds(config: Path, tmp_path: Path) -> None:
    config.write_text(f"port = 'x'\ndata_dir = '{tmp_path / 'mine'}'")
    settings = load_settings({"config": str(config)}, {"CLAUDITOR_API_PORT": "y"}, forgiving=True)
    assert (settings.data_dir, settings.port, settings.api_port) == (tmp_path / "mine", 10000, 9091)
    assert settings.problems == (
        f'port in {config}: "x" is no whole number.',
        'CLAUDITOR_API_PORT: "y" is no whole number.',
    )
    config.write_text("port =")
    settings = load_settings({"config": str(config), "data_dir": str(tmp_path)}, {}, forgiving=True)
    assert settings.data_dir == tmp_path
    assert len(settings.problems) == 1
    assert "is not valid TOML" in settings.problems[0]
    with pytest.raises(ClauditorError, match="--port: "):
        load_settings({"port": "x"}, {}, forgiving=True)
