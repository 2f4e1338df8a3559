"""What happened, in plain words: events of a session, with how it stood before and after them, become news.

Source: the live stream of the HTTP API (docs/api.md): events without text, then the snapshots that they led to.
What an event does not tell itself (its price, its place among others) is read off the two snapshots, and left
out where they do not tell it for sure. All of it is foreign: cleaned, bounded, of any type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from clauditor import names
from clauditor.model.events import UNOBSERVED
from clauditor.ui.views import units, words
from clauditor.ui.views.compared import begun, call_cost, compared
from clauditor.ui.views.fields import float_of, int_of, map_of, text_of, tool_name
from clauditor.ui.views.news import (
    MAIN,
    Moment,
    News,
    agent_id_of,
    agent_of,
    counted,
    news_of,
    price,
    seconds_words,
    signal_sign,
    signal_text,
)
from clauditor.ui.views.session import SessionView

MAX_OPEN: Final = 4096  # calls and tools under way that are remembered

_DIALOG_TOOLS: Final = {
    "AskUserQuestion": "asks you a question",
    "ExitPlanMode": "shows its plan and asks for your ok",
}
_OUTCOMES: Final = {
    "ok": "done",
    "error": "failed",
    "timeout": "timed out",
    "denied": "was not allowed",
    "rejected": "was refused by you",
}
_AGENT_TOOLS: Final = ("Agent (", "Task (")  # the agents' own lines say the same
_ORDINARY_STOPS: Final = frozenset({"end_turn", "tool_use", "stop_sequence"})
_BROKEN: Final = {
    "stream": "answer broke off",
    "aborted": "stopped: you pressed Esc, or the client went away",
    "proxy": "answer seen in part",
}
_LIMITED_BY: Final = {"plan": ", by your plan", "service": ", by the service, not your plan"}
_GAPS: Final = {
    "missed": "a call passed unseen",
    "partial": "a call was seen in part",
    "overflow": "a call was seen in part: too much waited",
    "log_lost": "calls may have passed unseen: part of the proxy's log is lost",
    "restart": "a call was not seen to end: Clauditor was started anew",
    "limit_expansion": "a call was seen in part: it grew too large when unpacked",
    "limit_line": "a call was seen in part: a line of its answer was too long",
    "limit_events": "a call was seen in part: its answer had too many events",
    "limit_answer": "a call was seen in part: its answer was too long",
    "limit_early_answer": "a call was seen in part: its answer came too early",
    "limit_nesting": "a call was seen in part: its JSON was nested too deep",
    "limit_number": "a call was seen in part: a number in it was too long",
    "limit_value": "a call was seen in part: a part of its JSON was too long",
    "limit_items": "a call was seen in part: a list in it was too long",
    "limit_blocks": "a call was seen in part: too many blocks were open at a time",
    "limit_tools": "a call was seen in part: it had too many tools",
}
_ENDS: Final = {"hook": "closed", "run": "its program ended", "age": "nothing for a day", "demo": "closed"}

T = TypeVar("T")


class Teller:
    """Turns moments into news; remembers what is under way, to say how long it took."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}
        self._first_tokens: dict[str, float] = {}
        self._tools: dict[str, tuple[str, float | None]] = {}

    def tell(self, moment: Moment) -> list[News]:
        """What to say of a moment, oldest first. Never raises on what its events hold."""
        said = [one for event in moment.events if (one := self._said(event, moment)) is not None]
        return [*begun(moment), *said, *compared(moment)]

    def _said(self, event: Mapping[str, Any], moment: Moment) -> News | None:  # noqa: PLR0911 - one a type
        match event.get("type"):
            case "AttemptStarted":
                _keep(self._started, _key(event, "exchange_id"), float_of(event.get("at")))
                return _sent(event, moment)
            case "FirstToken":
                _keep(self._first_tokens, _key(event, "exchange_id"), float_of(event.get("at")))
                return None
            case "AttemptFinished":
                return self._answered(event, moment)
            case "AttemptFailed":
                self._times(event)
                return _failed(event, moment)
            case "ToolCalled":
                return self._tool_called(event, moment)
            case "ToolReturned":
                return self._tool_returned(event, moment)
            case "Compacted":
                return _compacted(event, moment)
            case "HookSeen" if event.get("hook") == "PermissionRequest":
                tool = tool_name(event.get("tool_name"))
                return news_of(event, moment, f"asks for your ok{f': {tool}' if tool else ''}", "accent")
            case "SignalRaised":
                return _raised(event, moment)
            case "SignalCleared":
                return _cleared(event, moment)
            case "GapFound":
                return _gap(event, moment)
            case "SessionEnded":
                return _ended(event, moment)
            case "SessionMuted":
                return news_of(
                    event, moment, "muted by you" if event.get("until") else "no longer muted", "dim"
                )
            case "ClockJumped":
                seconds = float_of(event.get("seconds")) or 0.0
                way = "forward" if seconds > 0 else "back"
                return news_of(event, moment, f"the clock was set {way} by {units.ago(abs(seconds))}", "dim")
            case _:
                return None

    def _times(self, event: Mapping[str, Any]) -> tuple[float | None, float | None]:
        """How many seconds a call took, and until its first token; None where that was not seen."""
        key = _key(event, "exchange_id")
        started, first = self._started.pop(key, None), self._first_tokens.pop(key, None)
        at = float_of(event.get("at"))
        if started is None:
            return None, None
        return (None if at is None else at - started, None if first is None else first - started)

    def _answered(self, event: Mapping[str, Any], moment: Moment) -> News:
        took, first = self._times(event)
        usage = map_of(event.get("usage"))
        parts = [*_tokens(usage), *_price_of_call(event, usage, moment)]
        if first is not None:
            parts.append(f"first token {seconds_words(first)}")
        text = f"answer{'' if took is None else f' in {seconds_words(took)}'}"
        text += f": {', '.join(parts)}" if parts else ""
        view = moment.after
        served, asked = event.get("model"), view.model_requested if view else None
        by = names.model_name(text_of(served) or "")
        if by and asked and by != asked and agent_id_of(event) == MAIN:
            text += f"; by {by}, asked {asked}"
        stop = text_of(event.get("stop_reason"))
        if stop is not None and stop not in _ORDINARY_STOPS:
            return news_of(event, moment, f"{text}; stopped: {stop}", "watch")
        is_over = stop == "end_turn" and agent_id_of(event) == MAIN
        if is_over and view is not None and view.waiting_for == "prompt" and not view.scripted:
            return news_of(event, moment, f"{text}; your turn", "good")
        return news_of(event, moment, text)

    def _tool_called(self, event: Mapping[str, Any], moment: Moment) -> News | None:
        name = tool_name(event.get("name")) or "a tool"
        target = text_of(event.get("target"))
        shown = f"{name} ({target})" if target else name
        _keep(self._tools, _key(event, "tool_use_id"), (shown, float_of(event.get("at"))))
        if dialog := _DIALOG_TOOLS.get(name):
            return news_of(event, moment, dialog, "accent")
        return None if shown.startswith(_AGENT_TOOLS) else news_of(event, moment, f"{shown} starts")

    def _tool_returned(self, event: Mapping[str, Any], moment: Moment) -> News | None:
        known = self._tools.pop(_key(event, "tool_use_id"), None) or _unseen_tool(moment.before)
        if known is None:
            return None  # an attempt that sends the same result again
        shown, called = known
        at, seconds = float_of(event.get("at")), float_of(event.get("duration_seconds"))
        if seconds is None and at is not None and called is not None:
            seconds = at - called
        outcome = text_of(event.get("outcome")) or "ok"
        after = "" if seconds is None else f" {'in' if outcome == 'ok' else 'after'} {seconds_words(seconds)}"
        if outcome == "ok" and (shown in _DIALOG_TOOLS or shown.startswith(_AGENT_TOOLS)):
            return None  # that it was answered, or is done, is told already
        text = f"{shown} {_OUTCOMES.get(outcome, outcome)}{after}"
        return news_of(event, moment, text, "plain" if outcome == "ok" else "watch")


def _unseen_tool(view: SessionView | None) -> tuple[str, None] | None:
    """The tool that must be meant where the call was not seen; None where none is under way."""
    running = () if view is None else view.tools_running
    if len(running) != 1:
        return ("a tool", None) if running else None
    return (f"{running[0].name} ({running[0].target})" if running[0].target else running[0].name), None


# -- one event -----------------------------------------------------------------------------------------


def _sent(event: Mapping[str, Any], moment: Moment) -> News | None:
    """A prompt, a wake-up, a new agent or a further attempt; an ordinary call is told when it ends."""
    if _is_retry(event, moment):
        retry = moment.after.retry if moment.after is not None and agent_id_of(event) == MAIN else None
        attempt = "" if retry is None or retry.attempt is None else f", attempt {retry.attempt}"
        return news_of(event, moment, f"tries again{attempt}", "watch")
    if agent_id_of(event) != MAIN:
        is_new = moment.before is not None and agent_of(moment.before, agent_id_of(event)) is None
        return news_of(event, moment, "begins", "accent") if is_new else None
    if event.get("new_prompt") is True:
        number = moment.after.prompts if moment.after is not None else None
        prompt = "prompt" if number is None else f"prompt {number}"
        model = names.model_name(text_of(event.get("model")) or "")
        return news_of(event, moment, f"{prompt} to {model}" if model else prompt, "strong")
    if event.get("is_wake_up") is True:
        return news_of(event, moment, "woken by its work in the background", "strong")
    return None


def _is_retry(event: Mapping[str, Any], moment: Moment) -> bool:
    """Whether it sends again what failed: its agent made no call more than before."""
    was, now = (agent_of(view, agent_id_of(event)) for view in (moment.before, moment.after))
    starts = [one for one in moment.events if one.get("type") == "AttemptStarted"]
    of_agent = [one for one in starts if agent_id_of(one) == agent_id_of(event)]
    return (was is not None and now is not None and was.turns is not None and was.turns == now.turns) and len(
        of_agent
    ) == 1


def _tokens(usage: Mapping[str, Any]) -> Iterator[str]:
    """`51k in (94% cached)`, `350 out`."""
    if not usage:
        return
    read = int_of(usage.get("cache_read")) or 0
    sent = read + sum(int_of(usage.get(key)) or 0 for key in ("input", "cache_write_5m", "cache_write_1h"))
    yield f"{units.tokens(sent)} in" + (f" ({units.percent(read / sent)} cached)" if sent > 0 else "")
    yield f"{units.tokens(int_of(usage.get('output')))} out"


def _price_of_call(event: Mapping[str, Any], usage: Mapping[str, Any], moment: Moment) -> Iterator[str]:
    known = call_cost(event, moment)
    if usage and known is not None and moment.after is not None:
        yield price(known[0], moment.after, complete=known[1])


def _failed(event: Mapping[str, Any], moment: Moment) -> News:
    kind = text_of(event.get("kind"))
    status = int_of(event.get("status"))
    text = _BROKEN.get(kind or "", f"call failed: {words.failure_words(status)}")
    error = text_of(event.get("error_type"))
    if error == UNOBSERVED:
        return news_of(event, moment, "the end of a call was not seen", "watch")
    text += f" ({error})" if error and kind == "stream" else ""
    text += _LIMITED_BY.get(text_of(event.get("limited_by")) or "", "")
    wait = float_of(event.get("retry_after_seconds"))
    text += "" if wait is None else f", may try again after {units.ago(wait)}"
    return news_of(event, moment, text, "dim" if kind == "aborted" else "watch")


def _compacted(event: Mapping[str, Any], moment: Moment) -> News:
    why = {"auto": " by itself", "manual": " as you asked"}.get(text_of(event.get("trigger")) or "", "")
    if event.get("complete") is False:
        return news_of(event, moment, "the compaction failed", "watch")
    newest = moment.after.context.last_compaction if moment.after else None
    before = newest.tokens_before if newest is not None else None
    size = "" if before is None else f", it was {units.tokens(before)} tokens long"
    return news_of(event, moment, f"compacted its conversation{why}{size}", "accent")


def _raised(event: Mapping[str, Any], moment: Moment) -> News:
    name, summary = text_of(event.get("name")) or "signal", text_of(event.get("summary"))
    text = signal_text(summary or name.replace("_", " "), text_of(event.get("next_step")) or "")
    if moment.view is not None and moment.view.is_muted:
        return news_of(event, moment, f"muted: {text}", "dim", named=False)
    sign, role = signal_sign(text_of(event.get("severity")) or "")
    return news_of(event, moment, text, role, sign=sign, named=False)


def _cleared(event: Mapping[str, Any], moment: Moment) -> News | None:
    if str(event.get("name")) in moment.names("SignalRaised"):
        return None  # it holds in another severity, and says so
    name = (text_of(event.get("name")) or "signal").replace("_", " ")
    at, since = float_of(event.get("at")), float_of(event.get("raised_at"))
    held = "" if at is None or since is None else f" after {units.duration(at - since)}"
    return news_of(event, moment, f"over{held}: {name}", "good", named=False, is_signal=True)


def _gap(event: Mapping[str, Any], moment: Moment) -> News:
    reason = text_of(event.get("reason")) or "gap"
    unseen = int_of(event.get("unseen_bytes"))
    size = f" ({units.size(unseen)})" if unseen else ""
    return news_of(event, moment, f"gap: {_GAPS.get(reason, reason.replace('_', ' '))}{size}", "watch")


def _ended(event: Mapping[str, Any], moment: Moment) -> News:
    reason = _ENDS.get(text_of(event.get("reason")) or "")
    so_far = counted(moment.view) if moment.view else ""
    text = f"session ended{f' ({reason})' if reason else ''}{f': {so_far}' if so_far else ''}"
    return news_of(event, moment, text, "strong")


def _key(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    return value if isinstance(value, str) else ""


def _keep(known: dict[str, T], key: str, value: T | None) -> None:
    """Remember a value; the oldest leaves where there are too many."""
    if value is None or not key:
        return
    known[key] = value
    if len(known) > MAX_OPEN:
        del known[next(iter(known))]
