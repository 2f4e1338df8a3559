from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from clauditor.alerts.rules import SIGNALS, AlertRules
from clauditor.config import (
    Retention,
    Settings,
    load_settings,
    parse_upstream,
    parse_upstream_proxy,
    require_upstream_consent,
)
from clauditor.config.tables import COLUMNS
from clauditor.config.values import parse_webhook
from clauditor.errors import ClauditorError
from clauditor.signals.thresholds import Thresholds
from clauditor.ui.views.presets import CHOICES


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


def test_without_tables_their_defaults_hold(config: Path) -> None:
    settings = load(config)
    assert settings.signals == Thresholds()
    assert settings.alerts == AlertRules()
    assert settings.retention == Retention(calls_days=90, sessions_days=400, max_megabytes=512)


def test_tables_change_what_they_name(config: Path) -> None:
    settings = load(
        config,
        """
        port = 2
        [signals]
        stream_seconds = 200
        limit_ratio = 0.8
        [retention]
        calls_days = 30
        [alerts]
        desktop = false
        webhook = "https://hooks.example.com/a/b?c=d"
        webhook_labels = true
        command = ["~/on-alert", "--quiet"]
        answer_seconds = 20
        [alerts.signals]
        stalled = "off"
        tool_loop = false
        cache_rebuilt = true
        rate_limit = "watch"
        """,
    )
    assert settings.signals == Thresholds(stream_seconds=200, limit_ratio=0.8)
    assert settings.retention == Retention(calls_days=30)
    assert settings.alerts == AlertRules(
        desktop=False,
        webhook="https://hooks.example.com/a/b?c=d",
        webhook_labels=True,
        command=(str(Path("~/on-alert").expanduser()), "--quiet"),
        answer_seconds=20,
        signals={
            **SIGNALS,
            "stalled": "off",
            "tool_loop": "off",
            "cache_rebuilt": "watch",
            "rate_limit": "watch",
        },
    )
    assert settings.warnings == ()


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Thresholds)])
def test_every_threshold_can_be_set(config: Path, name: str) -> None:
    settings = load(config, f"[signals]\n{name} = 7")
    assert settings.signals == dataclasses.replace(Thresholds(), **{name: 7})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[signals]\nstream_seconds = 'x'",
            "stream_seconds under .signals. in .*: expected a number from 0 on, not 'x'",
        ),
        ("[signals]\nstream_seconds = true", "not True"),
        ("[signals]\nstream_seconds = -1", "not -1"),
        ("[signals]\nstream_seconds = nan", "not nan"),
        ("[signals]\nstream_seconds = inf", "not inf"),
        ("[signals]\nstream_seconds = 1" + "0" * 400, "expected a number from 0 on, not 1000"),
        ("signals = 3", r"signals in .*config\.toml: expected a table \[signals\], not 3"),
        ("[[alerts]]\ndesktop = true", r"expected a table \[alerts\]"),
        ("[alerts]\nsignals = 'stalled'", r"alerts.signals in .*: expected a table \[alerts.signals\]"),
        ("[alerts.signals]\nstalled = 'loud'", '"loud" is none of off, notice, watch, act'),
        ("[alerts]\ndesktop = 'perhaps'", '"perhaps" is neither true nor false'),
        ("[alerts]\ncommand = 'notify --now'", "expected a list like .*, not 'notify --now'"),
        ("[alerts]\ncommand = ['']", "expected a program"),
        ("[alerts]\ntoast_seconds = -1", "expected a number from 0 on"),
        ("[retention]\ncalls_days = 0", "expected a whole number from 1 on, not 0"),
        ("[retention]\ncalls_days = 1.5", "expected a whole number from 1 on, not 1.5"),
    ],
)
def test_a_bad_value_of_a_table_is_named_with_its_place(config: Path, text: str, words: str) -> None:
    with pytest.raises(ClauditorError, match=words):
        load(config, text)
    config.write_text(text)
    settings = load_settings({"config": str(config)}, {}, forgiving=True)
    assert (settings.signals, settings.retention) == (Thresholds(), Retention())
    assert settings.alerts == AlertRules()
    assert len(settings.problems) == 1
    assert re.search(words, settings.problems[0])


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/secret-path",
        "ftp://127.0.0.1/secret-path",
        "https://me:secret-path@example.com/",
        "https://example.com/secret-path#x",
        "https://example.com/secret path",
        "https://example.com:0/secret-path",
        "https://[::1/secret-path",
        "//example.com/secret-path",
        "https://example.com/secret-path\nX: y",
        "http://127.0.0.1.example.com/secret-path",
    ],
)
def test_webhooks_that_cannot_be_used_are_refused_without_their_secret(url: str) -> None:
    with pytest.raises(
        ValueError, match=r"expected an address|takes a host|cannot carry|plain http"
    ) as refusal:
        parse_webhook(url)
    assert "secret-path" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/T0/B0?a=b",
        "http://127.0.0.1:8080/x",
        "http://localhost/",
        "http://[::1]:1/",
    ],
)
def test_webhooks_are_https_or_of_this_machine(url: str) -> None:
    assert parse_webhook(url) == url


def test_names_that_are_none_in_a_table_are_warned_of(config: Path) -> None:
    settings = load(
        config, "[signals]\nstraem_seconds = 'x'\n[alerts]\nbell = 1\n[alerts.signals]\nstaled = 1\n[alert]"
    )
    end = f"in {config} is no setting and has no effect; check its spelling."
    assert settings.warnings == (
        f"alert {end}",
        f"straem_seconds under [signals] {end}",
        f"bell under [alerts] {end}",
        f"staled under [alerts.signals] {end}",
    )


def test_tables_stand_in_the_file_only(config: Path) -> None:
    settings = load(config, environ={"CLAUDITOR_ALERTS": "x", "CLAUDITOR_SIGNALS": "x"})
    assert settings.alerts == AlertRules()
    assert len(settings.warnings) == 2


def test_the_page_on_alerts_shows_a_file_that_works_and_what_rings_by_default(config: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "alerts.md").read_text(encoding="utf-8")
    example = "\n".join(
        re.findall(r"^    (.*)$", page.split("## Ways")[1].split("### Desktop")[0], re.MULTILINE)
    )
    settings = load(config, example)
    assert settings.warnings == ()
    assert settings.alerts.webhook_labels is False
    assert settings.alerts == dataclasses.replace(
        AlertRules().ringing(
            {"stalled": "off", "cache_rebuilt": "watch", "context_pressure": "watch", "rate_limit": "watch"}
        ),
        desktop=True,
        webhook="https://hooks.example.com/clauditor",
        command=("/home/me/bin/on-alert", "--quiet"),
    )
    told = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert told == {name for name, least in SIGNALS.items() if least != "off"}


def test_columns_of_the_screen_and_tokens_of_other_sidecars_stand_in_tables(config: Path) -> None:
    config.write_text(
        '[top]\ncolumns = ["agents", "cost"]\n[tokens]\n"http://build:9091/" = "~/build.token"\n'
    )
    settings = load_settings({"config": str(config)}, {})
    assert settings.top.columns == ("agents", "cost")
    assert settings.tokens == {"http://build:9091": Path.home() / "build.token"}
    for wrong in ('["cost", "cost"]', '["price"]', '"cost"', "[7]"):
        config.write_text(f"[top]\ncolumns = {wrong}\n")
        with pytest.raises(ClauditorError, match=r"columns under \[top\]"):
            load_settings({"config": str(config)}, {})


def test_the_columns_that_can_be_chosen_are_those_there_are() -> None:
    assert set(COLUMNS) == set(CHOICES)


def test_the_watchdogs_patience_is_a_number_of_seconds_wherever_it_stands(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("watchdog_seconds = 30\n")
    assert load_settings({"config": config}, {}).watchdog_seconds == 30
    assert load_settings({"config": config}, {"CLAUDITOR_WATCHDOG_SECONDS": "0"}).watchdog_seconds == 0
    for wrong in ("soon", "-1", "nan", "0.5", "1e999"):
        with pytest.raises(ClauditorError, match="CLAUDITOR_WATCHDOG_SECONDS: expected 0, or a number"):
            load_settings({"config": config}, {"CLAUDITOR_WATCHDOG_SECONDS": wrong})
