"""The variables that send a client through the proxy, and the set-ups in which they must not be set.

Source: Claude Code's documentation of its environment variables, model configuration and LLM gateways (2026-11), and
its settings: a base URL in a settings file beats the environment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from clauditor.config import ANTHROPIC
from clauditor.text import clean, redact

BASE_URL: Final = "ANTHROPIC_BASE_URL"
LOOPBACK: Final = ("127.0.0.1", "localhost")
OTHER_PROVIDERS: Final = {
    "CLAUDE_CODE_USE_BEDROCK": "Amazon Bedrock",
    "CLAUDE_CODE_USE_VERTEX": "Google Vertex AI",
    "CLAUDE_CODE_USE_FOUNDRY": "Microsoft Foundry",
}
NO_PROXY: Final = frozenset({"NO_PROXY", "no_proxy"})
PROXY_VARIABLES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
FROM_A_PROJECT: Final = " - or remove it there, if you do not know that address: this project sends your key and your prompts to it"
SETTINGS_LIMIT_BYTES: Final = 1 << 20


def client_variables(proxy_url: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What a client needs to be seen, and nothing that changes how it behaves otherwise."""
    return {
        BASE_URL: proxy_url,
        # Documented for gateways: each request says what kind it is, which agent and prompt it belongs to.
        "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
        # The client would ask a company proxy even for a loopback address. Some programs read one spelling only.
        "NO_PROXY": _with_loopback(environ.get("NO_PROXY") or environ.get("no_proxy") or ""),
        "no_proxy": _with_loopback(environ.get("no_proxy") or environ.get("NO_PROXY") or ""),
    }


def settings_variables(
    proxy_url: str, environ: Mapping[str, str], named: Mapping[str, Any], *, upstream: str
) -> dict[str, str]:
    """The same for the client's settings file, whose own variables (`named`) beat the shell's.

    `NO_PROXY` is written only where a proxy is set: in a file it would hide what a shell says of other hosts.
    """
    seen = {**environ, **{name: value for name, value in named.items() if isinstance(value, str)}}
    variables = client_variables(proxy_url, seen)
    if not any(seen.get(name) for name in PROXY_VARIABLES):
        variables = {name: value for name, value in variables.items() if name not in NO_PROXY}
    # With another host than Anthropic's the client holds tool search back in some conversations, older versions in
    # all: not every gateway passes its blocks. We do; what a company's gateway behind us does is not ours to say.
    if upstream == ANTHROPIC and "ENABLE_TOOL_SEARCH" not in seen:
        variables["ENABLE_TOOL_SEARCH"] = "true"
    return variables


def obstacle(environ: Mapping[str, str], *, proxy_url: str | None, upstream: str) -> str | None:
    """Why a client with this environment cannot be sent through the proxy, in one sentence; None if it can.

    A base URL that is already set belongs to somebody: keys meant for it must not go to another upstream.
    """
    for variable, provider in OTHER_PROVIDERS.items():
        if environ.get(variable, "").lower() not in ("", "0", "false", "no", "off"):
            return f"{variable} sends Claude to {provider}, which Clauditor does not observe."
    return _other_place(BASE_URL, environ.get(BASE_URL), proxy_url, upstream)


def settings_obstacle(
    environ: Mapping[str, str], directory: Path, *, proxy_url: str | None, upstream: str
) -> str | None:
    """The same for Claude Code's settings files, which beat the environment; unreadable ones say nothing.

    A project's file may have come with the project, from anybody: that is said (CVE-2026-21852).
    """
    *_, users = _settings_files(environ, directory)
    for path in _settings_files(environ, directory):
        variables = _environment_in(path)
        if (found := obstacle(variables, proxy_url=proxy_url, upstream=upstream)) is not None:
            return f"{path}: {found}" + ("" if path == users else FROM_A_PROJECT)
    return None


def settings_base_url(environ: Mapping[str, str], directory: Path) -> str | None:
    """The base URL that the settings files of a client with this environment name; None: they name none."""
    for path in _settings_files(environ, directory):
        if address := _environment_in(path).get(BASE_URL):
            return address
    return None


def _other_place(name: str, address: str | None, proxy_url: str | None, upstream: str) -> str | None:
    if not address or address.rstrip("/") in (proxy_url, upstream):
        return None
    shown = redact(clean(address))
    return f"{name} already sends Claude to {shown}; put Clauditor in front of it: clauditor up --upstream {shown}"


def _with_loopback(names: str) -> str:
    words = [word for word in names.split(",") if word.strip()]
    if "*" in words:
        return names
    return ",".join([*words, *(name for name in LOOPBACK if name not in words)])


def _settings_files(environ: Mapping[str, str], directory: Path) -> Iterator[Path]:
    """The project's own, then the user's, in the order in which the client lets them win."""
    yield directory / ".claude" / "settings.local.json"
    yield directory / ".claude" / "settings.json"
    home = Path(environ["CLAUDE_CONFIG_DIR"]) if environ.get("CLAUDE_CONFIG_DIR") else Path.home() / ".claude"
    yield home / "settings.json"


def _environment_in(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            settings: Any = json.loads(file.read(SETTINGS_LIMIT_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    variables = settings.get("env") if isinstance(settings, dict) else None
    if not isinstance(variables, dict):
        return {}
    return {name: str(value) for name, value in variables.items()}
