"""Hypothesis for every property test: no deadline, as a shared machine is slow at times and a timing is not what is
tested; `CLAUDITOR_FUZZ_EXAMPLES` (100) raises the number of examples for a long run.
"""

from __future__ import annotations

import os
import signal

from hypothesis import settings

settings.register_profile(
    "clauditor", deadline=None, max_examples=int(os.environ.get("CLAUDITOR_FUZZ_EXAMPLES", "100"))
)
settings.load_profile("clauditor")

# A shell that starts the tests in the background has Ctrl-C ignored, in all that they start as well.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
