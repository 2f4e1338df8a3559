"""What the person chose to see: view, order, groups, filter, selection; and the rows that follow from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from clauditor.ui.top.memory import Chosen
from clauditor.ui.top.order import CalmOrder
from clauditor.ui.views.find import Query, parse_query
from clauditor.ui.views.groups import GROUPS, GroupName, group_of, grouped
from clauditor.ui.views.presets import VIEWS, ViewName
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.table import SORTS, VIEW_SORT, Folding, SortName, fold
from clauditor.ui.views.words import level

Switch = Literal["view", "sort", "group", "folding"]


class Board:
    """The table's choices and its rows. The selection follows the session, not the row."""

    def __init__(self, chosen: Chosen | None = None) -> None:
        chosen = chosen or Chosen()
        self.view: ViewName = chosen.view
        self.sort: SortName = chosen.sort
        self.group: GroupName = chosen.group
        self.query = Query()
        self.is_unfolded = False
        self.selected_id: str | None = None
        self.rows: tuple[SessionView, ...] = ()
        self._order = CalmOrder()

    def arrange(self, sessions: Iterable[SessionView], scene_now: float, now: float) -> Folding:
        """Bring `rows` up to date; `scene_now` is the time that is shown, `now` the one that passes."""
        found = {session.key: session for session in sessions if self.query.matches(session)}
        unfold = self.is_unfolded or bool(self.query)
        folding = fold(found.values(), unfold=unfold, sort=self.sort, now=scene_now)
        before = self.index
        wanted = [session.key for session in folding.rows]
        arranged = (found[key] for key in self._order.arrange(wanted, set(found), now))
        self.rows = grouped(arranged, self.group)
        if self.index < 0:
            # The selected session is gone: its neighbour takes the place.
            place = min(max(before, 0), len(self.rows) - 1)
            self.selected_id = self.rows[place].key if self.rows else None
        return folding

    @property
    def chosen(self) -> Chosen:
        """What is worth remembering."""
        return Chosen(view=self.view, sort=self.sort, group=self.group)

    @property
    def index(self) -> int:
        """The selected row; -1 when there is none."""
        return next((index for index, session in enumerate(self.rows) if session.key == self.selected_id), -1)

    @property
    def selected(self) -> SessionView | None:
        return self.rows[self.index] if self.index >= 0 else None

    def key_pressed(self, now: float) -> None:
        self._order.key_pressed(now)

    def move(self, steps: int) -> None:
        self.select(max(self.index, 0) + steps)

    def select(self, index: int) -> None:
        if self.rows:
            self.selected_id = self.rows[min(max(index, 0), len(self.rows) - 1)].key

    def choose(self, key: str) -> None:
        """Select the session of that key."""
        self.selected_id = key

    def next_in_need(self) -> bool:
        """Select the next row that needs a person: those to act on come first, then those to watch, then the first
        again. False where no row does.
        """
        wanted = [
            session.key
            for severity in ("act", "watch")
            for session in self.rows
            if level(session) == severity
        ]
        if not wanted:
            return False
        place = wanted.index(self.selected_id) + 1 if self.selected_id in wanted else 0
        self.selected_id = wanted[place % len(wanted)]
        return True

    def switch(self, what: Switch) -> None:
        """To the next view (in the order that goes with it), order or grouping; fold, or show all."""
        match what:
            case "view":
                self.view = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]
                self.sort = VIEW_SORT[self.view]
            case "sort":
                self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
            case "group":
                self.group = self._next_group()
            case "folding":
                self.is_unfolded = not self.is_unfolded
        self._order.sort_now()

    def _next_group(self) -> GroupName:
        """The next thing in which the sessions on the screen differ, or nothing again."""
        names = [name for name in GROUPS if name == "none" or self._differ(name)]
        place = names.index(self.group) + 1 if self.group in names else 0
        return names[place % len(names)]

    def _differ(self, name: GroupName) -> bool:
        return len({group_of(session, name) for session in self.rows}) > 1

    def find(self, text: str) -> None:
        query = parse_query(text)
        if query != self.query:
            self.query = query
            self._order.sort_now()
