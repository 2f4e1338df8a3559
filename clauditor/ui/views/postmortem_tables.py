"""What happened and what it cost, in tables of a post-mortem: waste, timeline, rebuilds of the cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from clauditor.ui.views import units, words
from clauditor.ui.views.document import Column, Row, Table
from clauditor.ui.views.fields import UNNAMED, float_of, int_of, list_of, map_of, text_of
from clauditor.ui.views.postmortem_reading import MARKS, Reading, call_words, cause_words, class_words
from clauditor.ui.views.segments import Role

_ENDINGS: Final[Mapping[str, str]] = {"stream": "broke off", "proxy": "got no way through"}


def waste_table(reading: Reading) -> Table:
    """Each class once, and what they make together."""
    waste = map_of(reading.answer.get("waste"))
    classes = list_of(waste.get("classes"))
    rows = [
        Row(
            cells=(
                class_words(each.get("name")),
                units.whole(int_of(each.get("times"))),
                units.tokens(int_of(each.get("tokens"))),
                reading.usd(each.get("usd")),
                f"{text_of(each.get('evidence')) or UNNAMED}"
                + ("" if each.get("is_priced") is not False else ", has no price"),
            )
        )
        for each in classes
    ]
    if sum(each.get("is_priced") is not False for each in classes) > 1:
        share = units.percent(float_of(waste.get("ratio")))
        together = (units.tokens(int_of(waste.get("tokens"))), reading.usd(waste.get("usd"), is_total=True))
        rows.append(Row(cells=("together", "", *together, f"{share} of the cost"), role="strong"))
    return Table(
        title="waste",
        columns=(
            Column(title="What"),
            Column(title="Times", align="right", may_go=True),
            Column(title="Tokens", align="right"),
            Column(title="$", align="right"),
            Column(title="How sure", wraps=True, may_go=True),
        ),
        rows=tuple(rows),
    )


def timeline_table(reading: Reading) -> Table:
    rows = []
    for moment in reading.rows("timeline"):
        text, role = _moment(moment, reading)
        rows.append(
            Row(cells=(reading.when(moment.get("at")), call_words(moment.get("turn")), text), role=role)
        )
    left_out = int_of(reading.answer.get("timeline_left_out")) or 0
    return Table(
        title="timeline",
        columns=(Column(title="When"), Column(title="Call"), Column(title="What", wraps=True)),
        rows=tuple(rows),
        is_titled=False,
        notes=(f"{units.count(left_out, 'less telling moment')} left out.",) if left_out else (),
    )


def _moment(moment: Mapping[str, Any], reading: Reading) -> tuple[str, Role]:
    name, text = text_of(moment.get("name")), text_of(moment.get("text"))
    match moment.get("kind"):
        case "start":
            return "begins", "dim"
        case "prompt":
            return _prompt(moment, reading), "plain"
        case "compaction":
            sizes = [units.tokens(int_of(moment.get(key))) for key in ("tokens", "tokens_after")]
            by = f" ({name})" if name else ""
            return f"compacted{by}: {sizes[0]} to {sizes[1]} tokens", "accent"
        case "rebuild":
            return f"cache written again: {cause_words(moment, reading)}", "watch"
        case "failure":
            return _failure(moment, name, text), "watch"
        case "signal":
            held = float_of(moment.get("seconds")) or 0.0
            lasted = f", for {units.ago(held)}" if held >= 1 else ""
            mark, role = MARKS.get(text_of(moment.get("severity")) or "", ("", "plain"))
            return f"{mark} {(text or name or UNNAMED).rstrip('.')}{lasted}".strip(), role
        case "end":
            return "ends", "dim"
        case _:
            return "still running", "dim"


def _prompt(moment: Mapping[str, Any], reading: Reading) -> str:
    parts = [
        units.count(int_of(moment.get(key)) or 0, noun)
        for key, noun in (("turns", "call"), ("tools", "tool"))
    ]
    if moment.get("cost_usd") is not None:
        parts.append(reading.usd(moment.get("cost_usd")))
    return f"prompt {units.whole(int_of(moment.get('number')))}: {', '.join(parts)}"


def _failure(moment: Mapping[str, Any], name: str | None, text: str | None) -> str:
    attempts = units.count(int_of(moment.get("turns")) or 1, "attempt")
    how = _ENDINGS.get(name or "") or words.failure_words(int_of(moment.get("number")))
    return f"{attempts} failed ({how}), {'then answered' if text == 'answered' else 'no answer came'}"


def cache_table(reading: Reading) -> Table:
    cache = map_of(reading.answer.get("cache"))
    rebuilds = [one for one in list_of(cache.get("rebuilds")) if one.get("expected") is not True]
    rows = [
        Row(
            cells=(
                reading.when(one.get("at")),
                units.whole(int_of(one.get("turn"))),
                units.tokens(int_of(one.get("lost_tokens"))),
                reading.usd(one.get("cost_usd")),
                cause_words(one, reading, with_loss=False),
            )
        )
        for one in rebuilds
    ]
    ratio = float_of(cache.get("hit_ratio"))
    read = (
        f"{units.percent(ratio)} of the main thread's prompts came from the cache."
        if ratio is not None
        else ""
    )
    return Table(
        title="rebuilds",
        columns=(
            Column(title="When"),
            Column(title="Call", align="right"),
            Column(title="Tokens", align="right", may_go=True),
            Column(title="$", align="right"),
            Column(title="Why", wraps=True),
        ),
        rows=tuple(rows),
        notes=(read,) if read else (),
    )
