"""Our arithmetic against `genai-prices` and, for what that lacks, against numbers written by hand."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from genai_prices import Usage as VendorUsage
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

from clauditor.errors import ClauditorError
from clauditor.model.prices import cost
from clauditor.model.usage import Usage
from clauditor.pricing import Pricing, load_user_prices

AT = datetime(2026, 11, 22, tzinfo=UTC).timestamp()
BOOK = Pricing()
counts = st.integers(min_value=0, max_value=400_000)


@given(
    model=st.sampled_from(
        ["claude-opus-5-5", "claude-haiku-5-5", "claude-sonnet-5-5", "claude-haiku-4-5", "claude-opus-5"]
    ),
    mode=st.sampled_from([None, "batch"]),
    input_=counts,
    output=counts,
    read=counts,
    write_5m=counts,
    write_1h=counts,
    searches=st.integers(0, 5),
)
def test_cost_equals_genai_prices(
    model: str,
    mode: str | None,
    input_: int,
    output: int,
    read: int,
    write_5m: int,
    write_1h: int,
    searches: int,
) -> None:
    usage = Usage(
        input=input_,
        output=output,
        cache_read=read,
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        web_searches=searches,
        service_tier=mode,
    )
    theirs = calc_price(
        VendorUsage(
            input_tokens=input_ + read + write_5m + write_1h,
            cache_read_tokens=read,
            cache_write_tokens=write_5m + write_1h,
            cache_write_1h_tokens=write_1h,
            output_tokens=output,
            web_searches=searches,
        ),
        model,
        provider_id="anthropic",
        genai_request_timestamp=datetime.fromtimestamp(AT, UTC),
        price_context={"processing": "batch"} if mode else None,
    )
    ours = cost(usage, model, BOOK, AT)
    assert ours.complete
    assert ours.usd == pytest.approx(float(theirs.total_price), rel=1e-12, abs=1e-9)


def test_the_us_only_surcharge_covers_tokens_but_not_searches() -> None:
    usage = Usage(input=1_000_000, output=100_000, web_searches=3, geography="us")
    assert cost(usage, "claude-opus-5-5", BOOK, AT).usd == pytest.approx((4 + 2) * 1.1 + 0.03)


def test_fast_mode_of_an_older_model_comes_from_the_overlay() -> None:
    usage = Usage(input=1_000_000, cache_read=1_000_000, speed="fast")
    assert cost(usage, "claude-opus-4-6", BOOK, AT).usd == pytest.approx(33.0)


def test_each_model_run_has_a_long_prompt_price_of_its_own() -> None:
    runs = (Usage(input=60_000, output=100), Usage(input=60_000, output=100))
    assert cost(
        Usage(input=120_000, output=200, runs=runs), "claude-haiku-5-5", BOOK, AT
    ).usd == pytest.approx(0.0121)
    assert cost(Usage(input=120_000, output=200), "claude-haiku-5-5", BOOK, AT).usd == pytest.approx(0.0605)


def test_an_unknown_model_is_unpriced_not_guessed() -> None:
    unpriced = cost(Usage(input=5), "claude-unheard-of-9", BOOK, AT)
    assert unpriced.usd is None
    assert not unpriced.complete


def test_an_unpriced_extra_leaves_the_priced_part_and_marks_it() -> None:
    usage = Usage(input=1_000_000, extra=(("claude-unheard-of-9", Usage(input=9)),))
    partly = cost(usage, "claude-opus-5-5", BOOK, AT)
    assert partly.usd == pytest.approx(4.0)
    assert not partly.complete


def test_the_users_file_wins(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(
        '["claude-opus-5-5"]\ninput=1\noutput=2\ncache_read=3\ncache_write_5m=4\ncache_write_1h=5\n'
    )
    book = Pricing(load_user_prices(path))
    usage = Usage(input=1_000_000, output=1_000_000, cache_write_1h=1_000_000)
    assert cost(usage, "claude-opus-5-5-20260101", book, AT).usd == pytest.approx(8.0)


@pytest.mark.parametrize(
    "text", ["[", "['claude-x']\ninput=1\n", "claude-x = 5", "['claude-x']\ninput=-1\noutput=1"]
)
def test_a_bad_price_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(ClauditorError, match=r"prices\.toml"):
        load_user_prices(path)


def test_no_price_file_is_fine(tmp_path: Path) -> None:
    assert load_user_prices(tmp_path / "prices.toml") == {}
