"""Where moments go: lines for people, or JSON lines for programs. Each line is flushed by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any, Final, Protocol, TextIO

from clauditor.ui.views.cells import Scene
from clauditor.ui.views.compared import call_cost
from clauditor.ui.views.events import Teller
from clauditor.ui.views.incident import Incident, incident_words
from clauditor.ui.views.news import Moment, News
from clauditor.ui.views.session import SessionView
from clauditor.ui.watch.lines import day_line, news_lines, opening
from clauditor.ui.watch.paint import painted

SCHEMA_VERSION: Final = 1
MIN_WIDTH: Final = 20

_SIGNALS: Final = frozenset({"SignalRaised", "SignalCleared"})


class Output(Protocol):
    """Gets what happens, in order. `now` and `since` are Unix seconds."""

    def begin(self, sessions: Iterable[SessionView], now: float) -> None: ...
    def tell(self, moment: Moment) -> None: ...
    def incident(self, before: Incident | None, after: Incident | None, now: float) -> None: ...
    def missed(self, since: float, now: float) -> None: ...


class TextLines:
    """For people. `width` and `zone` are asked anew for each line; `named`: it says whose it is; `opens`: how things
    stand is said at the beginning.
    """

    def __init__(
        self,
        out: TextIO,
        *,
        width: Callable[[], int | None],
        zone: Callable[[float], tzinfo],
        named: bool = True,
        signals_only: bool = False,
        colours: bool = False,
        opens: bool = True,
    ) -> None:
        self._out = out
        self._width, self._zone = width, zone
        self._named, self._signals_only = named, signals_only
        self._colours, self._opens = colours, opens
        self._teller = Teller()
        self._now = 0.0
        self._day = ""

    def begin(self, sessions: Iterable[SessionView], now: float) -> None:
        self._now, self._day = now, self._day_of(now)
        if self._opens:
            scene = Scene(now=now, zone=self._zone(now))
            for news in opening(sessions, scene, signals_only=self._signals_only):
                self._say(news)

    def tell(self, moment: Moment) -> None:
        for news in self._teller.tell(moment):
            if news.is_signal or not self._signals_only:
                self._say(news)

    def incident(self, before: Incident | None, after: Incident | None, now: float) -> None:
        """Trouble that several sessions share is said when it begins and when it is over."""
        scene = Scene(now=now, zone=self._zone(now))
        if after is not None and before is None:
            what = " ".join(incident_words(after, scene)).strip()
            self._say(News(at=now, session=None, session_id="", text=what, role="act", sign="!!"))
        elif before is not None and after is None:
            what = f"over: {incident_words(before, scene)[0]}"
            self._say(News(at=now, session=None, session_id="", text=what, role="good"))

    def missed(self, since: float, now: float) -> None:  # noqa: ARG002 - the other output's signature
        self._say(
            News(at=since, session=None, session_id="", text="what followed is not shown here", role="watch")
        )

    def _say(self, news: News) -> None:
        at = self._now if news.at is None else news.at
        day = self._day_of(at)
        if day > self._day:
            self._day = day
            self._write(painted(day_line(day), colours=self._colours))
        width = self._width()
        room = None if width is None else max(MIN_WIDTH, width)
        for shown in news_lines(news, self._zone_of(at), room, named=self._named):
            self._write(painted(shown, colours=self._colours))

    def _zone_of(self, at: float) -> tzinfo:
        try:
            return self._zone(at)
        except (OverflowError, ValueError, OSError):  # no such point in time
            return self._zone(self._now)

    def _day_of(self, at: float) -> str:
        try:
            return datetime.fromtimestamp(at, self._zone(at)).date().isoformat()
        except (OverflowError, ValueError, OSError):
            return ""

    def _write(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()


class JsonLines:
    """For programs: every event as the sidecar tells it, with its session's project and, for an answer, its cost.

    Session labels are left out: they may be what a person typed, and lines like these are kept.
    """

    def __init__(self, out: TextIO, *, signals_only: bool = False) -> None:
        self._out = out
        self._signals_only = signals_only

    def begin(self, sessions: Iterable[SessionView], now: float) -> None:
        """Programs ask for the present with `clauditor top --json`."""

    def tell(self, moment: Moment) -> None:
        for event in moment.events:
            if event.get("type") in _SIGNALS or not self._signals_only:
                project = moment.view.project if moment.view is not None else None
                told = {**event, "project": project}
                if event.get("type") == "AttemptFinished":
                    known = call_cost(event, moment)
                    told["cost_usd"] = None if known is None else known[0]
                self._write(told)

    def incident(self, before: Incident | None, after: Incident | None, now: float) -> None:
        """Is in `clauditor top --json`: it is no event."""

    def missed(self, since: float, now: float) -> None:
        """A program must know that something is not there."""
        self._write({"type": "EventsMissed", "at": now, "since": since})

    def _write(self, told: Mapping[str, Any]) -> None:
        # Escaped to ASCII, so that no control character of a foreign name reaches a terminal.
        line = json.dumps(
            {"schema_version": SCHEMA_VERSION, **told}, ensure_ascii=True, separators=(",", ":")
        )
        self._out.write(f"{line}\n")
        self._out.flush()
