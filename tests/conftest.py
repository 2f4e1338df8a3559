"""Hypothesis for every property test: no deadline, as a shared machine is slow at times and a timing is not what is
tested; `CLAUDITOR_FUZZ_EXAMPLES` (100) raises the number of examples for a long run.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile(
    "clauditor", deadline=None, max_examples=int(os.environ.get("CLAUDITOR_FUZZ_EXAMPLES", "100"))
)
settings.load_profile("clauditor")
