"""Cache and context: is the prompt cache read or written again, why, what did that cost; how full are the contexts."""

from __future__ import annotations

from typing import Final

from grafana.boards.content import Content, Section
from grafana.boards.parts import (
    ANY_IS_A_NOTE,
    BIG,
    COUNT,
    SHARE,
    USD,
    Query,
    at_least_a_zero,
    lines,
    number,
    ranking,
    risen,
)

_CHOSEN: Final = 'model=~"$model",project=~"$project"'
_MODEL: Final = '{model=~"$model"}'
_READ: Final = f'{{kind="cache_read",{_CHOSEN}}}'
_PROMPT: Final = f'{{kind!="output",{_CHOSEN}}}'
_UNEXPECTED: Final = '{cause!="compaction"}'
_FILLS: Final = {
    "0-25": "semi-dark-green",
    "25-50": "green",
    "50-75": "yellow",
    "75-90": "orange",
    "90-100": "red",
    "unknown": "#8e8e8e",
}

_FIRST: Final = Section(
    panels=(
        number(
            "Cache reuse",
            f"{risen('clauditor_tokens_total', _READ)} / ({risen('clauditor_tokens_total', _PROMPT)} > 0)",
            says="Share of the prompt tokens of the time shown that came from the cache. Above 90 % is usual for long sessions; "
            "many short ones bring it down.",
            unit=SHARE,
            decimals=1,
            empty="no prompts yet",
            steps=((None, "orange"), (0.7, "text"), (0.9, "green")),
        ),
        number(
            "Caches written again",
            f"round({risen('clauditor_cache_rebuilds_total', _UNEXPECTED)} or vector(0))",
            says="Calls of the time shown that had to write a prompt cache which was there before. Compactions are left out: "
            "they are to be expected.",
            unit=COUNT,
            decimals=0,
            empty="no calls yet",
            steps=ANY_IS_A_NOTE,
            words={"0": "none"},
        ),
        number(
            "What that cost",
            f"{risen('clauditor_cache_lost_usd_total', _MODEL)} or vector(0)",
            says="List price of those tokens beyond what reading them would have cost, in the time shown.",
            unit=USD,
            decimals=2,
            empty="no calls yet",
        ),
        number(
            "Tokens written again",
            f"{risen('clauditor_cache_lost_tokens_total', _MODEL)} or vector(0)",
            says="Tokens of the time shown that were written although they could have been read.",
            unit=BIG,
            decimals=1,
            empty="no calls yet",
        ),
        number(
            "Contexts nearly full",
            'sum(clauditor_context_sessions{fill=~"75-90|90-100"})',
            says="Sessions that use three quarters of their context window or more, now. They will be compacted soon: finish "
            "a thought first, or start anew.",
            unit="suffix: sessions",
            decimals=0,
            empty="no word from the sidecar",
            steps=ANY_IS_A_NOTE,
            words={"0": "none"},
        ),
        number(
            "Compactions",
            f"round({risen('clauditor_compactions_total', _MODEL)} or vector(0))",
            says="Conversations that were summarised in the time shown, by the client itself or because somebody asked for it.",
            unit=COUNT,
            decimals=0,
            empty="no calls yet",
            words={"0": "none"},
        ),
    )
)

_CACHE: Final = Section(
    title="Prompt cache",
    panels=(
        lines(
            "Cache reuse by model",
            Query(
                expr=f'sum by (model) (rate(clauditor_tokens_total{{kind="cache_read",{_CHOSEN}}}[$__rate_interval]))'
                f' / sum by (model) (rate(clauditor_tokens_total{{kind!="output",{_CHOSEN}}}[$__rate_interval]))',
                legend="{{model}}",
            ),
            says="Share of prompt tokens that came from the cache. A dip is a cache that was written anew; the panel beside "
            "says what happened.",
            unit=SHARE,
            decimals=0,
            most=1,
            empty="no prompts in this time",
        ),
        lines(
            "What the cache did",
            Query(
                expr=f"sum by (event) (increase(clauditor_cache_events_total{_MODEL}[$__interval]))",
                legend="{{event}}",
            ),
            says="Calls: read (`hit`), read in part, begun (`cold_start`), gone cold (`miss_ttl`), written again "
            "because the prompt changed (`miss_rebuild`) or again and again (`miss_thrash`), or after a compaction "
            "(`expected_rebuild`).",
            unit=COUNT,
            decimals=0,
            bars=True,
            stacked=True,
            empty="no calls in this time",
            colors={
                "hit": "green",
                "partial": "yellow",
                "cold_start": "blue",
                "miss_ttl": "orange",
                "miss_rebuild": "red",
                "miss_thrash": "dark-red",
                "expected_rebuild": "light-blue",
                "none": "#8e8e8e",
            },
        ),
        ranking(
            "Written again, by cause",
            Query(
                expr=at_least_a_zero(
                    f"topk(10, round({risen('clauditor_cache_rebuilds_total', by='cause')}) > 0)",
                    "cause",
                ),
                legend="{{cause}}",
            ),
            says="How often, in the time shown, and what made it necessary: other tools, another model, a pause longer than the "
            "cache lives. docs/signals.md says what helps.",
            unit=COUNT,
            decimals=0,
            empty="none in this time",
            steps=((None, "orange"),),
        ),
        lines(
            "Lost by writing again",
            Query(
                expr=at_least_a_zero(
                    f"sum by (model) (increase(clauditor_cache_lost_usd_total{_MODEL}[$__interval])) > 0",
                    "model",
                ),
                legend="{{model}}",
            ),
            says="What writing caches again cost more than reading them, by model; each bar is the time up to it.",
            unit=USD,
            decimals=2,
            bars=True,
            stacked=True,
            width=8,
            empty="no calls in this time",
        ),
        lines(
            "Written to the cache per minute",
            Query(
                expr=f'sum by (kind) (rate(clauditor_tokens_total{{kind=~"cache_write_.*",{_CHOSEN}}}[$__rate_interval]))'
                " * 60",
                legend="{{kind}}",
            ),
            says="Tokens by how long they are kept: five minutes (1.25 times the price of fresh input) or an hour (twice).",
            unit=BIG,
            stacked=True,
            width=8,
            empty="nothing was written in this time",
        ),
    ),
)

_CONTEXT: Final = Section(
    title="Context",
    panels=(
        lines(
            "How full the contexts are",
            Query(expr="sum by (fill) (clauditor_context_sessions)", legend="{{fill}} %"),
            says="Sessions that have not ended, by how much of the context window their last call used. Red ones are about to "
            "be compacted.",
            unit=COUNT,
            decimals=0,
            stacked=True,
            empty="no word from the sidecar",
            colors={f"{fill} %": color for fill, color in _FILLS.items()},
        ),
        lines(
            "When conversations are compacted",
            Query(
                expr=at_least_a_zero(
                    f"sum by (trigger) (increase(clauditor_compactions_total{_MODEL}[$__interval])) > 0",
                    "trigger",
                ),
                legend="{{trigger}}",
            ),
            says="`auto` when the window was full, `manual` when somebody typed /compact, `unknown` where neither was told.",
            unit=COUNT,
            decimals=0,
            bars=True,
            stacked=True,
            width=6,
            empty="no calls in this time",
        ),
        lines(
            "Size before and after a compaction",
            Query(
                expr="sum(increase(clauditor_compaction_before_tokens_sum[$__range]))"
                " / (sum(increase(clauditor_compaction_before_tokens_count[$__range])) > 0) or vector(0)",
                legend="before",
            ),
            Query(
                expr="sum(increase(clauditor_compaction_after_tokens_sum[$__range]))"
                " / (sum(increase(clauditor_compaction_after_tokens_count[$__range])) > 0) or vector(0)",
                legend="after",
            ),
            says="Mean size of a conversation in tokens, over a stretch as long as the time shown. What lies between the lines "
            "was summarised. Zero: none was compacted.",
            unit=BIG,
            width=6,
            empty="none in this time",
        ),
    ),
)

CONTENT: Final = Content(
    uid="clauditor-cache",
    title="Cache and context",
    says="Whether prompts are read from the cache or paid anew, and how full the context windows are.",
    variables=("model", "project"),
    sections=(_FIRST, _CACHE, _CONTEXT),
)
