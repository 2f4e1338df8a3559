"""Where doctor looks: what every look gets to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from clauditor.config import Settings
from clauditor.proxy.plan import Plan
from clauditor.proxy.rundir import RunDir


@dataclass(frozen=True, kw_only=True)
class Scene:
    """`directory` is where Claude Code would be started, `now` wall time in Unix seconds."""

    settings: Settings
    environ: Mapping[str, str]
    directory: Path
    home: Path
    now: float

    @property
    def run(self) -> RunDir:
        return RunDir(self.settings.data_dir)

    @cached_property
    def plan(self) -> Plan | None:
        """What the last start set up; None before the first."""
        return Plan.read(self.run.plan)
