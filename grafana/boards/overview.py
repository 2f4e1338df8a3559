"""Overview: what it costs, who needs somebody, whether all is recorded; then money, tokens, sessions and limits."""

from __future__ import annotations

from typing import Final

from grafana.boards.content import Content, Section
from grafana.boards.parts import (
    ANY_IS_A_NOTE,
    ANY_IS_BAD,
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
    together,
    while_recorded,
)
from grafana.boards.sessions import LIMITS, OF_A_PLAN, SESSIONS

_CHOSEN: Final = '{model=~"$model",project=~"$project"}'
_MODEL: Final = '{model=~"$model"}'
_LIMIT_STEPS: Final = ((None, "green"), (0.8, "orange"), (0.9, "red"))

_FIRST: Final = Section(
    panels=(
        number(
            "Spend today",
            risen("clauditor_cost_usd_total", _CHOSEN),
            says="List price of everything since midnight, where the time shown reaches until now. On a plan it is a measure "
            "of size, not a bill. Worked out from scrapes; `clauditor spend` has the exact figure.",
            unit=USD,
            decimals=2,
            empty="nothing yet",
            since="now/d",
        ),
        number(
            "Spend in the time shown",
            risen("clauditor_cost_usd_total", _CHOSEN),
            says="List price of everything in the time chosen at the top right, for the models and projects chosen.",
            unit=USD,
            decimals=2,
            empty="nothing yet",
        ),
        number(
            "Need you now",
            'sum(clauditor_verdicts{level="act"})',
            says="Sessions that wait for a person or are in trouble: a dialog is open, an answer stalled, a tool loops. "
            "`clauditor top` names them, and `o` goes there.",
            unit=COUNT,
            empty="no word from the sidecar",
            steps=ANY_IS_BAD,
            words={"0": "nobody"},
        ),
        number(
            "Worth a look",
            'sum(clauditor_verdicts{level="watch"})',
            says="Sessions with something to know of soon: a context that is nearly full, a cache about to go cold.",
            unit=COUNT,
            empty="no word from the sidecar",
            steps=ANY_IS_A_NOTE,
            words={"0": "none"},
        ),
        number(
            "Not recorded",
            while_recorded(f"round({risen('clauditor_gaps_total')} or vector(0))"),
            says="Exchanges of the time shown that passed, wholly or in part, without being seen. Then spend and tokens are "
            "at least what they say; the sessions themselves went on.",
            unit="suffix: exchanges",
            decimals=0,
            empty="no word from the sidecar",
            steps=ANY_IS_A_NOTE,
            words={"0": "nothing"},
        ),
        number(
            "Fullest limit",
            f"max(clauditor_limit_used_ratio{OF_A_PLAN})",
            says="How full the fullest window of a plan is now, of all accounts. From 90 % on, sessions will soon be held up. With "
            "an API key there are no windows: its token buckets fill up again by themselves.",
            unit=SHARE,
            decimals=0,
            empty="no plan told yet",
            steps=_LIMIT_STEPS,
        ),
    )
)

_MONEY: Final = Section(
    title="Money and tokens",
    panels=(
        lines(
            "Spend over time",
            Query(
                expr=f"sum by (model) (increase(clauditor_cost_usd_total{_CHOSEN}[$__interval]))",
                legend="{{model}}",
            ),
            says="List price, by the model that answered. Each bar is the time up to it: five minutes, or more where much time is shown.",
            unit=USD,
            decimals=2,
            bars=True,
            stacked=True,
            empty="nothing was spent in this time",
        ),
        ranking(
            "Spend by project",
            Query(
                expr=f"topk(10, {risen('clauditor_cost_usd_total', _CHOSEN, 'project')})",
                legend="{{project}}",
            ),
            says="List price in the time shown, the ten dearest projects. `other` stands for projects beyond those that have "
            "a series of their own, `unknown` where none was told.",
            unit=USD,
            decimals=2,
            width=6,
            empty="nothing was spent in this time",
        ),
        ranking(
            "Spend by model",
            Query(
                expr=f"topk(10, {risen('clauditor_cost_usd_total', _CHOSEN, 'model')})",
                legend="{{model}}",
            ),
            says="List price in the time shown, by the model that answered.",
            unit=USD,
            decimals=2,
            width=6,
            empty="nothing was spent in this time",
        ),
        lines(
            "Tokens per minute",
            Query(
                expr=f"sum by (kind) (rate(clauditor_tokens_total{_CHOSEN}[$__rate_interval])) * 60",
                legend="{{kind}}",
            ),
            says="Tokens as the provider counts them: fresh input, output, read from the prompt cache, and written to it for "
            "five minutes or an hour. Reading from the cache costs a tenth of fresh input.",
            unit=BIG,
            stacked=True,
            empty="no tokens in this time",
        ),
        lines(
            "Cache reuse",
            Query(
                expr=f'sum(rate(clauditor_tokens_total{{kind="cache_read",{_CHOSEN[1:]}[$__rate_interval]))'
                f' / sum(rate(clauditor_tokens_total{{kind!="output",{_CHOSEN[1:]}[$__rate_interval]))',
                legend="read from the cache",
            ),
            says="Share of prompt tokens that came from the prompt cache. High is cheap: above 90 % is usual in a session at "
            "work, and a dip is a cache that was written anew.",
            unit=SHARE,
            decimals=0,
            most=1,
            empty="no prompts in this time",
        ),
    ),
)

_ANSWERS: Final = Section(
    title="Answers",
    panels=(
        lines(
            "Attempts without an answer",
            Query(
                expr=at_least_a_zero(
                    "sum by (outcome)"
                    ' (increase(clauditor_attempts_total{outcome!="ok",model=~"$model"}[$__interval])) > 0',
                    "outcome",
                ),
                legend="{{outcome}}",
            ),
            says="By how they ended: an error status (`http`), a broken answer (`stream`), a client that went away (`aborted`), or an "
            "answer of the proxy itself. The client repeats most of them by itself.",
            unit=COUNT,
            decimals=0,
            bars=True,
            width=8,
            stacked=True,
            empty="no attempts in this time",
        ),
        lines(
            "Answered by another model",
            Query(
                expr=at_least_a_zero(
                    together(
                        "sum by (requested, served) (increase(clauditor_fallbacks_total[$__interval]))",
                        "served",
                        " for ",
                        "requested",
                    ),
                    "name",
                ),
                legend="{{name}}",
            ),
            says="Calls that another model, or another speed, answered than was asked for. Zero is as it should be.",
            unit=COUNT,
            decimals=0,
            bars=True,
            width=8,
            stacked=True,
            empty="no calls in this time",
        ),
        number(
            "Price not known",
            f"round({risen('clauditor_cost_incomplete_calls_total', _MODEL)} or vector(0))",
            says="Calls of the time shown whose price is not, or not wholly, known: broken off, not seen to the end, or of a "
            "model without a price. With any of these, spend is at least what it says.",
            unit="suffix: calls",
            decimals=0,
            width=8,
            height=8,
            empty="no calls yet",
            steps=ANY_IS_A_NOTE,
            words={"0": "none"},
        ),
    ),
)

CONTENT: Final = Content(
    uid="clauditor-overview",
    title="Overview",
    says="What Claude Code costs, which sessions need somebody, and whether everything was recorded.",
    variables=("model", "project"),
    sections=(_FIRST, _MONEY, SESSIONS, LIMITS, _ANSWERS),
)
