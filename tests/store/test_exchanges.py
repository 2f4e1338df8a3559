"""Which exchanges a restarted daemon finds in the history: those that it need not look for in Envoy's log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clauditor.hub import Hub
from clauditor.model.events import UNOBSERVED, AttemptFailed, GapFound, SideCallFinished
from clauditor.store.exchanges import exchanges_since
from clauditor.store.store import Store
from support.life import NOW, Life

Lives = Callable[..., Life]
Written = Callable[[], None]


def unseen(life: Life, hub: Hub) -> str:
    """A call whose copy was lost."""
    exchange_id = life.start()
    hub.publish(
        AttemptFailed(
            at=life.at + 1,
            session_id=life.session_id,
            exchange_id=exchange_id,
            kind="proxy",
            error_type=UNOBSERVED,
        )
    )
    return exchange_id


def test_calls_of_every_kind_and_gaps_are_known_and_an_unseen_end_is_told_apart(
    store: Store, life: Lives, hub: Hub, written: Written
) -> None:
    one = life()
    answered, failed = one.start(), one.start()
    one.answer(answered)
    one.fail(failed)
    hub.publish(
        SideCallFinished(at=one.at, session_id="s", exchange_id="7-1", name="count_tokens", started_at=one.at)
    )
    hub.publish(GapFound(at=one.at, session_id="", exchange_id="8-1", reason="missed"))
    lost, told = unseen(one, hub), unseen(one, hub)
    hub.publish(GapFound(at=one.at, session_id=one.session_id, exchange_id=told, reason="restart"))
    written()
    assert exchanges_since(store.writer, NOW) == ({answered, failed, "7-1", "8-1", told}, {lost})


def test_what_ended_earlier_is_left_out(store: Store, life: Lives, written: Written) -> None:
    one, other = life("one"), life("other", at=NOW - 5000)
    other.turn()
    early = one.start()
    one.answer(early)
    late = one.start()
    one.answer(late)
    written()
    assert exchanges_since(store.writer, one.at) == ({late}, set())
    known, _ = exchanges_since(store.writer, 0.0)
    assert len(known) == 3


def test_a_history_that_cannot_be_read_knows_nothing(tmp_path: Path) -> None:
    broken = Store(tmp_path / "missing" / "clauditor.db")
    try:
        assert exchanges_since(broken.writer, 0.0) == (set(), set())
    finally:
        broken.close()
