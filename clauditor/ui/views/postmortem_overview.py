"""The head of a post-mortem: what the session was, how it ended, what went wrong, what it cost and wasted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, Final

from clauditor.ui.views import units
from clauditor.ui.views.document import Facts
from clauditor.ui.views.fields import UNNAMED, float_of, int_of, list_of, map_of, text_of
from clauditor.ui.views.postmortem_reading import Reading, class_words
from clauditor.ui.views.segments import KEEP

_CENT: Final = 0.005
_STOPS: Final[Mapping[str, str]] = {
    "end_turn": "complete",
    "stop_sequence": "complete",
    "tool_use": "asked for a tool",
    "max_tokens": "cut off at the output limit",
    "refusal": "a refusal",
    "model_context_window_exceeded": "cut off, the context was full",
}
_DOING: Final[Mapping[str, str]] = {
    "thinking": "a call is under way",
    "streaming": "an answer is being written",
    "tool": "a tool runs",
    "retrying": "a failed call is tried again",
    "stalled": "no bytes arrive",
    "idle": "nothing goes on",
    "approval": "it waits for your ok",
    "question": "it waits for your answer",
    "prompt": "it waits for your prompt",
    "background": "it waits for work in the background",
}


def overview(reading: Reading) -> Facts:
    answer, session = reading.answer, reading.session
    return Facts(
        rows=(
            ("WAS", _was(reading)),
            ("STATE" if answer.get("partial") is not False else "ENDED", _end(reading)),
            ("WRONG", _how_wrong(reading)),
            ("COST", _cost(reading)),
            ("WASTE", _waste(reading)),
            ("CTX", _context(session)),
            ("YOU", _asked(reading)),
            ("SEEN", _seen(answer)),
        )
    )


def _was(reading: Reading) -> str:
    session = reading.session
    counts = (("prompts", "prompt"), ("turns", "call"))
    parts = [
        units.count(number, noun) for key, noun in counts if (number := int_of(session.get(key))) is not None
    ]
    for key, failed, noun in (("tool_calls", "tool_failures", "tool"),):
        if (number := int_of(session.get(key))) is not None:
            failures = int_of(session.get(failed))
            parts.append(units.count(number, noun) + (f" ({failures} failed)" if failures else ""))
    if failed_attempts := int_of(session.get("failed_attempts")):
        parts.append(units.count(failed_attempts, "failed attempt"))
    agents = len(reading.rows("agents")) - 1 + (int_of(reading.answer.get("agents_left_out")) or 0)
    if agents > 0:
        parts.append(units.count(agents, "agent"))
    seconds = float_of(session.get("seconds"))
    lasted = f" in {units.ago(seconds)}" if seconds is not None else ""
    day = _day(float_of(session.get("started_at")), reading.zone)
    return ", ".join(parts) + lasted + (f", {day}" if day else "")


def _day(at: float | None, zone: tzinfo) -> str:
    """`Sun 2026-11-22 from 13:32`."""
    if at is None:
        return ""
    try:
        return f"{datetime.fromtimestamp(at, zone):%a %Y-%m-%d from %H:%M}"
    except (OverflowError, ValueError, OSError):
        return ""


def _end(reading: Reading) -> str:
    """How it ended, as far as was seen: there is no guess whether the work was done."""
    session = reading.session
    stop = text_of(session.get("stop_reason"))
    last = "" if stop is None else f"its last answer: {_STOPS.get(stop, stop)}"
    if text_of(session.get("last_outcome")) not in {None, "ok"}:
        last = "its last call had no complete answer"
    if reading.answer.get("partial") is not False:
        state = text_of(session.get("state")) or ""
        doing = _DOING.get((text_of(session.get("waiting_for")) or "") if state == "waiting" else state, "")
        return f"still running{f', {doing}' if doing else ''}: a partial picture"
    at = reading.when(session.get("ended_at"))
    return f"{at}{f'; {last}' if last else ''}"


def _how_wrong(reading: Reading) -> str:
    faults = [one for one in reading.rows("findings") if one.get("is_fault") is not False]
    since = int_of(reading.answer.get("wrong_since_turn"))
    if not faults:
        return "nothing that Clauditor looks for"
    told = units.count(len(faults), "thing")
    return told + (f", from call {since} on" if since is not None else ", all of them small")


def _cost(reading: Reading) -> str:
    session = reading.session
    cost = float_of(session.get("cost_usd"))
    tokens = int_of(session.get("total_tokens"))
    used = (
        ""
        if tokens is None
        else f"{units.tokens(tokens)} tokens, {units.tokens(int_of(session.get('output_tokens')))} of them output"
    )
    if cost is None:
        return used and f"unknown; {used}"
    parts = _cost_parts(reading, cost)
    text = reading.usd(cost, is_total=True) + (f" = {' + '.join(parts)}" if len(parts) > 1 else "")
    return f"{text}; {used}" if used else text


def _cost_parts(reading: Reading, cost: float) -> list[str]:
    """By kind of agent; what no agent spent went to side calls and compactions."""
    costs: dict[str, float] = defaultdict(float)
    numbers: dict[str, int] = defaultdict(int)
    for agent in reading.rows("agents"):
        kind, usd = text_of(agent.get("type")) or UNNAMED, float_of(agent.get("cost_usd"))
        costs[kind] += usd or 0.0
        numbers[kind] += 1
    rest = cost - sum(costs.values())
    parts = [
        f"{kind}{f'{KEEP}x{numbers[kind]}' if numbers[kind] > 1 else ''}{KEEP}{units.amount(usd)}"
        for kind, usd in sorted(costs.items(), key=lambda item: (item[0] != "main", -item[1], item[0]))
        if usd >= _CENT
    ]
    if parts and rest >= _CENT:
        parts.append(f"side{KEEP}calls{KEEP}{units.amount(rest)}")
    return parts


def _waste(reading: Reading) -> str:
    waste = map_of(reading.answer.get("waste"))
    classes = [each for each in list_of(waste.get("classes")) if each.get("is_priced") is not False]
    if not classes:
        return "nothing seen"
    usd = float_of(waste.get("usd"))
    if usd is None:
        return f"{units.tokens(int_of(waste.get('tokens')))} tokens, no price known"
    ratio, whole = units.percent(float_of(waste.get("ratio"))), reading.usd(waste.get("of_usd"))
    largest = max(classes, key=lambda each: float_of(each.get("usd")) or 0.0)
    mostly = (
        f", mostly {class_words(largest.get('name'))}"
        if len(classes) > 1
        else f": {class_words(largest.get('name'))}"
    )
    return f"{reading.usd(usd, is_total=True)} of {whole} ({ratio}){mostly}"


def _context(session: Mapping[str, Any]) -> str:
    tokens, window = int_of(session.get("context_tokens")), int_of(session.get("context_window"))
    if tokens is None:
        return ""
    number = int_of(session.get("compactions")) or 0
    compacted = f", compacted {'once' if number == 1 else f'{number} times'}" if number else ""
    return f"{units.tokens(tokens)} tokens" + (f" of {units.tokens(window)}" if window else "") + compacted


def _asked(reading: Reading) -> str:
    """How often a person was needed, and how long that took."""
    calls = [one for one in reading.rows("findings") if one.get("name") == "needs_answer"]
    times = sum(int_of(one.get("times")) or 0 for one in calls)
    held = sum(float_of(one.get("held_seconds")) or 0.0 for one in calls)
    if not times:
        return ""
    return f"it needed you {'once' if times == 1 else f'{times} times'}, {units.ago(held)} in all"


def _seen(answer: Mapping[str, Any]) -> str:
    unseen, missing = int_of(answer.get("unseen_exchanges")) or 0, int_of(answer.get("turns_missing")) or 0
    parts = [f"{units.count(unseen, 'call')} seen in part"] if unseen else []
    parts += [f"the first {units.count(missing, 'call')} no longer at hand"] if missing else []
    if answer.get("at_least") is not False and not parts:
        parts = ["some cost is not known"]
    return f"{', '.join(parts)}: sums are at least what stands here" if parts else ""
