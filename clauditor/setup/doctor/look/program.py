"""Envoy's program: path, version, digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

from clauditor.proxy.envoy import find_envoy
from clauditor.proxy.running import running
from clauditor.setup.doctor.facts import EnvoyProgram
from clauditor.setup.doctor.look.scene import Scene


def look(scene: Scene) -> EnvoyProgram:
    """The one that runs, else the one that a start would take. Raises ClauditorError if there is none that runs."""
    asked = scene.settings.envoy
    if asked is None and scene.plan is not None and running(scene.run, "envoy"):
        asked = Path(scene.plan.envoy.command[0])
    found = find_envoy(asked)
    with found.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return EnvoyProgram(path=found.path, version=found.version, digest=digest)
