from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from clauditor.model.events import Evidence, FailureKind, LimitsSeen, ToolOutcome
from clauditor.model.facts import CallKind
from clauditor.model.verdict import SEVERITIES, Level
from clauditor.store import rows
from clauditor.store.sqlite import in_memory


@given(st.text(max_size=60))
def test_any_exchange_id_comes_back_as_it_was(exchange_id: str) -> None:
    micros, connection = rows.split_exchange(exchange_id)
    assert rows.join_exchange(micros, connection) == rows.text(exchange_id)


@given(st.integers(0, 10**18 - 1), st.integers(0, 10**18 - 1))
def test_an_exchange_id_of_envoy_is_two_integers(connection: int, micros: int) -> None:
    assert rows.split_exchange(f"{connection}-{micros}") == (micros, connection)


def test_ids_that_only_look_like_envoys_stay_text() -> None:
    for exchange_id in ("007-5", "5-007", "-5-6", "5-", "-5", "٣-٤", "1" * 40 + "-5", ""):
        assert rows.split_exchange(exchange_id) == (0, exchange_id)


@given(st.one_of(st.uuids().map(str), st.text(max_size=40), st.uuids().map(lambda value: str(value).upper())))
def test_any_prompt_id_comes_back_as_it_was(prompt_id: str) -> None:
    assert rows.unpack_id(rows.pack_id(prompt_id)) == rows.text(prompt_id)


@given(st.text(max_size=30), st.integers())
def test_every_string_and_every_number_fits_a_column(word: str, number: int) -> None:
    db = in_memory()
    row = db.execute("SELECT ?, ?", (rows.text(word + "\ud800"), rows.whole(number))).fetchone()
    assert row[0].endswith("?")
    assert abs(row[1]) <= abs(number)


def test_stored_positions_cover_every_word_of_the_model() -> None:
    assert set(rows.CALL_KINDS) == set(get_args(CallKind))
    assert set(rows.OUTCOMES) == {"ok", *get_args(FailureKind)}
    assert set(rows.TOOL_OUTCOMES) == set(get_args(ToolOutcome))
    assert set(rows.BILLINGS) == {"plan", "api"}
    assert set(rows.EVIDENCES) == set(get_args(Evidence))
    assert rows.SEVERITIES == SEVERITIES
    assert get_args(Level) == rows.LEVELS
    assert "billing" in LimitsSeen.__dataclass_fields__


def test_stored_positions_never_change() -> None:
    """Appending is fine; anything else changes the meaning of databases already written."""
    assert rows.CALL_KINDS[:3] == ("turn", "side", "compaction")
    assert rows.OUTCOMES[:5] == ("ok", "http", "stream", "aborted", "proxy")
    assert rows.TOOL_OUTCOMES[:5] == ("ok", "error", "rejected", "timeout", "denied")
    assert rows.BILLINGS[:2] == ("plan", "api")
    assert rows.EVIDENCES[:3] == ("measured", "derived", "heuristic")
    assert rows.SEVERITIES[:3] == ("notice", "watch", "act")
    assert rows.LEVELS[:3] == ("ok", "watch", "act")
