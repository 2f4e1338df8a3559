import pytest

from clauditor.model.models import canonical, compact_at, context_window


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
