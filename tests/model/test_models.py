import pytest

from clauditor.model.models import (
    MAX_TOLD_MODELS,
    ModelCatalogue,
    ModelLimits,
    canonical,
    compact_at,
    context_window,
)


def limits(window: int, max_tokens: int | None = None, model: str = "house-model") -> ModelLimits:
    return ModelLimits(model=model, max_input_tokens=window, max_tokens=max_tokens)


@pytest.mark.parametrize(
    ("asked", "known_as"),
    [
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("Claude-Opus-5-5[1m]", "claude-opus-5-5"),
        ("claude-opus-5-5-20261231", "claude-opus-5-5"),
        ("us.anthropic.claude-opus-4-5-20251101-v1:0", "claude-opus-4-5"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("claude-opus-4@20250514", "claude-opus-4-0"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4-0"),
        ("claude-3-7-sonnet-latest", "claude-3-7-sonnet"),
        ("somebody-elses-model", "somebody-elses-model"),
    ],
)
def test_every_spelling_of_a_model_has_one_canonical_id(asked: str, known_as: str) -> None:
    assert canonical(asked) == known_as


def test_opus_5_is_not_opus_5_5() -> None:
    assert canonical("claude-opus-5") != canonical("claude-opus-5-5")


@pytest.mark.parametrize(
    ("model", "long_context", "largest_prompt", "window"),
    [
        ("claude-opus-5-5", False, 0, 1_000_000),
        ("claude-opus-4-6", False, 0, 200_000),
        ("claude-opus-4-6", True, 0, 1_000_000),
        ("claude-haiku-4-5", True, 0, 200_000),
        ("claude-haiku-4-5", False, 200_001, 1_000_000),
        ("unheard-of", True, 900_000, None),
    ],
)
def test_window_follows_table_beta_and_observed_prompts(
    model: str, long_context: bool, largest_prompt: int, window: int | None
) -> None:
    assert context_window(model, long_context=long_context, largest_prompt=largest_prompt) == window


def test_compaction_point_is_the_clients_own() -> None:
    assert compact_at("claude-haiku-4-5", 200_000) == 167_000
    assert compact_at("claude-opus-5-5", 1_000_000) == 967_000


@pytest.mark.parametrize(
    ("model", "told", "long_context", "largest_prompt", "window"),
    [
        ("house-model", 262_144, False, 0, 262_144),
        ("house-model", 262_144, True, 262_144, 262_144),
        ("house-model", 262_144, False, 262_145, 1_000_000),
        ("house-model", 2_000_000, False, 2_000_001, 2_000_000),
        ("claude-opus-5-5", 400_000, False, 0, 400_000),
        ("claude-opus-5-5", 400_000, False, 400_001, 1_000_000),
        ("claude-haiku-4-5", 1_000_000, False, 0, 1_000_000),
        ("claude-opus-4-6", 200_000, False, 0, 200_000),
        ("claude-opus-4-6", 200_000, True, 0, 1_000_000),
        ("claude-opus-4-6", 1_000_000, False, 0, 200_000),
        ("claude-opus-4-6", 1_000_000, False, 200_001, 1_000_000),
        ("claude-opus-4-6", 1_000_000, True, 0, 1_000_000),
        ("claude-opus-4-6", 128_000, False, 0, 128_000),
    ],
)
def test_a_told_window_counts_before_the_table_and_after_what_prompts_prove(
    model: str, told: int, long_context: bool, largest_prompt: int, window: int
) -> None:
    found = context_window(
        model, long_context=long_context, largest_prompt=largest_prompt, told=limits(told, model=model)
    )
    assert found == window


@pytest.mark.parametrize(
    ("model", "window", "max_tokens", "point"),
    [
        ("house-model", 262_144, None, 229_144),
        ("house-model", 262_144, 32_768, 229_144),
        ("house-model", 262_144, 8_192, 240_952),
        ("claude-3-haiku", 200_000, 10_000, 177_000),
        ("claude-3-haiku", 200_000, None, 182_904),
        ("house-model", 33_001, None, 1),
        ("house-model", 33_000, None, None),
        ("house-model", 1_000, 1_000, None),
    ],
)
def test_the_compaction_point_follows_a_told_largest_answer(
    model: str, window: int, max_tokens: int | None, point: int | None
) -> None:
    assert compact_at(model, window, told=limits(window, max_tokens)) == point


def test_the_catalogue_keeps_the_newest_word_of_the_models_told_last() -> None:
    catalogue = ModelCatalogue()
    catalogue.see([limits(1_000), limits(2_000, model="other")])
    catalogue.see([limits(3_000)])
    assert catalogue.told == {"house-model": limits(3_000), "other": limits(2_000, model="other")}
    catalogue.see(limits(1_000, model=f"m{number}") for number in range(MAX_TOLD_MODELS - 1))
    assert len(catalogue.told) == MAX_TOLD_MODELS
    assert catalogue.dropped == 1
    assert "house-model" in catalogue.told
    assert "other" not in catalogue.told
