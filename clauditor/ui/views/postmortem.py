"""The post-mortem in words: the JSON of `/api/v1/sessions/{id}/postmortem` becomes a document.

Source: `reports.postmortem.as_json` (schema version 1). It is foreign text all the same: narrowed here, once. Calls
are what the report names turns. This part tells what went wrong, what to do otherwise, and how to go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final

from clauditor.ui.views import units
from clauditor.ui.views.document import Column, Document, Facts, Row, Steps, Table
from clauditor.ui.views.fields import UNNAMED, float_of, int_of, map_of, model_name, text_of
from clauditor.ui.views.postmortem_overview import overview
from clauditor.ui.views.postmortem_reading import MARKS, Reading, call_words
from clauditor.ui.views.postmortem_tables import cache_table, timeline_table, waste_table
from clauditor.ui.views.postmortem_work import agents_table, limits_table, tools_table
from clauditor.ui.views.segments import KEEP

_SHOWN_TURNS: Final = 3


def postmortem_document(answer: Mapping[str, Any], zone: tzinfo) -> Document:
    """The report as a document. Never raises on what it holds."""
    reading = Reading(answer, zone)
    session = reading.session
    name = text_of(session.get("project")) or (text_of(session.get("session_id")) or UNNAMED)[:8]
    model = model_name(session.get("model_served")) or model_name(session.get("model_requested"))
    shown_id = (text_of(session.get("session_id")) or "")[:8]
    about = ", ".join(part for part in (text_of(session.get("branch")), model, shown_id) if part)
    return Document(
        title=f"post-mortem: {name}",
        about=about,
        sections=(
            overview(reading),
            _wrong(reading),
            waste_table(reading),
            timeline_table(reading),
            cache_table(reading),
            tools_table(reading),
            agents_table(reading),
            limits_table(reading),
            _advice(reading),
            _going_on(reading),
        ),
    )


def _wrong(reading: Reading) -> Table:
    rows = []
    for finding in reading.rows("findings"):
        if finding.get("is_fault") is False:
            continue
        mark, role = MARKS.get(text_of(finding.get("severity")) or "", ("", "plain"))
        first = next(iter(_turns(finding)), None)
        rows.append(
            Row(
                cells=(
                    mark,
                    reading.when(finding.get("raised_at")),
                    call_words(first),
                    _finding(finding),
                    text_of(finding.get("evidence")) or "",
                ),
                role=role,
            )
        )
    return Table(
        title="what went wrong",
        columns=(
            Column(title=""),
            Column(title="When"),
            Column(title="Since"),
            Column(title="What", wraps=True),
            Column(title="How sure", may_go=True),
        ),
        rows=tuple(rows),
        is_titled=False,
    )


def _finding(finding: Mapping[str, Any]) -> str:
    text = (text_of(finding.get("summary")) or text_of(finding.get("name")) or UNNAMED).rstrip(".")
    times, held = int_of(finding.get("times")) or 1, float_of(finding.get("held_seconds")) or 0.0
    more = [f"{times} times"] if times > 1 and not text.startswith(f"{times} ") else []
    more += [f"{units.ago(held)} in all" if times > 1 else f"for {units.ago(held)}"] if held >= 1 else []
    return f"{text} ({', '.join(more)})" if more else text


def _turns(fields: Mapping[str, Any]) -> list[int]:
    turns = fields.get("turns")
    found = [int_of(turn) for turn in turns[:100]] if isinstance(turns, list) else []
    return [turn for turn in found if turn is not None]


def _advice(reading: Reading) -> Steps:
    return Steps(
        title="next time",
        items=tuple(
            (text_of(one.get("text")) or UNNAMED, _because(one, reading)) for one in reading.rows("advice")
        ),
    )


def _because(one: Mapping[str, Any], reading: Reading) -> str:
    """What it would have saved, where it was seen, and how sure that is."""
    saved = [reading.usd(one.get("saves_usd"))] if one.get("saves_usd") is not None else []
    if int_of(one.get("saves_tokens")):
        saved.append(f"{units.tokens(int_of(one.get('saves_tokens')))} tokens")
    parts = [f"would have saved {' and '.join(saved)}"] if saved else []
    if turns := _turns(one):
        shown = ", ".join(str(turn) for turn in turns[:_SHOWN_TURNS])
        more = ", ..." if len(turns) > _SHOWN_TURNS else ""
        parts.append(f"call{'s' if len(turns) > 1 else ''} {shown}{more}")
    seconds = float_of(one.get("seconds"))
    if not saved and seconds:
        parts.append(f"{units.ago(seconds)} in all")
    if detail := text_of(one.get("detail")):
        parts.append(detail.rstrip("."))
    parts.append(text_of(one.get("evidence")) or "")
    return "; ".join(part for part in parts if part)


def _going_on(reading: Reading) -> Facts:
    return Facts(title="how to go on", rows=(("RESUME", _resume(reading)), ("FRESH", _fresh(reading))))


def _resume(reading: Reading) -> str:
    resume = map_of(map_of(reading.answer.get("going_on")).get("resume"))
    command = (text_of(resume.get("command")) or "").replace(" ", KEEP)
    if reading.answer.get("partial") is not False:
        command = f"in its terminal, or later: {command}" if command else "in its terminal"
    rewrite = f"{units.tokens(int_of(resume.get('rewrite_tokens')))} tokens"
    extra = (
        ""
        if not float_of(resume.get("extra_usd"))
        else f", {reading.usd(resume.get('extra_usd'))} more than warm"
    )
    until = reading.when(resume.get("warm_until"))
    match resume.get("cache"):
        case "warm":
            cost = (
                f"its cache is warm until {until}; after that the next message writes {rewrite} again{extra}"
            )
        case "cold":
            cost = f"its cache went cold at {until}: the next message writes {rewrite} again{extra}"
        case _:
            cost = "what its cache holds is not known"
    return f"{command}; {cost}" if command else f"not possible, its id is not the client's own; {cost}"


def _fresh(reading: Reading) -> str:
    fresh = map_of(map_of(reading.answer.get("going_on")).get("fresh"))
    project, branch = text_of(fresh.get("project")), text_of(fresh.get("branch"))
    where = " on ".join(part for part in (f"in {project}" if project else "", branch or "") if part)
    files = fresh.get("files")
    names = [name for each in (files[:10] if isinstance(files, list) else []) if (name := text_of(each))]
    first = int_of(fresh.get("first_tokens"))
    parts = [f"claude {where}".strip()]
    parts += [f"name the files: {', '.join(names)}"] if names else []
    parts += [f"it begins with about {units.tokens(first)} tokens"] if first else []
    return "; ".join(parts)
