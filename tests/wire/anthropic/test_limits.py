from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.model.events import LimitsSeen, LimitWindow
from clauditor.wire.anthropic.limits import MAX_WINDOWS, limits_seen
from clauditor.wire.identity import Origin, account_digest
from support.messages_api import SECRETS, STREAM_HEAD, Player

ORIGIN = Origin(session_id="s", agent_id="main", exchange_id="x")
UNIFIED = "anthropic-ratelimit-unified-"


def seen(headers: dict[str, str]) -> LimitsSeen | None:
    return limits_seen(headers, account="acc", origin=ORIGIN, at=1.0)


def windows(headers: dict[str, str]) -> dict[str, LimitWindow]:
    event = seen(headers)
    return {window.name: window for window in event.windows} if event else {}


def test_windows_of_a_plan() -> None:
    headers = {
        UNIFIED + "status": "allowed_warning",
        UNIFIED + "reset": "1790000300",
        UNIFIED + "representative-claim": "five_hour",
        UNIFIED + "fallback": "available",
        UNIFIED + "5h-utilization": "0.91",
        UNIFIED + "5h-reset": "1790000300",
        UNIFIED + "5h-status": "allowed_warning",
        UNIFIED + "5h-surpassed-threshold": "0.9",
        UNIFIED + "7d-utilization": "1.07",
        UNIFIED + "7d-reset": "1790600000",
        UNIFIED + "7d_oi-utilization": "0",
        UNIFIED + "overage-status": "rejected",
        UNIFIED + "overage-in-use": "true",
        UNIFIED + "slow-status": "off",
        UNIFIED + "slow-budget-reset": "5",
        UNIFIED + "grace-status": "eligible",
        UNIFIED + "grace-5h-utilization": "0.5",
    }
    event = seen(headers)
    assert event is not None
    assert (event.billing, event.account, event.session_id) == ("plan", "acc", "s")
    assert windows(headers) == {
        "five_hour": LimitWindow(
            name="five_hour",
            used_ratio=0.91,
            resets_at=1790000300,
            status="allowed_warning",
            surpassed_ratio=0.9,
        ),
        "seven_day": LimitWindow(name="seven_day", used_ratio=1.07, resets_at=1790600000),
        "seven_day_overage_included": LimitWindow(name="seven_day_overage_included", used_ratio=0.0),
        "overage": LimitWindow(name="overage", status="rejected"),
    }


def test_a_refusal_belongs_to_the_window_that_caused_it() -> None:
    headers = {
        UNIFIED + "status": "rejected",
        UNIFIED + "reset": "9",
        UNIFIED + "representative-claim": "seven_day_opus",
    }
    assert windows(headers) == {
        "seven_day_opus": LimitWindow(name="seven_day_opus", resets_at=9.0, status="rejected")
    }
    assert windows({UNIFIED + "status": "rejected"})["unified"].status == "rejected"


def test_a_window_of_tomorrow_is_seen() -> None:
    assert windows({UNIFIED + "30d_mythos-utilization": "0.5"})["30d_mythos"].used_ratio == 0.5


def test_token_buckets_of_an_api_key() -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "40",
        "anthropic-ratelimit-requests-reset": "2026-11-22T00:00:10Z",
        "anthropic-ratelimit-input-tokens-limit": "1000",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-priority-output-tokens-limit": "100",
        "anthropic-priority-output-tokens-remaining": "75",
        "anthropic-fast-input-tokens-limit": "0",
        "anthropic-fast-input-tokens-remaining": "0",
    }
    event = seen(headers)
    assert event is not None
    assert event.billing == "api"
    found = windows(headers)
    assert found["requests"].used_ratio == pytest.approx(0.2)
    assert found["requests"].resets_at == 1795305610.0
    assert found["input_tokens"].used_ratio == 1.0
    assert found["priority_output_tokens"].used_ratio == 0.25
    assert found["fast_input_tokens"].used_ratio is None


def test_answers_without_limits_say_nothing() -> None:
    assert seen({"request-id": "req_1", "content-type": "x"}) is None


@pytest.mark.parametrize("value", ["", "nan", "inf", "-1", "1e400", "x", "0.5; drop", "9" * 5000, "\x1b[31m"])
def test_nonsense_values_are_unknown(value: str) -> None:
    window = windows(
        {UNIFIED + "5h-utilization": value, UNIFIED + "5h-reset": value, UNIFIED + "5h-status": value}
    )
    assert window["five_hour"].used_ratio is None
    assert window["five_hour"].resets_at is None
    bucket = windows({"anthropic-ratelimit-tokens-reset": value, "anthropic-ratelimit-tokens-limit": value})
    assert bucket["tokens"] == LimitWindow(name="tokens")


@given(
    st.dictionaries(
        st.from_regex(r"anthropic-ratelimit-(unified-)?[a-z0-9_-]{0,30}", fullmatch=True), st.text()
    )
)
def test_any_headers_are_survived_and_bounded(headers: dict[str, str]) -> None:
    event = seen(headers)
    assert event is None or len(event.windows) <= MAX_WINDOWS


def test_the_number_of_windows_is_bounded() -> None:
    assert len(windows({f"{UNIFIED}w{i}-utilization": "0.1" for i in range(500)})) == MAX_WINDOWS


def test_limits_belong_to_the_organization_of_the_answer() -> None:
    head = {**STREAM_HEAD, "anthropic-organization-id": "org-1", UNIFIED + "5h-utilization": "0.5"}
    event = Player().ask().answer_head(head).one(LimitsSeen)
    assert event.account == account_digest(SECRETS, "org-1")
    unnamed = Player().ask().answer_head({**STREAM_HEAD, UNIFIED + "5h-utilization": "0.5"})
    assert unnamed.one(LimitsSeen).account == "unknown"


def test_a_threshold_that_was_passed_is_told() -> None:
    headers = {UNIFIED + "5h-utilization": "0.77", UNIFIED + "5h-surpassed-threshold": "0.75"}
    assert windows(headers)["five_hour"].surpassed_ratio == 0.75
    assert windows({UNIFIED + "5h-surpassed-threshold": "nonsense"})["five_hour"].surpassed_ratio is None
