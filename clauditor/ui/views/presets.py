"""The columns of each view: attention, cost, context, cache, limit; and those a person may choose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, Literal, get_args

from clauditor.ui.views import cells, units, words
from clauditor.ui.views.cells import Read, text_cell
from clauditor.ui.views.columns import Column, Known, Layout, arrange
from clauditor.ui.views.session import SessionView

ViewName = Literal["attention", "cost", "context", "cache", "limit"]
VIEWS: Final[tuple[ViewName, ...]] = get_args(ViewName)

_FILL: Final = 10_000  # grows as far as the screen goes


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

_HOST = Column(
    title="HOST",
    width=8,
    cell=text_cell(lambda s, _: s.host or units.UNKNOWN),
    wide=16,
    go=3,
    known=lambda s: bool(s.host),
)
_FOR = _figure("FOR", 5, lambda s, scene: units.duration(words.state_seconds(s, scene.now)), go=2)
_WHY = Column(title="WHY", width=19, cell=cells.why, wide=_FILL, go=5)
_SPEED = _figure("TOK/S", 5, cells.speed, go=1, from_width=110)
_AGENTS = _figure("AGENTS", 6, cells.agents, go=1, from_width=122)
_LAST = _figure("LAST", 5, lambda s, scene: units.clock(s.last_activity_at, scene.zone), go=1, from_width=134)
_PANE = Column(
    title="PANE",
    width=10,
    cell=text_cell(cells.pane),
    wide=18,
    go=1,
    from_width=142,
    known=lambda s: bool(s.pane or s.tty),
)
_PROMPTS = _figure("PROMPTS", 7, lambda s, _: units.whole(s.prompts), from_width=90, go=1)
_CALLS = _figure("CALLS", 5, lambda s, _: units.whole(s.turns), go=5)

_HEAD = (_SIGN, _SESSION, _HOST, _STATE)
_COLUMNS: Final[dict[ViewName, tuple[Column, ...]]] = {
    "attention": (
        *_HEAD,
        _FOR,
        _WHY,
        _CTX,
        _CACHE,
        MONEY,
        _MODEL,
        _SHARE,
        _SPEED,
        _AGENTS,
        _LAST,
        _PANE,
    ),
    "cost": (
        *_HEAD,
        MONEY,
        _CALLS,
        _figure("SIDE", 4, lambda s, _: units.whole(s.side_calls), go=1),
        _figure("IN", 5, lambda s, _: units.tokens(s.tokens.input), go=2),
        _figure("OUT", 5, lambda s, _: units.tokens(s.tokens.output)),
        _figure("READ", 5, lambda s, _: units.tokens(s.tokens.cache_read), go=4),
        _figure("WRITE", 5, lambda s, _: units.tokens(s.tokens.cache_write), go=3),
        _PROMPTS,
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


CHOICES: Final[dict[str, Column]] = {
    "for": _FOR,
    "why": _WHY,
    "ctx": _CTX,
    "cache": _CACHE,
    "cost": MONEY,
    "model": _MODEL,
    "share": _SHARE,
    "speed": _SPEED,
    "agents": _AGENTS,
    "last": _LAST,
    "pane": _PANE,
    "prompts": _PROMPTS,
    "calls": _CALLS,
    "branch": Column(
        title="BRANCH", width=11, cell=text_cell(lambda s, _: s.branch or units.UNKNOWN), narrow=8, wide=32
    ),
    "account": Column(title="ACCOUNT", width=9, cell=text_cell(lambda s, _: s.account or units.UNKNOWN)),
}
"""What `columns` under `[top]` in config.toml may name."""


def layout(view: ViewName, width: int, sessions: Iterable[SessionView], chosen: Sequence[str] = ()) -> Layout:
    """The columns of a view that have something to say of `sessions`, for a screen `width` cells wide.

    `chosen`: names of CHOICES that stand behind the state in the attention view instead of the usual ones; where there
    is no room the last go first.
    """
    columns = _COLUMNS[view]
    if chosen and view == "attention":
        own = [CHOICES[name] for name in chosen]
        columns = (*_HEAD, *(replace(one, from_width=0, go=len(own) - at) for at, one in enumerate(own)))
    shown = tuple(sessions)
    return arrange(
        [
            column
            for column in columns
            if column.known is None or any(column.known(session) for session in shown)
        ],
        width,
    )
