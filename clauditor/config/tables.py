"""The tables of `config.toml`: `[signals]`, `[alerts]`, `[alerts.signals]`, `[retention]`, `[top]` and `[tokens]`.

They stand in the file only: no option and no environment variable names them. Each becomes one frozen value.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from clauditor.alerts.rules import SIGNALS, AlertRules
from clauditor.config.values import (
    SHOWN_CELLS,
    Parser,
    choice,
    choices,
    number_from,
    parse_command,
    parse_flag,
    parse_path,
    parse_webhook,
    wrong,
)
from clauditor.signals.thresholds import Thresholds
from clauditor.text import clean


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long the history is kept, and how large it may become."""

    calls_days: int = 90
    sessions_days: int = 400
    max_megabytes: int = 512


COLUMNS: Final = (
    *("for", "why", "ctx", "cache", "cost", "model", "share", "speed", "agents", "last", "pane"),
    *("prompts", "calls", "branch", "account"),
)
"""What a column of the live screen is called; repeated here, because its modules take a while to load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopRules:
    """`columns` of the live screen behind SESSION and STATE, in this order; empty: the usual ones."""

    columns: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Tables:
    """What the file's tables say; `errors` and `warnings` are a sentence each."""

    signals: Thresholds = field(default_factory=Thresholds)
    alerts: AlertRules = field(default_factory=AlertRules)
    retention: Retention = field(default_factory=Retention)
    top: TopRules = field(default_factory=TopRules)
    tokens: dict[str, Path] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def _severity(value: object) -> str:
    if isinstance(value, bool):
        return "watch" if value else "off"
    return choice("off", "notice", "watch", "act")(value)


def _numbers(kind: Any, least: float) -> dict[str, Parser]:
    """A parser for each field; whole numbers where the field says `int`."""
    return {
        each.name: number_from(least, whole=each.type in ("int", int)) for each in dataclasses.fields(kind)
    }


_SIGNALS: Final[Mapping[str, Parser]] = _numbers(Thresholds, 0)
_RETENTION: Final[Mapping[str, Parser]] = _numbers(Retention, 1)
_RINGING: Final[Mapping[str, Parser]] = dict.fromkeys(SIGNALS, _severity)
_ALERTS: Final[Mapping[str, Parser]] = {
    "desktop": parse_flag,
    "webhook": parse_webhook,
    "webhook_labels": parse_flag,
    "command": parse_command,
    "answer_seconds": number_from(0),
    "toast_seconds": number_from(0),
    "clear_seconds": number_from(0),
    "signals": lambda value: value,  # a table of its own, read apart
}
_TOP: Final[Mapping[str, Parser]] = {"columns": choices(*COLUMNS)}
TABLES: Final = frozenset({"signals", "alerts", "retention", "top", "tokens"})


def read_tables(config: Mapping[str, Any], file: Path | None) -> Tables:
    """Never raises: a value that cannot be used is one of the `errors`, and its default holds."""
    tables = Tables()

    def read(raw: object, table: str, parsers: Mapping[str, Parser]) -> dict[str, Any]:
        if raw is None:
            return {}
        if not isinstance(raw, dict):
            tables.errors.append(f"{table} in {file}: {wrong(f'a table [{table}]', raw)}.")
            return {}
        values = {}
        for name, value in raw.items():
            if (parse := parsers.get(name)) is None:
                tables.warnings.append(
                    f"{clean(name, SHOWN_CELLS)} under [{table}] in {file} is no setting and has no effect; "
                    "check its spelling."
                )
                continue
            try:
                values[name] = parse(value)
            except ValueError as error:
                tables.errors.append(f"{name} under [{table}] in {file}: {error}.")
        return values

    tables.signals = Thresholds(**read(config.get("signals"), "signals", _SIGNALS))
    tables.retention = Retention(**read(config.get("retention"), "retention", _RETENTION))
    tables.top = TopRules(**read(config.get("top"), "top", _TOP))
    urls = config.get("tokens")
    tables.tokens = read(urls, "tokens", dict.fromkeys(urls if isinstance(urls, dict) else (), parse_path))
    alerts = read(config.get("alerts"), "alerts", _ALERTS)
    ringing = read(alerts.pop("signals", None), "alerts.signals", _RINGING)
    tables.alerts = AlertRules(**alerts).ringing(ringing)
    return tables
