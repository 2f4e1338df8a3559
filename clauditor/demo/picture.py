"""The pictures of the README and of docs/img: the live screen after some minutes of the demo.

    python -m clauditor.demo.picture docs

The demo is played in virtual time: it takes seconds, and the same sources give the same pictures. Beside them stands
of which sources they were made (`docs/img/SOURCES`, as sha256sum writes it), so that a test can tell when they are old.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, Final

from clauditor.demo.play import repeat
from clauditor.demo.stories import STORIES
from clauditor.demo.virtual import Stage, perform
from clauditor.edge.report import report
from clauditor.hub import Sink
from clauditor.model.events import Event
from clauditor.model.facts import Fact
from clauditor.model.session import Session
from clauditor.model.snapshot import Snapshot
from clauditor.pricing import Pricing
from clauditor.store.store import Store
from clauditor.ui.top.picture import Picture, draw_pictures
from clauditor.ui.views.presets import VIEWS
from clauditor.ui.views.story import TABS, TabName

README_SIZE: Final = (100, 26)
SIZES: Final = ((80, 24), (120, 36))
AS_SVG: Final = ("cache", "detail-timeline", "detail-agents", "post-mortem")
_PLAY_SECONDS: Final = 160.0  # one asks, one is stuck, three are worth a look
_WRITE_SECONDS: Final = 10.0
_ROOT: Final = Path(__file__).parents[2]
_DEPENDS_ON: Final = ("clauditor.ui.", "clauditor.demo.picture", "clauditor.demo.stories")


class _Curtain:
    """Hands the store what happens until it falls: that clients are stopped in the end is no part of the play."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.has_fallen = False

    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:
        if not self.has_fallen:
            self._sink.observe(event, session, facts)


class Played:
    """What a sidecar would answer at the end of the play."""

    def __init__(self, directory: Path) -> None:
        self._store = Store(directory / "clauditor.db")
        self._curtain = _Curtain(self._store.sink)
        self.now = 0.0
        self._shots: dict[str, Snapshot] = {}
        self._totals: dict[str, Any] = {}
        perform(self._play, book=Pricing(), seed=1, billing="plan", sinks=(self._curtain,))
        self._store.sink.flush()
        deadline = time.monotonic() + _WRITE_SECONDS
        while not self._store.writer.is_idle and time.monotonic() < deadline:
            time.sleep(0.01)

    async def _play(self, stage: Stage) -> None:
        for story in STORIES:
            stage.begin(repeat(story, stage.act(story.profile, hooks=True), once=False))
        await stage.wait(_PLAY_SECONDS)
        self._curtain.has_fallen = True
        self.now = stage.now()
        self._shots = {shot["session_id"]: shot for shot in stage.hub.snapshots(self.now)}
        self._totals = stage.hub.totals(self.now)

    async def astream(self) -> AsyncIterator[tuple[str, str | None, Mapping[str, Any]]]:
        sessions = list(self._shots.values())
        yield "snapshot", "1", {"full": True, "sessions": sessions, "removed": [], "totals": self._totals}
        await asyncio.Event().wait()  # nothing more happens

    def summary(self) -> Mapping[str, Any]:
        spent = self._store.spending.since("2000-01-01")
        return {"today": spent, "week": spent, "live": self._totals}

    def session(self, session_id: str) -> Mapping[str, Any]:
        return self._shots[session_id] | {"side_calls_by_name": self._store.calls.side_calls(session_id)}

    def turns(self, session_id: str, *, limit: int | None = None) -> Sequence[Mapping[str, Any]]:
        return self._store.calls.turns(session_id, limit=limit or 1000)

    def postmortem(self, session_id: str) -> Mapping[str, Any]:
        return report(self._store, session_id, self._shots[session_id], self.now) or {}

    def mute(self, session_id: str, muted: bool) -> None:
        """Nobody presses that key."""

    def close(self) -> None:
        self._store.close()


def main(docs: Path) -> None:
    (docs / "img").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        played = Played(Path(directory))
        try:
            draw_pictures(played, _pictures(docs), clock=lambda: played.now, zone=lambda _: UTC)
        finally:
            played.close()
    (docs / "img" / "SOURCES").write_text("".join(f"{line}\n" for line in _sources()), encoding="utf-8")


def _pictures(docs: Path) -> Iterator[Picture]:
    """The README's, then every view and tab as text at two sizes, and some of them as SVG."""
    yield Picture(file=docs / "top.svg", size=README_SIZE)
    keys: dict[str, tuple[str, ...]] = {view: ("v",) * number for number, view in enumerate(VIEWS)}
    keys |= {f"detail-{tab}": (*_search(tab), "enter", str(number)) for number, tab in enumerate(TABS, 1)}
    keys |= {"grouped": ("g",), "post-mortem": (*_search("attempts"), "p"), "help": ("question_mark",)}
    for name, pressed in keys.items():
        for size in SIZES:
            file = docs / "img" / f"{name}-{size[0]}x{size[1]}.txt"
            yield Picture(file=file, size=size, keys=pressed)
    for name in AS_SVG:
        yield Picture(file=docs / "img" / f"{name}.svg", size=README_SIZE, keys=keys[name])


def _search(tab: TabName) -> tuple[str, ...]:
    """The keys that find the session with which a tab has most to tell."""
    words = {"agents": "search", "tools": "orders", "attempts": "billing", "cache": "etl"}.get(tab)
    return ("slash", *words, "enter") if words else ()


def _sources() -> list[str]:
    """Digest and path of everything that decides what the pictures show, style sheets included."""
    modules = [
        Path(file)
        for name, module in sys.modules.items()
        if f"{name}.".startswith(_DEPENDS_ON) and (file := getattr(module, "__file__", None))
    ]
    files = {*modules, *(_ROOT / "clauditor" / "ui" / "top").glob("*.tcss")}
    return [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(_ROOT)}"
        for file in sorted(files)
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
