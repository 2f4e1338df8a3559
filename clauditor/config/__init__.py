"""Settings: what a person has chosen on the command line, in the environment and in `config.toml`."""

from clauditor.config.settings import (
    ANTHROPIC,
    DEFAULT_API_PORT,
    DEFAULT_PORT,
    PARSERS,
    Settings,
    load_settings,
    require_upstream_consent,
)
from clauditor.config.tables import Retention
from clauditor.config.values import parse_port, parse_upstream, parse_upstream_proxy

__all__ = [
    "ANTHROPIC",
    "DEFAULT_API_PORT",
    "DEFAULT_PORT",
    "PARSERS",
    "Retention",
    "Settings",
    "load_settings",
    "parse_port",
    "parse_upstream",
    "parse_upstream_proxy",
    "require_upstream_consent",
]
