"""Settings: one frozen value from command line, environment and `config.toml`, in that order of strength.

Every setting has one name. It is `--data-dir` on the command line, `CLAUDITOR_DATA_DIR` in the environment and
`data_dir` in `config.toml` (`platformdirs.user_config_path("clauditor")`; a missing file is fine). A name that is
none is worth a warning: a misspelt setting would be without effect in silence. The file also has tables, which
are read by `config.tables`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import platformdirs

from clauditor.alerts.rules import AlertRules
from clauditor.config.tables import TABLES, Retention, TopRules, read_tables
from clauditor.config.values import (
    SHOWN_CELLS,
    choice,
    parse_flag,
    parse_host,
    parse_hosts,
    parse_path,
    parse_patience,
    parse_port,
    parse_upstream,
    parse_upstream_proxy,
)
from clauditor.errors import ClauditorError
from clauditor.signals.thresholds import Thresholds
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
    watchdog_seconds: float = 10.0
    """How long the sidecar's event loop may stand still before it is ended and started again; 0: for ever."""
    signals: Thresholds = field(default_factory=Thresholds)
    alerts: AlertRules = field(default_factory=AlertRules)
    retention: Retention = field(default_factory=Retention)
    top: TopRules = field(default_factory=TopRules)
    tokens: Mapping[str, Path] = field(default_factory=dict)
    """Files with the secrets of other sidecars, by their addresses."""
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
    chosen: dict[str, Any] = {}
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
            chosen[name] = parse(raw)
        except ValueError as error:
            if not forgiving or origin == "flag":
                raise ClauditorError(f"{place}: {error}.") from error
            problems.append(f"{place}: {error}.")
            continue
        origins[name] = origin  # type: ignore[assignment]  # the three literals above
    tables = read_tables(config, config_file)
    if tables.errors and not forgiving:
        raise ClauditorError(tables.errors[0])
    chosen["allowed_hosts"] = chosen.pop("allowed_host", ())
    data_dir = chosen.pop("data_dir", None) or platformdirs.user_data_path("clauditor", appauthor=False)
    return Settings(
        data_dir=data_dir,
        config_file=config_file,
        signals=tables.signals,
        alerts=tables.alerts,
        retention=tables.retention,
        top=tables.top,
        tokens={url.rstrip("/"): file for url, file in tables.tokens.items()},
        origins=origins,
        problems=(*problems, *tables.errors),
        warnings=(*_unknown_names(config, config_file, environ), *tables.warnings),
        **chosen,
    )


def _unknown_names(
    config: Mapping[str, Any], config_file: Path | None, environ: Mapping[str, str]
) -> Iterator[str]:
    for name in config:
        if name not in PARSERS and name not in TABLES:
            yield f"{clean(name, SHOWN_CELLS)} in {config_file} is no setting and has no effect; check its spelling."
    for variable in sorted(environ):
        name = variable.removeprefix(PREFIX)
        if name == variable or name in OTHER_VARIABLES or name.startswith(TEST_VARIABLES):
            continue
        if name.lower() not in PARSERS or not name.isupper():
            yield f"{clean(variable, SHOWN_CELLS)} is no setting and has no effect; check its spelling."


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


def _config_file(named: object) -> tuple[Path, dict[str, Any]]:
    """The file and its content; only the default file may be missing."""
    if named:
        path = parse_path(named)
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
    except (ValueError, RecursionError) as error:
        raise ClauditorError(f"{path} is not valid TOML: {error}.") from error


PARSERS: Final[Mapping[str, Callable[[object], Any]]] = {
    "data_dir": parse_path,
    "port": parse_port,
    "api_port": parse_port,
    "api_host": parse_host,
    "allowed_host": parse_hosts,
    "upstream": parse_upstream,
    "upstream_ca": parse_path,
    "upstream_proxy": parse_upstream_proxy,
    "envoy": parse_path,
    "allow_other_upstream": parse_flag,
    "labels": choice("memory", "store", "off"),
    "privacy": choice("normal", "strict"),
    "token_file": parse_path,
    "watchdog_seconds": parse_patience,
}
"""Each setting's name and the function that checks it (raises ValueError with the reason)."""
