"""clauditor doctor: with a real stack, a stopped one, and one that hangs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clauditor.demo import Simulator
from support.waiting import until

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
PROMISED_SECONDS = 3.0


def checks(cli: Cli, **options: Any) -> dict[str, dict[str, Any]]:
    told = json.loads(cli("doctor", "--json", **options).stdout)
    assert told["schema_version"] == 1
    return {check["name"]: check for check in told["checks"]}


def test_a_stack_that_runs_is_found_well_and_nothing_is_changed(
    cli: Cli, cli_environ: dict[str, str]
) -> None:
    cli("up")
    data_dir = Path(cli_environ["CLAUDITOR_DATA_DIR"])
    before = {path.name for path in data_dir.rglob("*")}
    found = checks(cli)
    assert {name: found[name]["level"] for name in ("supervisor", "proxy", "proxy port", "sidecar", "API port")} == {
        "supervisor": "ok", "proxy": "ok", "proxy port": "ok", "sidecar": "ok", "API port": "ok",
    }  # fmt: skip
    assert found["recording"]["text"] == "no gap in the last day"
    assert found["history"]["level"] == "ok"
    assert found["private files"]["level"] == "ok"
    assert found["upstream"]["level"] == "problem"  # the one of these tests refuses connections
    assert "refuses connections" in found["upstream"]["text"]
    made = {path.name for path in data_dir.rglob("*")} - before
    assert {name for name in made if not name.startswith(("access.", ".access.", "clauditor.db"))} == set()


def test_the_last_line_says_how_many_and_which_first_and_the_code_says_it_too(
    cli: Cli, cli_environ: dict[str, str]
) -> None:
    found = cli("doctor")
    assert found.returncode == 1
    assert found.stdout.splitlines()[-1].startswith("1 problem, ")
    assert found.stdout.splitlines()[-1].endswith(": upstream.")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        well = cli("doctor", environ={"CLAUDITOR_UPSTREAM": address})
    assert (well.returncode, well.stdout.splitlines()[-1].startswith("No problem, ")) == (0, True)
    assert not Path(cli_environ["CLAUDITOR_DATA_DIR"]).exists()  # looking makes nothing


def test_a_sidecar_that_hangs_is_named_within_the_promised_time(cli: Cli) -> None:
    cli("up")
    pid = json.loads(cli("status", "--json").stdout)["sidecar"]["pid"]
    began = time.monotonic()
    cli("--version")
    start_seconds = time.monotonic() - began  # what the machine takes to start us at all, now
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        found = checks(cli)
        took = time.monotonic() - began
    finally:
        os.kill(pid, signal.SIGCONT)
    assert found["sidecar"]["level"] == "problem"
    assert f"kill -9 {pid}" in found["sidecar"]["remedy"]
    assert found["proxy"]["level"] == "ok"
    assert took < PROMISED_SECONDS + start_seconds


def test_what_install_sets_up_is_found_in_order_and_gone_after_uninstall(cli: Cli) -> None:
    with Simulator() as vendor:
        there = {"CLAUDITOR_UPSTREAM": vendor.url}
        done = cli("install", "--yes", environ=there)
        assert done.returncode == 0, done
        found = checks(cli, environ=there)
        links = ("upstream", "base URL", "hint headers", "hooks", "status line")
        levels = {name: found[name]["level"] for name in links}
        assert levels == dict.fromkeys(links, "ok") | {"upstream": "note"}  # a note: it is not Anthropic's
        assert cli("uninstall", "--yes", environ=there).returncode == 0
        found = checks(cli, environ=there)
    assert found["base URL"]["text"] == "no session is sent here: nobody sets it"
    assert found["hooks"]["text"] == "not installed"


def test_a_client_that_is_sent_to_a_proxy_that_was_stopped_is_the_first_thing_to_mend(cli: Cli) -> None:
    cli("up")
    url = json.loads(cli("status", "--json").stdout)["proxy"]["url"]
    assert checks(cli, environ={"ANTHROPIC_BASE_URL": url})["base URL"]["level"] == "ok"
    cli("down", "--yes")
    found = checks(cli, environ={"ANTHROPIC_BASE_URL": url})
    assert found["base URL"]["level"] == "problem"
    assert "cannot reach the API" in found["base URL"]["text"]
    assert found["proxy"]["text"] == "stopped by clauditor down"


def test_a_stranger_on_the_kept_port_is_named(cli: Cli) -> None:
    cli("up")
    port = int(json.loads(cli("status", "--json").stdout)["proxy"]["url"].rpartition(":")[2])
    cli("down", "--yes")
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        found = checks(cli)["proxy port"]
    assert found["level"] == "problem"
    assert f"(pid {os.getpid()}, user " in found["text"]
    assert "key" in found["text"]


def test_a_sidecar_that_cannot_start_is_told_with_its_reason(cli: Cli, cli_environ: dict[str, str]) -> None:
    cli("up")
    plan = json.loads(
        (Path(cli_environ["CLAUDITOR_DATA_DIR"]) / "run/stack.json").read_text(encoding="utf-8")
    )
    pid = json.loads(cli("status", "--json").stdout)["sidecar"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(pid, signal.SIGKILL)
        until(lambda: _bound(stranger, plan["api_port"]), "the sidecar's port is ours")
        stranger.listen()
        found = until(lambda: _problem(checks(cli)["sidecar"]), "the sidecar is told not to start")
    assert "traffic goes on" in found["text"]


def test_broken_settings_are_told_and_stop_nothing(cli: Cli, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("port =", encoding="utf-8")
    found = checks(cli, environ={"CLAUDITOR_CONFIG": str(config)})
    assert found["settings"]["level"] == "problem"
    assert "not valid TOML" in found["settings"]["text"]


def test_no_secret_is_printed(cli: Cli, cli_environ: dict[str, str]) -> None:
    cli("up")
    token = (Path(cli_environ["CLAUDITOR_DATA_DIR"]) / "token").read_text(encoding="ascii").strip()
    secrets = {
        "ANTHROPIC_API_KEY": "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789",
        "ANTHROPIC_AUTH_TOKEN": "verysecrettoken",
        "HTTPS_PROXY": "http://me:hunter2hunter2@127.0.0.1:3128",
        "ANTHROPIC_BASE_URL": "https://me:hunter2hunter2@llm.corp/",
    }
    said = "".join(cli("doctor", *options, environ=secrets).stdout for options in (["-v"], ["--json"]))
    assert "llm.corp" in said
    for secret in ("sk-ant", "verysecrettoken", "hunter2", token):
        assert secret not in said


def test_colour_is_only_beside_words_and_not_asked_for_without(cli: Cli) -> None:
    plain = cli("doctor").stdout
    assert "\x1b" not in plain
    assert "!! problem  upstream" in plain


def _bound(stranger: socket.socket, port: int) -> bool:
    try:
        stranger.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _problem(found: dict[str, Any]) -> dict[str, Any] | None:
    return found if found["level"] == "problem" else None
