"""Asks whether anything that is locked has a known hole. Usage: audit.py PIP-AUDIT LOCK... (or `make audit`).

pip-audit asks the package index, and where that knows nothing, OSV. A finding ends it with 1. Where neither answers it says
that nothing was audited, and ends with 0: a machine without a network is no reason to fail, and no proof either.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

SERVICES = ("pypi", "osv")
SECONDS = 300


def ask(program: str, locks: list[str], service: str) -> list[dict[str, Any]]:
    """What the service says of each package; empty where it does not answer."""
    options = [part for lock in locks for part in ("-r", lock)]
    try:
        done = subprocess.run(
            [
                program,
                "--require-hashes",
                "--disable-pip",
                "-s",
                service,
                "-f",
                "json",
                "--progress-spinner",
                "off",
                *options,
            ],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError):
        return []
    return found


def main(program: str, locks: list[str]) -> int:
    for service in SERVICES:
        told = ask(program, locks, service)
        known = [one for one in told if "vulns" in one and "skip_reason" not in one]
        holes = [(one, hole) for one in known for hole in one["vulns"]]
        for one, hole in holes:
            mended = ", ".join(hole.get("fix_versions", [])) or "no release yet"
            print(f"{one['name']} {one['version']}: {hole['id']}, mended in {mended}")
        if known:
            left = f", {len(told) - len(known)} unknown to it" if len(told) > len(known) else ""
            print(f"{len(known)} packages audited by {service}{left}: {len(holes)} known holes")
            return 1 if holes else 0
        print(f"{service}: no answer about any package")
    print("Nothing was audited: no source of known holes can be reached from here.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
