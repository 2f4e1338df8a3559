"""Settings: one frozen value from command line, environment and `config.toml`, in that order of strength.

Every setting has one name. It is `--data-dir` on the command line, `CLAUDITOR_DATA_DIR` in the environment and
`data_dir` in `config.toml` (`platformdirs.user_config_path("clauditor")`; a missing file is fine). A name that is
none is worth a warning: a misspelt setting would be without effect in silence.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import platformdirs

from clauditor.errors import ClauditorError
from clauditor.text import clean

Origin = Literal["flag", "environment", "file"]
Labels = Literal["memory", "store", "off"]
Privacy = Literal["normal", "strict"]

ANTHROPIC: Final = "https://api.anthropic.com"
DEFAULT_PORT: Final = 10000
DEFAULT_API_PORT: Final = 9091
CONFIG_LIMIT_BYTES: Final = 1 << 20  # a settings file is small; a larger one is a mistake (or a device)

PREFIX: Final = "CLAUDITOR_"
OTHER_VARIABLES: Final = frozenset(
    {"CONFIG", "RUN_ID", "DEBUG", "DASHBOARDS", "WRITE_GOLDEN", "FUZZ_EXAMPLES"}
)
"""CLAUDITOR_* that are no settings: the file's own name, what `run` tells a client, compose's and the tests'."""
TEST_VARIABLES: Final = "TEST_"
NAME_CELLS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person has chosen, with defaults for the rest; paths are absolute."""

    data_dir: Path
    config_file: Path | None = None
    port: int = DEFAULT_PORT
    api_port: int = DEFAULT_API_PORT
    api_host: str = "127.0.0.1"
    allowed_hosts: tuple[str, ...] = ()
    upstream: str = ANTHROPIC
    upstream_ca: Path | None = None
    upstream_proxy: str | None = None
    envoy: Path | None = None
    allow_other_upstream: bool = False
    labels: Labels = "memory"
    privacy: Privacy = "normal"
    token_file: Path | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Where each setting that is not a default came from, by the setting's name."""
    problems: tuple[str, ...] = ()
    """Why values of file and environment could not be used, a sentence each; only if that was to be forgiven."""
    warnings: tuple[str, ...] = ()
    """Names that are no setting, a sentence each."""

    def asked_for(self, name: str) -> bool:
        """Whether somebody gave this setting at all."""
        return name in self.origins

    def flagged(self, name: str) -> bool:
        """Whether this setting stood on the command line of this very command."""
        return self.origins.get(name) == "flag"


def load_settings(
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    forgiving: bool = False,
) -> Settings:
    """Settings from flags (None: not given), then CLAUDITOR_*, then the configuration file.

    Raises ClauditorError, naming the variable or the file, for a value that cannot be used. If `forgiving`, a value
    or file that nobody named on the command line only becomes one of the `problems`, and the default holds.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None and value != ()}
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    if named := given.pop("config", None):
        origins["config"] = "flag"
    elif named := environ.get("CLAUDITOR_CONFIG"):
        origins["config"] = "environment"
    problems: list[str] = []
    config_file: Path | None = None
    config: dict[str, Any] = {}
    try:
        config_file, config = _config_file(named)
    except ClauditorError as error:
        if not forgiving:
            raise
        problems.append(str(error))
    for name, parse in PARSERS.items():
        variable = PREFIX + name.upper()
        if name in given:
            raw, origin, place = given[name], "flag", "--" + name.replace("_", "-")
        elif environ.get(variable):
            raw, origin, place = environ[variable], "environment", variable
        elif name in config:
            raw, origin, place = config[name], "file", f"{name} in {config_file}"
        else:
            continue
        try:
            values[name] = parse(raw)
        except ValueError as error:
            if not forgiving or origin == "flag":
                raise ClauditorError(f"{place}: {error}.") from error
            problems.append(f"{place}: {error}.")
            continue
        origins[name] = origin  # type: ignore[assignment]  # the three literals above
    values["allowed_hosts"] = values.pop("allowed_host", ())
    data_dir = values.pop("data_dir", None) or platformdirs.user_data_path("clauditor", appauthor=False)
    return Settings(
        data_dir=data_dir,
        config_file=config_file,
        origins=origins,
        problems=tuple(problems),
        warnings=tuple(_unknown_names(config, config_file, environ)),
        **values,
    )


def _unknown_names(
    config: Mapping[str, Any], config_file: Path | None, environ: Mapping[str, str]
) -> Iterator[str]:
    for name in config:
        if name not in PARSERS:
            yield f"{clean(name, NAME_CELLS)} in {config_file} is no setting and has no effect; check its spelling."
    for variable in sorted(environ):
        name = variable.removeprefix(PREFIX)
        if name == variable or name in OTHER_VARIABLES or name.startswith(TEST_VARIABLES):
            continue
        if name.lower() not in PARSERS or not name.isupper():
            yield f"{clean(variable, NAME_CELLS)} is no setting and has no effect; check its spelling."


def require_upstream_consent(settings: Settings) -> None:
    """Refuse an upstream other than Anthropic's that nobody typed.

    Keys travel to the upstream, and an environment variable is easily set by a project's own files; so one that
    does not stand on the command line needs `allow_other_upstream = true`.
    """
    if settings.upstream == ANTHROPIC or settings.flagged("upstream") or settings.allow_other_upstream:
        return
    place = (
        "CLAUDITOR_UPSTREAM" if settings.origins.get("upstream") == "environment" else settings.config_file
    )
    raise ClauditorError(
        f"{place} would send your keys to {settings.upstream}; if you want that, give --upstream "
        f"{settings.upstream} or set allow_other_upstream = true."
    )


def parse_upstream(value: object) -> str:
    """An http or https address with host, optional port and path prefix, without the last slash."""
    text = _text(value)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f'"{text}" is no address like {ANTHROPIC}') from error
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not _is_host(host) or port == 0:
        raise ValueError(f'"{text}" is no address like {ANTHROPIC}')
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("an upstream takes a host, a port and a path, no user name, query or fragment")
    if not re.fullmatch(r"[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*", parts.path):
        raise ValueError(f'"{parts.path}" is no path that HTTP can carry')
    authority = f"[{host}]" if ":" in host else host
    if port is not None and port != (443 if parts.scheme == "https" else 80):
        authority += f":{port}"
    return f"{parts.scheme}://{authority}{parts.path.rstrip('/')}"


def parse_upstream_proxy(value: object) -> str:
    """`host:port` of an HTTP proxy (also written as a http:// address), or `none` for no proxy at all."""
    text = _text(value)
    if text == "none":
        return text
    try:
        parts = urlsplit(text if "://" in text else "http://" + text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f'"{text}" is no proxy like proxy.example.com:3128') from error
    if parts.username is not None:
        raise ValueError("a proxy that asks for a password is not supported; give one that does not")
    if parts.scheme != "http" or not _is_host(parts.hostname or "") or parts.path.strip("/"):
        raise ValueError(f'"{text}" is no proxy like proxy.example.com:3128 (plain HTTP to the proxy itself)')
    host = parts.hostname or ""
    return f"[{host}]:{port or 80}" if ":" in host else f"{host}:{port or 80}"


def parse_port(value: object) -> int:
    number = _whole(value)
    if not 0 <= number <= 65535:
        raise ValueError(f"{number} is no port; choose 1 to 65535, or 0 for any free one")
    return number


def _config_file(named: object) -> tuple[Path, dict[str, Any]]:
    """The file and its content; only the default file may be missing."""
    if named:
        path = _path(named)
    else:
        path = platformdirs.user_config_path("clauditor", appauthor=False) / "config.toml"
    try:
        if not named and not path.exists():
            return path, {}
        with path.open("rb") as file:
            content = file.read(CONFIG_LIMIT_BYTES + 1)
        if len(content) > CONFIG_LIMIT_BYTES:
            raise ClauditorError(f"{path} is larger than a settings file can be (1 MiB).")
        return path, tomllib.loads(content.decode())
    except OSError as error:
        raise ClauditorError(f"Cannot read the settings file {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ClauditorError(f"{path} is not valid TOML: {error}.") from error


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        label = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
        return len(host) <= 253 and re.fullmatch(rf"{label}(\.{label})*\.?", host) is not None
    return "%" not in host  # no scoped IPv6 addresses: they do not survive a Host header


def _wrong(expected: str, value: object) -> ValueError:
    return ValueError(f"expected {expected}, not {value!r}")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong("text", value)
    if not value.isprintable():  # urlsplit would drop a line break in silence
        raise _wrong("one line of readable text", value)
    return value.strip()


def _path(value: object) -> Path:
    text = str(value) if isinstance(value, Path) else _text(value)
    if not text or "\0" in text:
        raise ValueError("expected a path")
    return Path(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111 - keeps symlinks, as typed


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise _wrong("a whole number", value)
    try:
        return int(value)
    except ValueError:
        raise ValueError(f'"{value}" is no whole number') from None


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    words = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    text = _text(value).lower()
    if text not in words:
        raise ValueError(f'"{text}" is neither true nor false')
    return words[text]


def _host(value: object) -> str:
    text = _text(value)
    if not _is_host(text):
        raise ValueError(f'"{text}" is no host name or address')
    return text


def _hosts(value: object) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)):
        raise _wrong("a list of host names", value)
    return tuple(_host(item) for item in items if item)


def _choice(*words: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        text = _text(value)
        if text not in words:
            raise ValueError(f'"{text}" is none of {", ".join(words)}')
        return text

    return parse


PARSERS: Final[Mapping[str, Callable[[object], Any]]] = {
    "data_dir": _path,
    "port": parse_port,
    "api_port": parse_port,
    "api_host": _host,
    "allowed_host": _hosts,
    "upstream": parse_upstream,
    "upstream_ca": _path,
    "upstream_proxy": parse_upstream_proxy,
    "envoy": _path,
    "allow_other_upstream": _flag,
    "labels": _choice("memory", "store", "off"),
    "privacy": _choice("normal", "strict"),
    "token_file": _path,
}
"""Each setting's name and the function that checks it (raises ValueError with the reason)."""
