"""Golden texts: what a test made is compared with what a person looked at and kept."""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def check(name: str, text: str) -> None:
    """`text` is what stands in `golden/<name>.txt`; with CLAUDITOR_WRITE_GOLDEN set it is kept there."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("CLAUDITOR_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
