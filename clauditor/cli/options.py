"""Options that many commands share: they become one `Settings` value, handed to the command as `settings`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import click

from clauditor.cli.complaining import complain
from clauditor.config import PARSERS, load_settings

Command = Callable[..., Any]

HELP: Final[Mapping[str, tuple[str, str]]] = {
    "data_dir": ("DIR", "Where Clauditor keeps its files."),
    "config": ("FILE", "Settings file (TOML)."),
    "port": ("PORT", "Port of the proxy; 0 takes any free one.  [default: the one of last time, else 10000]"),
    "api_port": (
        "PORT",
        "Port of the sidecar; 0 takes any free one.  [default: the one of last time, else 9091]",
    ),
    "api_host": ("ADDRESS", "Address the sidecar listens on (for containers).  [default: 127.0.0.1]"),
    "allowed_host": ("NAME", "A further Host name the sidecar answers to (for tunnels); may be repeated."),
    "upstream": ("URL", "Where requests go.  [default: https://api.anthropic.com]"),
    "upstream_ca": ("FILE", "Certificates to trust upstream, instead of the system's and the environment's."),
    "upstream_proxy": ("HOST:PORT", "Company proxy on the way out; none: no proxy.  [default: HTTPS_PROXY]"),
    "envoy": ("PATH", "An Envoy program of your own."),
    "token_file": ("FILE", "File with the API's secret.  [default: token in the data directory]"),
}
EVERYWHERE: Final = ("data_dir", "config")
STACK: Final = ("port", "api_port", "upstream", "upstream_ca", "upstream_proxy", "envoy")
SIDECAR: Final = ("api_host", "allowed_host", "token_file")


class SettingType(click.ParamType[Any]):
    """A setting's own check; a bad value is a usage error (exit 2)."""

    def __init__(self, setting: str) -> None:
        self.setting = setting
        self.name = HELP[setting][0]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        parse = PARSERS.get(self.setting)
        if parse is None:  # --config: read, and judged, by load_settings
            return value
        try:
            parsed = parse(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        return value if self.setting == "allowed_host" else parsed


def settings_options(
    *names: str, problems: Literal["raise", "say", "leave"] = "raise"
) -> Callable[[Command], Command]:
    """Add `--data-dir`, `--config` and the options `names`; the command gets `settings: Settings` for them.

    `problems` of the settings file and the environment end the command, or are only said (for one that needs no more
    than the data directory), or are left to the command in `Settings.problems`.
    """
    wanted = (*names, *EVERYWHERE)

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_settings(*args: Any, **options: Any) -> Any:
            flags = {name: options.pop(name) for name in wanted}
            settings = load_settings(flags, forgiving=problems != "raise")
            for sentence in (*settings.warnings, *(settings.problems if problems == "say" else ())):
                complain(sentence)
            return command(*args, settings=settings, **options)

        decorated: Command = with_settings
        for name in reversed(wanted):
            metavar, text = HELP[name]
            decorated = click.option(
                "--" + name.replace("_", "-"),
                name,
                type=SettingType(name),
                metavar=metavar,
                multiple=name == "allowed_host",
                help=text,
            )(decorated)
        return decorated

    return decorate
