"""Fail when a test was skipped for a reason that nobody allowed. Usage: skips.py REPORT.xml ALLOWED."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def main(report: str, allowed_file: str) -> int:
    allowed = [
        re.compile(line.split(" # ")[0].strip())
        for line in Path(allowed_file).read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    tests = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314 - written by the test run just now
    skipped = [
        (f"{test.get('classname')}::{test.get('name')}", skip.get("message") or "")
        for test in tests
        for skip in test.iter("skipped")
    ]
    refused = [(name, reason) for name, reason in skipped if not any(a.fullmatch(reason) for a in allowed)]
    for name, reason in skipped:
        print(f"skipped: {name}: {reason}")
    for name, reason in refused:
        print(f"not allowed to be skipped here: {name}: {reason}")
    if not tests:
        print("no test ran")
        return 1
    print(
        f"{len(tests) - len(skipped)} tests ran, {len(skipped)} skipped, {len(refused)} of these not allowed"
    )
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
