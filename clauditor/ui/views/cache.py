"""What the prompt cache of a session did, and what it will cost: the pane's CACHE line."""

from __future__ import annotations

from clauditor import names
from clauditor.ui.views import units, words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.session import SessionView


def cache_words(session: SessionView, scene: Scene) -> str:
    """How much is read from it, until when it is warm and what comes after, what rebuilds cost so far and why."""
    ratio = session.cache.hit_ratio
    read = "" if ratio is None else f"{units.percent(ratio)} read"
    return "; ".join(part for part in (read, _warmth(session, scene), _rebuilds(session, scene)) if part)


def _warmth(session: SessionView, scene: Scene) -> str:
    """`warm until 14:34:56, then the next message costs ~$0.57 more`."""
    cache, left = session.cache, words.cache_seconds(session, scene.now)
    if left is None:
        return ""
    anew = _writing_anew(session)
    if left == 0:
        since = units.moment(cache.expires_at, scene.now, scene.zone)
        cold = "cold" if cache.expires_at is None else f"cold since {since}"
        return f"{cold}: the next message {anew}" if anew else cold
    part = f", in part {units.clock(cache.latest_expires_at, scene.zone)}" if cache.latest_expires_at else ""
    warm = f"warm until {units.clock(cache.expires_at, scene.zone, seconds=True)}{part}"
    return f"{warm}, then the next message {anew}" if anew else warm


def _writing_anew(session: SessionView) -> str:
    """What the next message does once the cache is cold: `costs ~$2.26 more`."""
    cost, tokens = session.cache.rebuild_cost_usd, session.cache.rebuild_tokens
    if cost is not None:
        return f"costs {units.price(cost, estimated=session.estimated)} more" if cost >= words.CENT else ""
    return f"writes {units.tokens(tokens)} tokens anew" if tokens else ""


def _rebuilds(session: SessionView, scene: Scene) -> str:
    """`rebuilt 3 times for ~$1.20, last 14:21 (~$0.42): tools changed, +jira.search`."""
    cache, miss = session.cache, session.cache.last_miss
    if miss is None:
        return ""
    at = "" if miss.at is None else f" {units.moment(miss.at, scene.now, scene.zone)}"
    own = _worth(session, miss.cost_usd, miss.lost_tokens)
    if miss.expected and not cache.misses:
        times = f"rebuilt as expected{at}"
    elif (cache.misses or 1) > 1:
        total = _worth(session, cache.lost_cost_usd, cache.lost_tokens)
        times = f"rebuilt {cache.misses} times{total and f' for {total}'}, last{at}{own and f' ({own})'}"
    else:
        times = f"rebuilt once{at and ','}{at}{own and f', {own}'}"
    agent = next((one.type for one in session.helpers if one.agent_id == miss.agent_id), "")
    reasons = (names.cause_name(miss.cause), miss.detail, agent and f"in agent {agent}")
    return f"{times}: {', '.join(reason for reason in reasons if reason)}"


def _worth(session: SessionView, usd: float | None, tokens: int | None) -> str:
    """What was lost, in money where that is known and worth a word: `~$0.42`, `88k tokens`."""
    if usd is not None and usd >= words.CENT:
        return units.price(usd, estimated=session.estimated)
    return f"{units.tokens(tokens)} tokens" if tokens else ""
