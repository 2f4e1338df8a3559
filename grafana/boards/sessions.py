"""Of the overview: what sessions do, which signals hold, how full the rate limits are."""

from __future__ import annotations

from typing import Final

from grafana.boards.content import Section
from grafana.boards.parts import (
    COUNT,
    SECONDS,
    SHARE,
    Query,
    lines,
    ranking,
    risen,
)

_CHOSEN: Final = '{model=~"$model",project=~"$project"}'
_PRESSING: Final = '{severity!="notice"}'
OF_A_PLAN: Final = '{billing="plan",window!="overage"}'
"""Windows that hold work up: neither the token buckets of an API key, nor usage that is paid for beyond the plan."""

_STATES: Final = {
    "thinking": "semi-dark-blue",
    "streaming": "blue",
    "tool": "purple",
    "waiting": "orange",
    "retrying": "yellow",
    "stalled": "red",
    "idle": "#8e8e8e",
}

SESSIONS: Final = Section(
    title="Sessions and signals",
    panels=(
        lines(
            "Sessions by what they do",
            Query(expr='sum by (state) (clauditor_sessions{state!="ended"})', legend="{{state}}"),
            says="Live sessions, one on top of the other. Orange is a session that waits for a person, red one that is stalled.",
            unit=COUNT,
            decimals=0,
            stacked=True,
            empty="no word from the sidecar",
            colors=_STATES,
        ),
        lines(
            "Sessions by verdict",
            Query(expr="sum by (level) (clauditor_verdicts)", legend="{{level}}"),
            says="The same sessions by how urgent they are: `act` needs a person now, `watch` soon, `ok` not at all.",
            unit=COUNT,
            decimals=0,
            stacked=True,
            empty="no word from the sidecar",
            colors={"ok": "green", "watch": "orange", "act": "red"},
        ),
        ranking(
            "Signals that hold now",
            Query(expr="sort_desc(sum by (signal) (clauditor_signals) > 0)", legend="{{signal}}"),
            says="In how many live sessions each signal holds. docs/signals.md says what each means and what to do.",
            unit=COUNT,
            decimals=0,
            empty="none holds",
            steps=((None, "orange"),),
        ),
        ranking(
            "Signals raised",
            Query(
                expr=f"topk(10, round({risen('clauditor_signals_raised_total', _PRESSING, 'signal')}) > 0)",
                legend="{{signal}}",
            ),
            says="How often each signal began to hold in the time shown, mere notices left out. What comes every day is worth "
            "a change of habit.",
            unit=COUNT,
            decimals=0,
            empty="none in this time",
        ),
        lines(
            "Prompts and calls per minute",
            Query(
                expr="sum(rate(clauditor_prompts_total[$__rate_interval])) * 60", legend="prompts of people"
            ),
            Query(
                expr=f"sum(rate(clauditor_turns_total{_CHOSEN}[$__rate_interval])) * 60",
                legend="calls of the model",
            ),
            says="One prompt causes one or more calls. Many calls without prompts are agents or a loop at work.",
            unit=COUNT,
            decimals=1,
            width=8,
            empty="no calls in this time",
        ),
    ),
)

LIMITS: Final = Section(
    title="Rate limits",
    panels=(
        lines(
            "How full the windows are",
            Query(expr=f"max by (window) (clauditor_limit_used_ratio{OF_A_PLAN})", legend="{{window}}"),
            says="Each window of the plan, the fullest where there are several accounts, from empty (0 %) to full (100 %). "
            "The dashed line at 90 % is where it becomes pressing; a drop is a reset.",
            unit=SHARE,
            decimals=0,
            most=1,
            empty="no plan told in this time",
            steps=((None, "transparent"), (0.9, "red")),
        ),
        ranking(
            "At their reset, at this pace",
            Query(
                expr=f"max by (window) (clauditor_limit_projected_ratio{OF_A_PLAN})"
                f" or max by (window) (clauditor_limit_used_ratio{OF_A_PLAN})",
                legend="{{window}}",
            ),
            says="How full each window will be when it is reset if the last hour goes on: 100 % or more means that it fills up "
            "first. Before a quarter of an hour was seen, how full it is now.",
            unit=SHARE,
            decimals=0,
            width=6,
            empty="no plan told yet",
            steps=((None, "green"), (0.9, "orange"), (1, "red")),
            most=1,
        ),
        ranking(
            "Time to the reset",
            Query(
                expr=f"clamp_min(min by (window) (clauditor_limit_resets_timestamp_seconds{OF_A_PLAN}) - time(), 0)",
                legend="{{window}}",
            ),
            says="How long until each window begins anew, the next one where there are several accounts.",
            unit=SECONDS,
            decimals=0,
            width=6,
            empty="no plan told yet",
        ),
    ),
)
