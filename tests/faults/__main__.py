"""`PYTHONPATH=tests python -m faults [PART...]`: parts of the campaign, or all of them; each writes its own section of
docs/reliability.md. `make faults` runs all, which takes about half an hour.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from faults.campaign import PARTS

BESIDE = "silence"  # it costs nothing but time, so it runs beside the others


def main(names: list[str]) -> int:
    if unknown := set(names) - set(PARTS):
        sys.exit(f"No such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")
    wanted = [name for name in PARTS if name in names or not names]
    beside = None
    if BESIDE in wanted and len(wanted) > 1:
        wanted.remove(BESIDE)
        beside = subprocess.Popen([sys.executable, "-m", "faults", BESIDE])
    complaints = sum(run(name) for name in wanted)
    if beside is not None:
        complaints += beside.wait()
    return int(complaints > 0)


def run(name: str) -> int:
    with tempfile.TemporaryDirectory(prefix="faults-") as directory:
        try:
            found = PARTS[name](Path(directory))
        except pytest.skip.Exception as why:
            sys.stdout.write(f"-- {name} was left out: {why}\n")
            return 0
    found.put(name)
    sys.stdout.write("\n".join([f"-- {name}", *found.paragraphs, *found.complaints, ""]))
    return len(found.complaints)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
