"""What two snapshots tell that no event says: a session that is new, agents that are done, what a call cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from clauditor import names
from clauditor.ui.views import units
from clauditor.ui.views.fields import int_of, map_of
from clauditor.ui.views.news import (
    Moment,
    News,
    agent_id_of,
    agent_name,
    agent_of,
    counted,
    plain_news,
    price,
    seconds_words,
)
from clauditor.ui.views.session import SessionView

_DIALOGS: Final = frozenset({"approval", "question"})


def begun(moment: Moment) -> Iterator[News]:
    """A session that was not there a moment ago."""
    after = moment.after
    if moment.before is not None or after is None:
        return
    is_back = (after.turns or 0) > 1
    facts = [counted(after)] if is_back else [after.client, after.branch and f"branch {after.branch}"]
    known = ", ".join(fact for fact in facts if fact)
    text = f"{'session is back' if is_back else 'new session'}{f': {known}' if known else ''}"
    yield plain_news(moment, text, after.started_at if not is_back else after.last_activity_at, "strong")


def compared(moment: Moment) -> Iterator[News]:
    """What no event says: a dialog that was answered, a prompt cache written anew, agents that are done."""
    if moment.before is not None and moment.after is not None:
        yield from _dialog(moment, moment.before, moment.after)
        yield from _rebuilt(moment, moment.before, moment.after)
        yield from _agents_done(moment, moment.before, moment.after)


def _dialog(moment: Moment, before: SessionView, after: SessionView) -> Iterator[News]:
    was_asked = before.state == "waiting" and before.waiting_for in _DIALOGS
    if was_asked and after.waiting_for != before.waiting_for and after.ended_at is None:
        at, since = after.last_activity_at, before.state_since
        took = f" after {seconds_words(at - since)}" if at and since and at >= since else ""
        yield plain_news(moment, f"answered{took}", at)


def _rebuilt(moment: Moment, before: SessionView, after: SessionView) -> Iterator[News]:
    miss = after.cache.last_miss
    # Where the signal of that name says the same, its sentence is enough.
    if miss is None or miss == before.cache.last_miss or "cache_rebuilt" in moment.names("SignalRaised"):
        return
    detail = f" ({miss.detail})" if miss.detail else ""
    lost = f", {units.tokens(miss.lost_tokens)} tokens written again" if miss.lost_tokens else ""
    cost = "" if miss.cost_usd is None else f", {price(miss.cost_usd, after)} more"
    text = f"cache rebuilt: {names.cause_name(miss.cause)}{detail}{lost}{cost}"
    yield plain_news(moment, text, miss.at, "dim" if miss.expected else "watch")


def _agents_done(moment: Moment, before: SessionView, after: SessionView) -> Iterator[News]:
    for agent in after.helpers:
        was = agent_of(before, agent.agent_id)
        if agent.state != "ended" or (was is not None and was.state == "ended"):
            continue
        parts = [] if agent.turns is None else [units.count(agent.turns, "call")]
        if agent.cost_usd is not None:
            parts.append(price(agent.cost_usd, after, complete=agent.cost_complete))
        did = f": {', '.join(parts)}" if parts else ""
        yield plain_news(moment, f"{agent_name(agent)} is done{did}", after.last_activity_at, "accent")


def call_cost(event: Mapping[str, Any], moment: Moment) -> tuple[float, bool] | None:
    """What a finished call cost (US dollars), and whether that is all; None where the snapshots do not tell.

    Its agent's cost rose by it, if its agent's output did not rise by anything else.
    """
    usage = map_of(event.get("usage"))
    now, was = agent_of(moment.after, agent_id_of(event)), agent_of(moment.before, agent_id_of(event))
    if not usage or now is None or now.cost_usd is None:
        return None
    output = (int_of(usage.get("output")) or 0) + sum(_extra_output(usage))
    before_tokens, before_usd = (0, 0.0) if was is None else (was.output_tokens or 0, was.cost_usd or 0.0)
    if (now.output_tokens or 0) - before_tokens != output:
        return None
    is_whole = now.cost_complete or (was is not None and not was.cost_complete)
    return max(0.0, now.cost_usd - before_usd), is_whole


def _extra_output(usage: Mapping[str, Any]) -> Iterator[int]:
    extra = usage.get("extra")
    for pair in extra if isinstance(extra, list) else ():
        if isinstance(pair, list) and len(pair) == 2:
            yield int_of(map_of(pair[1]).get("output")) or 0
