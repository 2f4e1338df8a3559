"""The pane about one session: WHY, NEXT, ALSO, CTX, CACHE, COST, WORK, LAST, each in a line or two.

What is wrong, how sure that is and what to do are the sidecar's words. What a snapshot does not tell is left out;
nothing is guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from clauditor.ui.views import units, words
from clauditor.ui.views.cache import cache_words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.recent import recent_words
from clauditor.ui.views.recorded import missing, seen_in_part
from clauditor.ui.views.segments import KEEP, Line, Role, Segment, clip, line, line_width, tagged
from clauditor.ui.views.session import Context, SessionView, Verdict
from clauditor.ui.views.state import since_words, state_sentence
from clauditor.ui.views.turns import TurnView

_TREND_CELLS: Final = 8
_SHOWN_TOOLS: Final = 6
_SHOWN_SIGNALS: Final = 4
_SEVERITIES: Final[dict[str, tuple[str, Role]]] = {"act": ("!! ", "act"), "watch": ("! ", "watch")}
_IN_TERMINAL: Final = frozenset(
    {"needs_answer", "stalled", "tool_loop", "context_pressure", "cache_expiring"}
)
_FAR_CALLS: Final = 100  # an estimate over more calls than that says nothing


def title(session: SessionView, scene: Scene, width: int) -> Line:
    """`── webshop: fix login test ───── main, opus-5.5, tmux work:2.1 ──`."""
    place = session.shown_id[:8]
    if session.key in scene.panes:
        place = f"tmux {scene.panes[session.key]}"
    elif session.tty:
        place = session.tty.removeprefix("/dev/")
    right = ", ".join(part for part in (session.host, session.branch, session.model, place) if part)
    left = clip(line(Segment("── ", "rule"), Segment(words.full_name(session), "strong")), width - 8)
    tail = line(Segment(f" {right} ", "dim"), Segment("──", "rule"))
    rule = width - line_width(left) - 1 - line_width(tail)
    if rule < 3:
        tail, rule = line(Segment("──", "rule")), width - line_width(left) - 3
    return line(*left, " ", Segment("─" * max(0, rule), "rule"), *tail)


def detail(session: SessionView, scene: Scene, width: int, *, turns: Sequence[TurnView] = ()) -> list[Line]:
    """The pane's lines without its title. `turns`: its newest calls, as far as they are known."""
    lines: list[Line] = []
    for tag, text, role in facts(session, scene, turns=turns):
        lines += tagged(tag, text, width, role)
    return lines


def facts(
    session: SessionView, scene: Scene, *, turns: Sequence[TurnView] = ()
) -> list[tuple[str, str, Role]]:
    """What the pane tells: tag, text (empty: nothing to tell) and meaning. A text without a tag goes on with the last."""
    return [
        ("MUTED", _muted(session, scene), "plain"),
        *_why(session, scene),
        *_also(session, scene),
        ("CTX", _context(session, scene), "plain"),
        ("CACHE", cache_words(session, scene), "plain"),
        ("COST", _cost(session), "plain"),
        ("SEEN", _seen(session), "watch"),
        ("WORK", _work(session), "plain"),
        ("LAST", recent_words(session, turns, scene) or _last(session, scene), "plain"),
        ("USED", _used(session), "plain"),
    ]


def _muted(session: SessionView, scene: Scene) -> str:
    if not session.is_muted:
        return ""
    latest = units.moment(session.muted_until, scene.now, scene.zone)
    return f"until its signals clear, at most until {latest}; m ends it"


def _why(session: SessionView, scene: Scene) -> list[tuple[str, str, Role]]:
    """The verdict, since when it holds and how sure it is, and the next step; then what goes on."""
    verdict, role, now = session.verdict, words.urgency(session), state_sentence(session, scene)
    if verdict is None or verdict.level == "ok" or not verdict.reason:
        return [("NOW", now, role)]
    own = next((signal for signal in session.signals if signal.name == verdict.signal), None)
    # A question waits since it was asked, which is a little longer than it is known to need an answer.
    since = session.state_since if verdict.signal == "needs_answer" else verdict.since
    evidence = own.evidence if own is not None else ""
    if evidence and verdict.signal in words.OF_STATE and session.state_source == "hook":
        evidence += ", hook"
    return [
        ("WHY", f"{verdict.reason}{_since_and_sure(since, evidence, scene)}", role),
        ("NEXT", _next(session, verdict, scene), "plain"),
        ("NOW", "" if verdict.signal in words.OF_STATE else now, "plain"),
    ]


def _next(session: SessionView, verdict: Verdict, scene: Scene) -> str:
    """The sidecar's next step; and the way to a terminal that is known, where somebody is needed there."""
    is_near = session.key in scene.panes and verdict.signal in _IN_TERMINAL
    return f"{verdict.next_step} o goes there.".lstrip() if is_near else verdict.next_step


def _also(session: SessionView, scene: Scene) -> list[tuple[str, str, Role]]:
    """Raised signals other than the one that leads: what, since when, how sure, and what to do."""
    leading = session.verdict.signal if session.verdict else None
    others = [signal for signal in session.signals if signal.name != leading]
    shown: list[tuple[str, str, Role]] = []
    for number, signal in enumerate(others[:_SHOWN_SIGNALS]):
        mark, role = _SEVERITIES.get(signal.severity, ("", "plain"))
        summary = signal.summary or signal.name.replace("_", " ")
        sure = _since_and_sure(signal.since, signal.evidence, scene)
        text = f"{mark}{summary}{sure} {signal.next_step}".rstrip()
        shown.append(("" if number else "ALSO", text, "plain" if session.is_muted else role))
    if len(others) > _SHOWN_SIGNALS:
        shown.append(("", f"and {len(others) - _SHOWN_SIGNALS} more", "plain"))
    return shown


def _since_and_sure(since: float | None, evidence: str, scene: Scene) -> str:
    """` Since 14:29:58, measured.`; empty where neither is known."""
    parts = [part for part in (since_words(since, scene).strip(), evidence) if part]
    sentence = ", ".join(parts)
    return f" {sentence[0].upper()}{sentence[1:]}." if sentence else ""


def _context(session: SessionView, scene: Scene) -> str:
    context = session.context
    trend = units.sparkline(context.history, _TREND_CELLS)
    if context.tokens is None:
        known = f"{_compacted(context, scene)}; its next call tells the size" if context.compactions else ""
        return f"{trend} {known}".lstrip() if known else ""
    parts = [f"{units.tokens(context.tokens)} of {units.tokens(context.window)}"]
    if context.window is None:
        parts = [f"{units.tokens(context.tokens)}, window of this model unknown"]
    if context.compact_at_tokens is not None:
        known = "as it did before" if context.is_learned else "estimated"
        parts.append(f"compacts at {units.tokens(context.compact_at_tokens)} ({known})")
        parts.append(_distance(context.compact_at_tokens - context.tokens, context.turns_to_compact))
    if context.compactions:
        parts.append(_compacted(context, scene))
    return f"{trend} {', '.join(parts)}".lstrip()


def _distance(tokens: int, calls: int | None) -> str:
    """How far the compaction is: `37k or ~4 calls away`."""
    if tokens <= 0:
        return "which is now"
    near = f" or ~{units.count(calls, 'call')}" if calls and calls <= _FAR_CALLS else ""
    return f"{units.tokens(tokens)}{near} away"


def _compacted(context: Context, scene: Scene) -> str:
    """`compacted 3 times, last 14:02 from 941k to 52k`."""
    times = "once" if context.compactions == 1 else f"{context.compactions} times, last"
    newest = context.last_compaction
    if newest is None:
        return f"compacted {times.removesuffix(', last')}"
    at = "" if newest.at is None else f" {units.moment(newest.at, scene.now, scene.zone)}"
    before = f" from {units.tokens(newest.tokens_before)}" if newest.tokens_before else ""
    after = f" to {units.tokens(newest.tokens_after)}" if before and newest.tokens_after else ""
    return f"compacted {times}{at}{before}{after}"


def _cost(session: SessionView) -> str:
    if session.cost_usd is None:
        return "" if session.cost_complete else "unknown: no price for its model, or not seen"
    total = units.price(session.cost_usd, estimated=session.estimated, complete=session.cost_complete)
    parts = _cost_parts(session)
    text = total + (" = " + " + ".join(parts) if len(parts) > 1 else "")
    window = session.window("five_hour")
    if window is not None and window.session_share is not None:
        text += f"; {units.about(window.session_share)} of 5h use"
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
    if parts and rest >= words.CENT:
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
    if busy := sum(agent.state in words.WORKING for agent in session.helpers):
        parts.append(f"{busy} of {units.count(len(session.helpers), 'agent')} at work")
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
