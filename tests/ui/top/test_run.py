"""How the screen ends."""

from __future__ import annotations

import signal
import subprocess
import sys

PROGRAM = """
import signal, time
from clauditor.ui.top.run import _end

class Stuck:
    def exit(self):
        time.sleep(600)  # as Textual does where nobody takes its output

_end(Stuck(), signal.SIGHUP)
"""


def test_a_screen_whose_terminal_is_gone_ends_all_the_same() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], timeout=60, check=False)
    assert done.returncode == 128 + signal.SIGHUP
