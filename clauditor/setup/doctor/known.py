"""`known.toml`: newest versions and known gaps of other programs, on a stated day. Versions compare by their numbers."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What is wrong with every version before `fixed_in`."""

    fixed_in: str
    text: str
    is_problem: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProgram:
    """`measured` is the version Clauditor was tested with, `newest` the newest there was; None: not tracked.

    `released`: the day on which a version came out, of those that are known.
    """

    measured: str
    newest: str | None
    newest_on: date | None
    gaps: tuple[Gap, ...]
    released: Mapping[str, date] = field(default_factory=dict)

    def gaps_of(self, version: str) -> tuple[Gap, ...]:
        return tuple(gap for gap in self.gaps if is_older(version, gap.fixed_in))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything, as of one day."""

    as_of: date
    envoy: KnownProgram
    claude_code: KnownProgram


def load() -> Known:
    """What this release knows."""
    text = resources.files(__package__).joinpath("known.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    return Known(
        as_of=table["as_of"], envoy=_program(table["envoy"]), claude_code=_program(table["claude_code"])
    )


def is_older(version: str, other: str) -> bool:
    """Whether `version` comes before `other`: `1.9` before `1.40.2`. What is no number does not count."""
    return _numbers(version) < _numbers(other)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version)[:4])


def _program(table: dict[str, Any]) -> KnownProgram:
    return KnownProgram(
        measured=table["measured"],
        newest=table.get("newest"),
        newest_on=table.get("newest_on"),
        gaps=tuple(Gap(**gap) for gap in table.get("gaps", ())),
        released=table.get("released", {}),
    )
