"""The pane about one session: WHY, NEXT, CTX, CACHE, COST, USED, WORK, LAST, each in a line or two.

What a snapshot does not tell is left out; nothing is guessed.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from clauditor.ui.views import units, words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.recorded import missing, seen_in_part
from clauditor.ui.views.segments import KEEP, Line, Role, Segment, clip, line, line_width, wrap
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.state import since_words, state_sentence

_TAG_CELLS: Final = 7
_TREND_CELLS: Final = 8
_SHOWN_TOOLS: Final = 6
_SHOWN_SIGNALS: Final = 4
_SEVERITIES: Final[dict[str, tuple[str, Role]]] = {"act": ("!!", "act"), "watch": ("!", "watch")}
_FAR_CALLS: Final = 100  # an estimate over more calls than that says nothing
_CENT: Final = 0.005
_MAX_TEXT_CELLS: Final = 110  # longer lines are hard to read, however wide the screen


def title(session: SessionView, width: int) -> Line:
    """`── webshop: fix login test ───── main, opus-5.5 ──`."""
    right = ", ".join(part for part in (session.branch, session.model, session.shown_id[:8]) if part)
    left = clip(line(Segment("── ", "rule"), Segment(words.full_name(session), "strong")), width - 8)
    tail = line(Segment(f" {right} ", "dim"), Segment("──", "rule"))
    rule = width - line_width(left) - 1 - line_width(tail)
    if rule < 3:
        tail, rule = line(Segment("──", "rule")), width - line_width(left) - 3
    return line(*left, " ", Segment("─" * max(0, rule), "rule"), *tail)


def detail(session: SessionView, scene: Scene, width: int) -> list[Line]:
    """The pane's lines without its title."""
    texts = [*_why(session, scene), *_signals(session, scene)]
    texts += [
        ("NEXT", _next(session), "plain"),
        ("CTX", _context(session), "plain"),
        ("CACHE", _cache(session, scene), "plain"),
        ("COST", _cost(session), "plain"),
        ("USED", _used(session), "plain"),
        ("WORK", _work(session), "plain"),
        ("LAST", _last(session, scene), "plain"),
        ("SEEN", _seen(session), "watch"),
    ]
    lines: list[Line] = []
    for tag, text, role in texts:
        lines += tagged(tag, text, width, role)
    return lines


def tagged(tag: str, text: str, width: int, role: Role = "plain") -> list[Line]:
    """A text under its tag, wrapped beside it; nothing for an empty text."""
    room = min(width - 1 - _TAG_CELLS, _MAX_TEXT_CELLS)
    wrapped = wrap(text, max(room, 8), "plain" if role == "dim" else role)
    heads = [f" {tag:<{_TAG_CELLS - 1}}", *[" " * _TAG_CELLS] * (len(wrapped) - 1)]
    return [line(Segment(head, "head"), *rest) for head, rest in zip(heads, wrapped, strict=False)]


def _why(session: SessionView, scene: Scene) -> list[tuple[str, str, Role]]:
    """The verdict and how sure it is, then what goes on."""
    role, verdict = words.urgency(session, scene.now), session.verdict
    sentence = state_sentence(session, scene)
    if verdict is None or verdict.level == "ok" or not verdict.reason:
        return [("WHY", sentence, role)]
    own = next((signal for signal in session.signals if signal.name == verdict.signal), None)
    sure = f" ({own.evidence})" if own is not None and own.evidence else ""
    since = "" if verdict.since == session.state_since else since_words(verdict.since, scene)
    return [("WHY", f"{verdict.reason}{since}{sure}", role), ("", sentence, "plain")]


def _signals(session: SessionView, scene: Scene) -> list[tuple[str, str, Role]]:
    """Raised signals other than the one that leads: what, since when, how sure, and what to do."""
    leading = session.verdict.signal if session.verdict else None
    shown: list[tuple[str, str, Role]] = []
    for signal in [signal for signal in session.signals if signal.name != leading][:_SHOWN_SIGNALS]:
        summary = signal.summary or signal.name.replace("_", " ")
        sure = f" ({signal.evidence})" if signal.evidence else ""
        step = f"; {signal.next_step}" if signal.next_step else ""
        mark, role = _SEVERITIES.get(signal.severity, ("", "plain"))
        shown.append((mark or "NOTE", f"{summary}{since_words(signal.since, scene)}{sure}{step}", role))
    return shown


def _next(session: SessionView) -> str:
    if session.verdict is not None and session.verdict.next_step:
        return session.verdict.next_step
    match session.state, session.waiting_for:
        case "waiting", "approval" | "question":
            return "Answer in its terminal."
        case "waiting", "prompt":
            return "Send the next prompt, or let it rest."
        case "retrying", _:
            return "Nothing to do: the client tries again by itself."
        case _:
            return ""


def _context(session: SessionView) -> str:
    context = session.context
    if context.tokens is None:
        return ""
    parts = [f"{units.tokens(context.tokens)} of {units.tokens(context.window)}"]
    if context.window is None:
        parts = [f"{units.tokens(context.tokens)}, window of this model unknown"]
    if context.compact_at_tokens is not None:
        parts.append(f"compacts at {units.tokens(context.compact_at_tokens)}")
    left = context.turns_to_compact
    if left is not None:
        away = "far away" if left > _FAR_CALLS else f"~{units.count(left, 'call')} away"
        parts.append("which is now" if left <= 0 else away)
    if context.compactions:
        parts.append(
            "compacted once" if context.compactions == 1 else f"compacted {context.compactions} times"
        )
    trend = units.sparkline(context.history, _TREND_CELLS)
    return f"{trend} {', '.join(parts)}".lstrip()


def _cache(session: SessionView, scene: Scene) -> str:
    cache = session.cache
    parts: list[str] = []
    left = words.cache_seconds(session, scene.now)
    if left == 0:
        since = "" if cache.expires_at is None else f" since {units.clock(cache.expires_at, scene.zone)}"
        parts.append(f"cold{since}")
    elif cache.expires_at is not None:
        parts.append(f"warm until {units.clock(cache.expires_at, scene.zone, seconds=True)}")
    if parts and cache.ttl_seconds:
        parts[0] += f" ({units.ago(cache.ttl_seconds)} after each use)"
    if cache.rebuild_cost_usd and cache.rebuild_cost_usd >= _CENT:
        parts.append(f"written anew it costs {words.cold_price(session)} more")
    elif cache.rebuild_tokens:
        parts.append(f"{units.tokens(cache.rebuild_tokens)} tokens to write anew")
    if cache.hit_ratio is not None:
        parts.append(f"{units.percent(cache.hit_ratio)} read")
    miss = cache.last_miss
    if miss is not None:
        misses = cache.misses or 1
        times = f"rebuilt {misses} times, last" if misses > 1 else "rebuilt"
        at = f" {units.moment(miss.at, scene.now, scene.zone)}" if miss.at is not None else ""
        worth = f", {units.tokens(miss.lost_tokens)} tokens" if miss.lost_tokens else ""
        if miss.cost_usd is not None:
            worth = f", {units.price(miss.cost_usd, estimated=session.estimated)}"
        detail = f" ({miss.detail})" if miss.detail else ""
        parts.append(f"{times}{at}{worth}: {words.cause_words(miss.cause)}{detail}")
    return ", ".join(parts)


def _cost(session: SessionView) -> str:
    if session.cost_usd is None:
        return "" if session.cost_complete else "unknown: no price for its model, or not seen"
    total = units.price(session.cost_usd, estimated=session.estimated, complete=session.cost_complete)
    parts = _cost_parts(session)
    text = total + (" = " + " + ".join(parts) if len(parts) > 1 else "")
    window = session.window("five_hour")
    if window is not None and window.session_share is not None:
        text += f"; ~{units.percent(window.session_share)} of 5h use"
    return text + "".join(f"; at least: {reason}" for reason in missing([session]))


def _cost_parts(session: SessionView) -> list[str]:
    """The cost by kind of agent; what no agent spent went to side calls and compactions."""
    costs: dict[str, float] = defaultdict(float)
    numbers: dict[str, int] = defaultdict(int)
    for agent in session.agents:
        if agent.cost_usd is not None:
            costs[agent.type] += agent.cost_usd
            numbers[agent.type] += 1
    rest = (session.cost_usd or 0.0) - sum(costs.values())
    parts = [
        f"{kind}{f'{KEEP}x{numbers[kind]}' if numbers[kind] > 1 else ''}{KEEP}{units.amount(cost)}"
        for kind, cost in sorted(costs.items(), key=lambda item: (item[0] != "main", -item[1]))
    ]
    if parts and rest >= _CENT:
        what = "side calls, compaction" if session.context.compactions else "side calls"
        parts.append(f"{what}{KEEP}{units.amount(rest)}")
    return parts


def _used(session: SessionView) -> str:
    tokens = session.tokens
    parts = [
        f"{name} {units.tokens(number)}"
        for name, number in (
            ("in", tokens.input),
            ("out", tokens.output),
            ("cache read", tokens.cache_read),
            ("cache written", tokens.cache_write),
        )
        if number is not None
    ]
    return f"tokens: {', '.join(parts)}" if parts else ""


def _work(session: SessionView) -> str:
    counts = ((session.prompts, "prompt"), (session.turns, "call"))
    parts = [units.count(number, noun) for number, noun in counts if number is not None]
    if session.failed_attempts:
        parts.append(units.count(session.failed_attempts, "failed attempt"))
    if session.helpers:
        busy = sum(agent.state in words.WORKING for agent in session.helpers)
        parts.append(f"{units.count(len(session.helpers), 'agent')} ({busy} at work)")
    if session.tool_calls is not None:
        parts.append(_tools(session, session.tool_calls))
    return ", ".join(parts)


def _tools(session: SessionView, calls: int) -> str:
    failed = f" ({session.tool_failures} failed)" if session.tool_failures else ""
    most = ", ".join(f"{tool.name}{KEEP}{tool.calls}" for tool in session.tools_by_name[:_SHOWN_TOOLS])
    more = len(session.tools_by_name) - _SHOWN_TOOLS
    named = f": {most}{f', {more} more' if more > 0 else ''}" if most else ""
    return f"{units.count(calls, 'tool')}{failed}{named}"


def _last(session: SessionView, scene: Scene) -> str:
    parts: list[str] = []
    if session.last_activity_at is not None:
        at = units.moment(session.last_activity_at, scene.now, scene.zone)
        parts.append(f"{at}, {units.ago(scene.now - session.last_activity_at)} ago")
    if session.stop_reason:
        parts.append(f"stopped with {session.stop_reason}")
    if session.ttft_seconds is not None:
        parts.append(f"first token {session.ttft_seconds:.1f} s")
    if session.started_at is not None:
        parts.append(f"began {units.moment(session.started_at, scene.now, scene.zone)}")
    return ", ".join(parts)


def _seen(session: SessionView) -> str:
    if not session.unseen_exchanges:
        return ""
    return (
        f"{seen_in_part(session.unseen_exchanges)} ({units.size(session.unseen_bytes)} missed):"
        " totals are at least what stands here"
    )
