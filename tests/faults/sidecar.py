"""The shipped sidecar with three levers: `absent` it does not begin, `blocked` its loops stand still after SIGUSR1, and
`clock` holds the seconds by which its wall clock is wrong. A lever is pulled while its file exists.

    python sidecar.py LEVERS serve --data-dir ...
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from pathlib import Path
from types import FrameType


def main(levers: Path) -> None:
    while (levers / "absent").exists():
        time.sleep(0.02)
    right = time.time  # noqa: TID251 - the very thing that is to be wrong

    def wrong() -> float:
        try:
            return right() + float((levers / "clock").read_text())
        except (FileNotFoundError, ValueError):
            return right()

    def stand_still() -> None:
        while (levers / "blocked").exists():
            time.sleep(0.01)

    def block(_number: int, _frame: FrameType | None) -> None:
        for loop in gc.get_objects():
            if isinstance(loop, asyncio.AbstractEventLoop) and loop.is_running():
                loop.call_soon_threadsafe(stand_still)

    time.time = wrong  # noqa: TID251 - see above
    signal.signal(signal.SIGUSR1, block)
    from clauditor.__main__ import main as clauditor

    clauditor()


if __name__ == "__main__":
    main(Path(sys.argv.pop(1)))
