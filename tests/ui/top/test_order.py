"""Rows that stay calm, and choices that a person makes."""

from __future__ import annotations

from clauditor.ui.top.board import Board
from clauditor.ui.top.live import MAX_SESSIONS, LiveSessions
from clauditor.ui.top.order import CalmOrder
from clauditor.ui.views.snapshot import session_view
from ui.afternoon import NOW, first_release, snapshot


def test_rows_sort_at_most_every_two_seconds() -> None:
    order = CalmOrder()
    assert order.arrange(["a", "b"], {"a", "b"}, 100.0) == ("a", "b")
    assert order.arrange(["b", "a"], {"a", "b"}, 101.9) == ("a", "b")
    assert order.arrange(["b", "a"], {"a", "b"}, 102.0) == ("b", "a")


def test_between_sorts_new_rows_come_last_and_gone_ones_leave() -> None:
    order = CalmOrder()
    order.arrange(["a", "b"], {"a", "b"}, 100.0)
    assert order.arrange(["new", "b"], {"b", "new"}, 100.5) == ("b", "new")


def test_a_row_that_should_fold_stays_until_the_next_sort() -> None:
    order = CalmOrder()
    order.arrange(["a", "b"], {"a", "b"}, 100.0)
    assert order.arrange(["b"], {"a", "b"}, 101.0) == ("a", "b")
    assert order.arrange(["b"], {"a", "b"}, 102.0) == ("b",)


def test_a_key_keeps_the_order_for_three_seconds() -> None:
    order = CalmOrder()
    order.arrange(["a", "b"], {"a", "b"}, 100.0)
    order.key_pressed(105.0)
    assert order.arrange(["b", "a"], {"a", "b"}, 107.9) == ("a", "b")
    assert order.arrange(["b", "a"], {"a", "b"}, 108.0) == ("b", "a")


def test_a_choice_sorts_at_once_and_a_clock_set_back_does_not_freeze() -> None:
    order = CalmOrder()
    order.arrange(["a", "b"], {"a", "b"}, 100.0)
    order.key_pressed(100.5)
    order.sort_now()
    assert order.arrange(["b", "a"], {"a", "b"}, 100.6) == ("b", "a")
    order.key_pressed(100.7)
    assert order.arrange(["a", "b"], {"a", "b"}, 50.0) == ("a", "b")


def test_board_selects_the_neighbour_of_what_left() -> None:
    board = Board()
    sessions = [session_view(shot) for shot in first_release()]
    board.arrange(sessions, NOW, NOW)
    board.move(2)
    third, fourth = board.rows[2], board.rows[3]
    assert board.selected == third
    board.arrange([session for session in sessions if session != third], NOW, NOW + 9)
    assert board.selected == fourth
    board.arrange([], NOW, NOW + 18)
    board.move(1)
    assert (board.index, board.selected_id) == (-1, None)


def test_live_sessions_hold_what_the_stream_tells_and_no_more_than_the_limit() -> None:
    live = LiveSessions()
    live.apply({"full": True, "sessions": [snapshot("a"), snapshot("b")], "removed": []})
    live.apply({"full": False, "sessions": [snapshot("a", label="new")], "removed": ["b", "unknown"]})
    assert {key: view.label for key, view in live.by_id.items()} == {"a": "new"}
    live.apply({"sessions": "nonsense", "removed": 7})
    live.apply({"sessions": [None, 3, "x"], "removed": [None]})
    assert list(live.by_id) == ["a"]
    live.by_id.update({f"x{n}": live.by_id["a"] for n in range(MAX_SESSIONS)})
    live.apply({"sessions": [snapshot("one too many"), snapshot("a", label="newer")]})
    assert "one too many" not in live.by_id
    assert live.by_id["a"].label == "newer"
    assert live.dropped == 1
