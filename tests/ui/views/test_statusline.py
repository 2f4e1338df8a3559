"""The status line: every sentence of it, what gives way in a narrow terminal, and that nothing hostile gets through."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clauditor.text import width
from clauditor.ui.views.statusline import MARGIN, Seen, status_line
from ui import afternoon
from ui.afternoon import NOW, cache, context, limits, miss, signal, snapshot
from ui.hostile import HOSTILE, is_harmless

WIDE = 200
CALM = {"context": context(0.31), "cost_usd": 1.23, "cache": cache(NOW + 172)}


def answer(others: tuple[str, ...] = (), incident: Any = None, **fields: Any) -> dict[str, Any]:
    """What the sidecar says of a calm session, but for `fields`."""
    return {
        "session": snapshot("5f0c2a11-aaaa", **(CALM | fields)),
        "others": {"act": len(others), "names": list(others)},
        "incident": incident,
    }


def line(seen: Seen, columns: int = WIDE) -> str:
    return status_line(seen, now=NOW, zone=UTC, columns=columns)


def told(session_id: str) -> dict[str, Any]:
    """The sidecar's answer about a session of the afternoon."""
    shots = {shot["session_id"]: shot for shot in afternoon.with_signals()}
    return {"session": shots[session_id], "others": {"act": 0, "names": []}, "incident": None}


HEALTHY = "clauditor ok · ctx 31% · cache to 14:35 · ~$1.23 · 5h 57%"


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (Seen(answer()), HEALTHY),
        (Seen(answer(billing="api")), "clauditor ok · ctx 31% · cache to 14:35 · $1.23"),
        (Seen(answer(others=("infra", "orders-api"))), f"{HEALTHY} · 2 others need you: infra, orders-api"),
        (Seen(answer(others=("infra",))), f"{HEALTHY} · 1 other needs you: infra"),
        (
            Seen(told("e21f9a00-dddd")),
            "clauditor watch · context 93%, compacts in ~4 calls · finish this step, then /compact",
        ),
        (
            Seen(told("c40b88d1-eeee")),
            "clauditor watch · cache goes cold at 14:33, then the next message costs ~$2.26 more",
        ),
        (
            Seen(answer(cache=cache(NOW + 30 - 60, rebuild_tokens=470_000, rebuild_cost_usd=2.26))),
            "clauditor · cache cold since 14:31, next message rewrites 470k tokens (~$2.26) · new task? /clear",
        ),
        (
            Seen(answer(cache=cache(NOW - 30, rebuild_tokens=470_000))),
            "clauditor · cache cold since 14:31, next message rewrites 470k tokens · new task? /clear",
        ),
        (
            Seen(
                answer(context={"used_ratio": 0.97, "last_compaction": {"at": NOW, "tokens_before": 970_000}})
            ),
            "clauditor ok · just compacted · cache to 14:35 · ~$1.23 · 5h 57%",
        ),
        (
            Seen(answer(cache=cache(NOW - 30, rebuild_tokens=9_000, rebuild_cost_usd=0.04))),
            "clauditor ok · ctx 31% · cache cold · ~$1.23 · 5h 57%",
        ),
        (
            Seen(
                answer(
                    signals=[
                        signal(
                            "cache_rebuilt", "watch", "The prompt cache was rebuilt.", "rebuilt +~$0.42", "x"
                        )
                    ],
                    cache=cache(NOW + 172, last_miss=miss("tools_changed", "+mcp__jira__search")),
                )
            ),
            "clauditor watch · cache rebuilt at 14:21 (~$0.42): tools changed, +jira.search",
        ),
        (
            Seen(
                answer(
                    signals=[
                        signal("cache_rebuilt", "watch", "The prompt cache was rebuilt.", "rebuilt", "x")
                    ],
                    cache=cache(NOW + 172, last_miss=miss("ttl_expired_5m", cost_usd=None, at=None)),
                )
            ),
            "clauditor watch · cache rebuilt: 5 min passed",
        ),
        (
            Seen(told("9c3d51e8-ffff")),
            "clauditor watch · answered by sonnet-5.5, you asked for opus-5.5, since 14:31 · /model",
        ),
        (
            Seen(
                answer(
                    incident=afternoon.INCIDENT,
                    state="retrying",
                    retry={"attempt": 4, "status": 529},
                    signals=[
                        signal("retrying", "watch", "Attempt 4 of the same call.", "529 overloaded", "x")
                    ],
                )
            ),
            "clauditor · Anthropic answers 529 to 4 of 6 sessions since 14:29, not your set-up · retry 4/10",
        ),
        (
            Seen(answer(incident=afternoon.INCIDENT | {"status": 429})),
            "clauditor · Anthropic answers 429 to 4 of 6 sessions since 14:29, your account's rate",
        ),
        (
            Seen(answer(incident=afternoon.INCIDENT | {"status": None})),
            "clauditor · connections to Anthropic break in 4 of 6 sessions since 14:29",
        ),
        (
            Seen(
                answer(
                    signals=[
                        signal("rate_limit", "act", "The 5h limit is 91% used.", "5h limit 91%", "Finish.")
                    ],
                    limits={"five_hour": limits(0.91, share=0.4)["five_hour"] | {"full_at": NOW + 1092}},
                )
            ),
            "clauditor act · 5h limit 91%, full ~14:50, back 15:10 · this session ~40% of your use",
        ),
        (
            Seen(told("0be1d7c4-cccc")),
            "clauditor act · Bash (alembic): 6 same calls, same result · Esc and redirect",
        ),
        (
            Seen(told("77aa0b32-bbbb")),
            "clauditor act · The answer stopped in the middle: no byte for more than 3 min · Press Esc in its terminal and send it again",
        ),
        (
            Seen(answer(unobserved={"exchanges": 2, "bytes": 9}, billing="api")),
            "clauditor ok · ctx 31% · cache to 14:35 · >= $1.23 (2 calls not recorded)",
        ),
        (Seen("away"), "clauditor not recording (your traffic goes on) · clauditor up"),
        (Seen("silent"), "clauditor does not answer (your traffic goes on) · clauditor status"),
        (Seen({}), "clauditor does not answer (your traffic goes on) · clauditor status"),
        (
            Seen("away", proxy="nobody"),
            "clauditor DOWN, Claude cannot reach the API · in any shell: clauditor up  (or: clauditor off)",
        ),
        (
            Seen(answer(), proxy="foreign"),
            "clauditor DOWN, another user's program listens on its port · in any shell: clauditor off",
        ),
        (
            Seen(answer(), is_routed=False),
            "clauditor: this session is not seen · clauditor on, from the next prompt",
        ),
        (
            Seen("away", is_routed=False, proxy="nobody"),
            "clauditor: this session is not seen · clauditor on, from the next prompt",
        ),
        (
            Seen({"session": None, "others": {}}, has_called=True),
            "clauditor: this session is seen from its next prompt",
        ),
        (Seen({"session": None, "others": {}}), "clauditor ok · no call yet"),
    ],
)
def test_each_situation_has_its_sentence(seen: Seen, expected: str) -> None:
    assert line(seen) == expected


def test_what_its_own_terminal_shows_anyway_is_no_news() -> None:
    ask = signal("needs_answer", "act", "Claude asks for your ok to run Bash.", "needs your ok", "Answer.")
    full = signal("context_pressure", "watch", "Context holds 930k tokens.", "compacts soon", "x")
    assert line(Seen(answer(signals=[ask]))) == HEALTHY
    assert line(Seen(answer(signals=[ask, full]))).startswith("clauditor watch · context 31%, compacts soon")


def test_a_muted_session_and_a_notice_say_nothing() -> None:
    loop = signal("tool_loop", "act", "Bash: 6 times the same call.", "loop", "x")
    assert line(Seen(answer(signals=[loop], muted_until=NOW + 60))) == HEALTHY
    assert line(Seen(answer(signals=[loop | {"severity": "notice"}]))) == HEALTHY


def test_its_own_trouble_comes_before_that_of_the_service() -> None:
    loop = signal("tool_loop", "act", "Bash: 6 times the same call with the same result.", "loop x6", "x")
    assert line(Seen(answer(signals=[loop], incident=afternoon.INCIDENT))).startswith(
        "clauditor act · Bash: 6 same"
    )


def test_what_gives_way_in_a_narrow_terminal_and_in_which_order() -> None:
    seen = Seen(answer(others=("infra", "orders-api")))
    full = line(seen)
    shorter = []
    for columns in range(len(full) + MARGIN, 59, -1):
        if (shown := line(seen, columns)) not in shorter:
            shorter.append(shown)
        assert len(shown) <= columns - MARGIN
    assert shorter == [
        full,
        full.replace(" · ~$1.23", ""),
        full.replace(" · ~$1.23 · 5h 57%", ""),
        "clauditor ok · ctx 31% · cache to 14:35 · 2 others need you",
        "clauditor ok · ctx 31% · cache to 14:35",
    ]


def test_the_next_step_gives_way_before_others_do() -> None:
    seen = Seen(told("e21f9a00-dddd") | {"others": {"act": 1, "names": ["infra"]}})
    assert line(seen, 100) == "clauditor watch · context 93%, compacts in ~4 calls · 1 other needs you: infra"


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (Seen(answer()), "ok · ctx 31% · cache to 14:35"),
        (Seen(answer(others=("infra", "etl"))), "ok · ctx 31% · cache to 14:35 · 2 need you"),
        (Seen(told("c40b88d1-eeee")), "watch · cache cold 14:33, +~$2.26"),
        (
            Seen(answer(cache=cache(NOW - 30, rebuild_tokens=470_000, rebuild_cost_usd=2.26), billing="api")),
            "watch · cache cold 14:31, +$2.26",
        ),
        (Seen(told("0be1d7c4-cccc")), "act · loop: same call x6"),
        (Seen(answer(incident=afternoon.INCIDENT)), "529 in 4 of 6 sessions"),
        (Seen("away"), "not recording · clauditor up"),
        (Seen("away", proxy="nobody"), "DOWN · clauditor up"),
        (Seen(answer(), is_routed=False), "not seen · clauditor on"),
    ],
)
def test_below_sixty_columns_there_is_a_short_form(seen: Seen, expected: str) -> None:
    assert line(seen, 59) == expected
    assert len(line(seen, 24)) <= 24 - MARGIN


def poisoned(value: Any, poison: str) -> Any:
    """The same with every string another one, but for those that choose the sentence."""
    match value:
        case str():
            return poison
        case dict():
            kept = {"severity", "billing", "state", "name"}
            return {key: item if key in kept else poisoned(item, poison) for key, item in value.items()}
        case list():
            return [poisoned(item, poison) for item in value]
        case _:
            return value


@pytest.mark.parametrize("poison", HOSTILE)
@pytest.mark.parametrize("columns", [20, 59, 60, 80, 200])
def test_foreign_text_never_leaves_its_line(poison: str, columns: int) -> None:
    shots = [told(shot["session_id"]) for shot in afternoon.with_signals()]
    rebuilt = answer(
        others=("a", "b"),
        signals=[signal("cache_rebuilt", "watch", "x", "y", "z")],
        cache=cache(NOW + 1, last_miss=miss("tools_changed", "+x, -y")),
    )
    for one in [*shots, rebuilt]:
        shown = line(Seen(poisoned(one, poison)), columns)
        assert is_harmless(shown)
        assert width(shown) <= columns - MARGIN


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(min_value=1, max_value=300))
def test_it_never_fails_whatever_the_answer_holds(data: st.DataObject, columns: int) -> None:
    known = told(data.draw(st.sampled_from([shot["session_id"] for shot in afternoon.with_signals()])))
    shot = known["session"]
    for part in data.draw(st.lists(st.sampled_from(sorted(shot)), max_size=6)):
        shot[part] = data.draw(json_values)
    for holder in (
        shot["context"],
        shot["cache"],
        *(shot["signals"] if isinstance(shot["signals"], list) else []),
    ):
        if isinstance(holder, dict) and holder:
            holder[data.draw(st.sampled_from(sorted(holder)))] = data.draw(json_values)
    known |= {"others": data.draw(json_values), "incident": data.draw(json_values)}
    assert is_harmless(line(Seen(known), columns))
