"""What the person chose to see: view, order, filter, selection; and the rows that follow from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from clauditor.ui.top.order import CalmOrder
from clauditor.ui.views.columns import VIEWS, ViewName
from clauditor.ui.views.find import Query, parse_query
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.table import SORTS, VIEW_SORT, Folding, SortName, fold
from clauditor.ui.views.words import level


class Board:
    """The table's choices and its rows. The selection follows the session, not the row."""

    def __init__(self) -> None:
        self.view: ViewName = "attention"
        self.sort: SortName = "attention"
        self.query = Query()
        self.is_unfolded = False
        self.selected_id: str | None = None
        self.rows: tuple[SessionView, ...] = ()
        self._order = CalmOrder()

    def arrange(self, sessions: Iterable[SessionView], scene_now: float, now: float) -> Folding:
        """Bring `rows` up to date; `scene_now` is the time that is shown, `now` the one that passes."""
        found = {session.session_id: session for session in sessions if self.query.matches(session)}
        unfold = self.is_unfolded or bool(self.query)
        folding = fold(found.values(), unfold=unfold, sort=self.sort, now=scene_now)
        before = self.index
        wanted = [session.session_id for session in folding.rows]
        self.rows = tuple(found[key] for key in self._order.arrange(wanted, set(found), now))
        if self.index < 0:
            # The selected session is gone: its neighbour takes the place.
            place = min(max(before, 0), len(self.rows) - 1)
            self.selected_id = self.rows[place].session_id if self.rows else None
        return folding

    @property
    def index(self) -> int:
        """The selected row; -1 when there is none."""
        return next(
            (index for index, session in enumerate(self.rows) if session.session_id == self.selected_id), -1
        )

    @property
    def selected(self) -> SessionView | None:
        return self.rows[self.index] if self.index >= 0 else None

    def key_pressed(self, now: float) -> None:
        self._order.key_pressed(now)

    def move(self, steps: int) -> None:
        self.select(max(self.index, 0) + steps)

    def select(self, index: int) -> None:
        if self.rows:
            self.selected_id = self.rows[min(max(index, 0), len(self.rows) - 1)].session_id

    def next_in_need(self) -> bool:
        """Select the next row that needs a person: those to act on come first, then those to watch, then the first
        again. False where no row does.
        """
        wanted = [
            session.session_id
            for severity in ("act", "watch")
            for session in self.rows
            if level(session) == severity
        ]
        if not wanted:
            return False
        place = wanted.index(self.selected_id) + 1 if self.selected_id in wanted else 0
        self.selected_id = wanted[place % len(wanted)]
        return True

    def next_view(self) -> None:
        """The next set of columns, in the order that goes with it."""
        self.view = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]
        self.sort = VIEW_SORT[self.view]
        self._order.sort_now()

    def next_sort(self) -> None:
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        self._order.sort_now()

    def toggle_unfold(self) -> None:
        self.is_unfolded = not self.is_unfolded
        self._order.sort_now()

    def find(self, text: str) -> None:
        query = parse_query(text)
        if query != self.query:
            self.query = query
            self._order.sort_now()
