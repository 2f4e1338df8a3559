"""The columns of the session table, and which of them fit a width.

Each view (attention, cost, context, cache, limit) is a list of columns. Text columns grow and shrink
with the screen. Where it gets too narrow columns go in a fixed order, where it is wide more of them come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from clauditor.ui.views import cells, units, words
from clauditor.ui.views.cells import Cell, Read, Scene, text_cell
from clauditor.ui.views.segments import Align, Line, Segment, fit
from clauditor.ui.views.session import SessionView

ViewName = Literal["attention", "cost", "context", "cache", "limit"]
VIEWS: Final[tuple[ViewName, ...]] = get_args(ViewName)

Known = Callable[[SessionView], bool]

_FILL: Final = 10_000  # grows as far as the screen goes


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. `width` is what it has at 80 cells; it shrinks to `narrow` and grows to `wide`.
    `from_width` is the screen it comes with; `go` its turn to go where there is no room (0: it stays).
    With `known` it comes only once that is known of some session.
    """

    title: str
    width: int
    cell: Cell
    align: Align = "left"
    narrow: int | None = None
    wide: int | None = None
    from_width: int = 0
    go: int = 0
    known: Known | None = None

    @property
    def least(self) -> int:
        return self.width if self.narrow is None else self.narrow

    @property
    def most(self) -> int:
        return self.width if self.wide is None else self.wide


Layout = tuple[tuple[Column, int], ...]


def _figure(
    title: str, width: int, read: Read, *, go: int = 6, from_width: int = 0, known: Known | None = None
) -> Column:
    """A column of numbers."""
    cell = text_cell(read, align="right")
    return Column(
        title=title, width=width, cell=cell, align="right", go=go, from_width=from_width, known=known
    )


def _has_share(session: SessionView) -> bool:
    window = session.window("five_hour")
    return window is not None and window.session_share is not None


def _has_projection(session: SessionView) -> bool:
    window = session.window("five_hour")
    return window is not None and window.projected_ratio is not None


_SIGN = Column(
    title="",
    width=2,
    cell=text_cell(lambda s, _: words.sign(s), lambda s, _: words.urgency(s)),
)
_SESSION = Column(title="SESSION", width=23, cell=cells.name, narrow=17, wide=44)
_STATE = Column(title="STATE", width=9, cell=text_cell(lambda s, _: words.state_word(s), cells.state_role))
_CTX = Column(
    title="CTX",
    width=4,
    cell=text_cell(lambda s, _: units.percent(s.context.used_ratio), cells.context_role, "right"),
    align="right",
    go=4,
)
_CACHE = Column(
    title="CACHE",
    width=5,
    cell=text_cell(lambda s, scene: words.cache_cell(s, scene.now), cells.cache_role, "right"),
    align="right",
    go=1,
)
MONEY = Column(title="$", width=5, cell=cells.money, align="right", go=3)
_MODEL = Column(
    title="MODEL",
    width=10,
    cell=text_cell(lambda s, _: s.model or units.UNKNOWN, cells.model_role),
    from_width=92,
    go=1,
)
_SHARE = _figure("5H%", 4, cells.share, go=1, from_width=100, known=_has_share)

_HEAD = (_SIGN, _SESSION, _STATE)
_COLUMNS: Final[dict[ViewName, tuple[Column, ...]]] = {
    "attention": (
        *_HEAD,
        _figure("FOR", 5, lambda s, scene: units.duration(words.state_seconds(s, scene.now)), go=2),
        Column(title="WHY", width=19, cell=cells.why, wide=_FILL, go=5),
        _CTX,
        _CACHE,
        MONEY,
        _MODEL,
        _SHARE,
        _figure("TOK/S", 5, cells.speed, go=1, from_width=110),
        _figure("AGENTS", 6, cells.agents, go=1, from_width=122),
        _figure(
            "LAST", 5, lambda s, scene: units.clock(s.last_activity_at, scene.zone), go=1, from_width=134
        ),
    ),
    "cost": (
        *_HEAD,
        MONEY,
        _figure("CALLS", 5, lambda s, _: units.whole(s.turns), go=5),
        _figure("SIDE", 4, lambda s, _: units.whole(s.side_calls), go=1),
        _figure("IN", 5, lambda s, _: units.tokens(s.tokens.input), go=2),
        _figure("OUT", 5, lambda s, _: units.tokens(s.tokens.output)),
        _figure("READ", 5, lambda s, _: units.tokens(s.tokens.cache_read), go=4),
        _figure("WRITE", 5, lambda s, _: units.tokens(s.tokens.cache_write), go=3),
        _figure("PROMPTS", 7, lambda s, _: units.whole(s.prompts), from_width=90, go=1),
        _MODEL,
        _SHARE,
    ),
    "context": (
        *_HEAD,
        _CTX,
        Column(title="TREND", width=11, cell=cells.trend, narrow=8, wide=32, go=1),
        _figure("TOKENS", 6, lambda s, _: units.tokens(s.context.tokens), go=5),
        _figure("OF", 5, lambda s, _: units.tokens(s.context.window), go=2),
        _figure("COMPACT", 7, lambda s, _: units.tokens(s.context.compact_at_tokens), go=3),
        _figure("LEFT", 4, cells.calls_left),
        _MODEL,
    ),
    "cache": (
        *_HEAD,
        _CACHE,
        _figure("TTL", 5, lambda s, _: units.duration(s.cache.ttl_seconds), go=1),
        _figure("HIT%", 4, lambda s, _: units.percent(s.cache.hit_ratio), go=5),
        _figure(
            "MISS",
            4,
            lambda s, _: units.whole(s.cache.misses),
            go=3,
            known=lambda s: s.cache.misses is not None,
        ),
        _figure(
            "ANEW$",
            5,
            lambda s, _: units.amount(s.cache.rebuild_cost_usd),
            go=4,
            known=lambda s: s.cache.rebuild_cost_usd is not None,
        ),
        _figure(
            "LOST$",
            5,
            lambda s, _: units.amount(s.cache.lost_cost_usd),
            from_width=90,
            go=1,
            known=lambda s: s.cache.lost_cost_usd is not None,
        ),
        Column(
            title="LAST MISS",
            width=14,
            cell=text_cell(cells.last_miss),
            narrow=12,
            wide=_FILL,
            go=2,
            known=lambda s: s.cache.last_miss is not None,
        ),
    ),
    "limit": (
        *_HEAD,
        Column(
            title="ACCOUNT", width=9, cell=text_cell(lambda s, _: s.account or units.UNKNOWN), wide=24, go=2
        ),
        _figure("5H", 4, cells.of_window("five_hour", lambda window, _: units.percent(window.used_ratio))),
        _figure(
            "AHEAD",
            5,
            cells.of_window("five_hour", lambda window, _: units.about(window.projected_ratio)),
            from_width=90,
            go=1,
            known=_has_projection,
        ),
        _figure(
            "RESETS",
            9,
            cells.of_window("five_hour", lambda w, scene: units.moment(w.resets_at, scene.now, scene.zone)),
            go=3,
        ),
        _figure(
            "7D", 4, cells.of_window("seven_day", lambda window, _: units.percent(window.used_ratio)), go=5
        ),
        _figure("SHARE", 5, cells.share, go=4, known=_has_share),
        MONEY,
        _MODEL,
    ),
}


def layout(view: ViewName, width: int, sessions: Iterable[SessionView]) -> Layout:
    """The columns of a view that have something to say of `sessions`, for a screen `width` cells wide."""
    shown = tuple(sessions)
    columns = [
        column
        for column in _COLUMNS[view]
        if column.known is None or any(column.known(session) for session in shown)
    ]
    return arrange(columns, width)


def arrange(columns: Sequence[Column], width: int) -> Layout:
    """Those of `columns` that fit, each with its cells; the screen's last cell stays free."""
    room = width - 1
    kept = [column for column in columns if column.from_width <= width]

    def taken() -> int:
        return sum(column.least for column in kept) + len(kept) - 1

    while taken() > room and any(column.go for column in kept):
        kept.remove(min((column for column in kept if column.go), key=lambda column: column.go))
    widths = [column.least for column in kept]
    spare = room - taken()
    # First every column gets its ordinary width back, then the text columns share what is left evenly.
    for goal in ([column.width for column in kept], [column.most for column in kept]):
        while spare > 0 and (hungry := [i for i, wanted in enumerate(goal) if widths[i] < wanted]):
            for index in hungry[:spare]:
                widths[index] += 1
            spare -= min(spare, len(hungry))
    return tuple(zip(kept, widths, strict=True))


def titles(plan: Layout, scene: Scene) -> Line:
    """The header line of the table."""
    shown = (
        fit("~$" if column.title == "$" and scene.all_estimated else column.title, width, column.align)
        for column, width in plan
    )
    return (Segment(" ".join(shown), "head"),)


def row(session: SessionView, plan: Layout, scene: Scene, *, selected: bool = False) -> Line:
    """One session as a line of the table; the selected one has a mark after its sign."""
    parts: list[Segment] = []
    for column, width in plan:
        if parts:
            parts.append(Segment("›", "accent") if selected and len(parts) == 1 else Segment(" "))
        parts.extend(column.cell(session, scene, width))
    return tuple(parts)
