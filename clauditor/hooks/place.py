"""Where the sidecar and the proxy of this data directory are, found without loading the settings.

The same places as `clauditor.config` (a test holds the two together) and `clauditor.client`: option, environment,
`config.toml`, default; then the plan that the last start left in `run/stack.json`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

HOST: Final = "127.0.0.1"
API_PORT: Final = 9091
_READ_BYTES: Final = 1 << 20  # a plan has 3 KB, a settings file less
_FROM_FILE: Final = ("data_dir", "token_file")
_REACHED: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a wildcard listener is reached
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Place(NamedTuple):
    """`plan` is the content of `run/stack.json` (empty: nothing was ever started), `proxy_port` the port it names;
    `token` is None where it cannot be read, or is no token; `sidecar_lock` is held while the sidecar lives.
    """

    data_dir: str
    plan: Mapping[str, Any]
    proxy_port: int | None
    api_host: str
    api_port: int
    token: str | None
    token_file: str
    sidecar_lock: str


def find_place(options: Mapping[str, str], environ: Mapping[str, str]) -> Place:
    """`options` are `data_dir` and `config`, where they were given. Never raises on what the files hold."""
    chosen = _from_file(options.get("config") or environ.get("CLAUDITOR_CONFIG"), environ)
    for name in _FROM_FILE:
        if given := options.get(name) or environ.get("CLAUDITOR_" + name.upper()):
            chosen[name] = given
    data_dir = _absolute(chosen["data_dir"]) if "data_dir" in chosen else _default("data", environ)
    try:
        plan = json.loads(_content(os.path.join(data_dir, "run", "stack.json")))  # noqa: PTH118 - pathlib is slow to load
    except (OSError, ValueError, RecursionError):
        plan = {}
    if not isinstance(plan, dict):
        plan = {}
    host = plan.get("api_host")
    token_file = _absolute(chosen.get("token_file") or os.path.join(data_dir, "token"))  # noqa: PTH118
    return Place(
        data_dir=data_dir,
        plan=plan,
        proxy_port=_port(plan.get("port")),
        api_host=_REACHED.get(host, host) if isinstance(host, str) else HOST,
        api_port=_port(plan.get("api_port")) or API_PORT,
        token=_token(token_file),
        token_file=token_file,
        sidecar_lock=os.path.join(data_dir, "run", "sidecar.lock"),  # noqa: PTH118
    )


def uses_proxy(place: Place, environ: Mapping[str, str]) -> bool:
    """Whether a client with this environment sends its requests to this proxy.

    Claude Code 2.1.330 hands its hooks and status line the base URL that it uses, whether it came from the shell or
    from its settings. Without a plan any loopback address is taken for ours.
    """
    port = base_url_port(environ)
    return port is not None and place.proxy_port in {port, None}


def base_url_port(environ: Mapping[str, str]) -> int | None:
    """The loopback port of the base URL; None if it leads elsewhere, or there is none."""
    scheme, _, rest = environ.get("ANTHROPIC_BASE_URL", "").strip().partition("://")
    host, _, port = rest.partition("/")[0].rpartition(":")
    if scheme.lower() != "http" or host.lower() not in _LOOPBACK or not (port.isascii() and port.isdecimal()):
        return None
    return int(port) if len(port) <= 5 else None


def _from_file(named: str | None, environ: Mapping[str, str]) -> dict[str, str]:
    """What `config.toml` says of places; it is parsed only if it seems to say anything."""
    path = _absolute(named) if named else os.path.join(_default("config", environ), "config.toml")  # noqa: PTH118
    try:
        content = _content(path)
        if not any(name.encode() in content for name in _FROM_FILE):
            return {}
        import tomllib  # noqa: PLC0415 - 10 ms

        config = tomllib.loads(content.decode())
    except (OSError, ValueError, RecursionError):
        return {}
    return {name: config[name] for name in _FROM_FILE if isinstance(config.get(name), str) and config[name]}


def _default(kind: str, environ: Mapping[str, str]) -> str:
    """The platform's user directory; on Linux by its own rule (XDG Base Directory), because platformdirs takes 15 ms."""
    if sys.platform != "linux":
        import platformdirs  # noqa: PLC0415

        find = platformdirs.user_data_dir if kind == "data" else platformdirs.user_config_dir
        return find("clauditor", appauthor=False)
    base = environ.get(f"XDG_{kind.upper()}_HOME", "").strip()
    fallback = "~/.local/share" if kind == "data" else "~/.config"
    return os.path.join(base or os.path.expanduser(fallback), "clauditor")  # noqa: PTH111, PTH118


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111


def _content(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read(_READ_BYTES)


def _token(path: str) -> str | None:
    try:
        token = _content(path).decode("ascii").strip()
    except (OSError, ValueError):
        return None
    return token if token.isprintable() and " " not in token else None


def _port(value: object) -> int | None:
    return value if type(value) is int and 0 < value < 65536 else None
