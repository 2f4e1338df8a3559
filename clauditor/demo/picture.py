"""The README's picture: the demo's screen after a while of play. `python -m clauditor.demo.picture FILE.svg`."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Final

from clauditor.client import connect
from clauditor.demo.show import Show
from clauditor.ui.top.picture import write_picture

_PLAY_SECONDS: Final = 165.0  # until every story has something to show
_WIDTH: Final = 100
_HEIGHT: Final = 26


def main(path: Path) -> None:
    over = threading.Event()
    with Show(environ=os.environ, seed=1, speed=1.0, once=False, ended=over.set) as show:
        over.wait(_PLAY_SECONDS)
        write_picture(connect(show.settings), path, width=_WIDTH, height=_HEIGHT)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
