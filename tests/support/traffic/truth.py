"""What each exchange was worth: tokens from the vendor's own books, US dollars from `genai-prices` or by hand.

Nothing here asks Clauditor's code for a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal

from genai_prices import Usage, calc_price

from clauditor.demo import Record, Tokens
from support.traffic.plan import TURNS, Attempt, Call, Session
from support.traffic.requests import NUMBER_HEADER, Pen

CLASSES = tuple(each.name for each in fields(Tokens))


@dataclass(slots=True)
class Sum:
    """What a session, an agent or a name of side calls adds up to."""

    calls: int = 0
    attempts: int = 0
    failed: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    thinking: int = 0
    usd: Decimal = Decimal(0)
    is_complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """One exchange. `usd` is None where nobody knows the price; `by_hand` where it was worked out by hand."""

    attempt: Attempt
    record: Record
    tokens: Tokens
    usd: Decimal | None
    by_hand: bool


@dataclass(slots=True)
class Truth:
    """One session as it must be told. `tools` counts calls by name, `sides` sums by name of side call."""

    session: Session
    turns: Sum = field(default_factory=Sum)
    whole: Sum = field(default_factory=Sum)
    agents: dict[str, Sum] = field(default_factory=dict)
    sides: dict[str, Sum] = field(default_factory=dict)
    tools: dict[str, int] = field(default_factory=dict)
    compactions: int = 0
    prompts: int = 0
    exchanges: list[Worth] = field(default_factory=list)


def worth(attempt: Attempt, record: Record) -> Worth:
    """The list price of one exchange, as far as its answer told counts."""
    shape, usd, by_hand = attempt.shape, Decimal(0), False
    found: Decimal | None = usd
    if record.usage is not None:
        if shape is not None and record.complete and shape.usd is not None:
            found, by_hand = shape.usd, True
        elif shape is not None and not shape.is_priced:
            found = None
        else:
            found = _list_price(record, attempt)
    return Worth(attempt=attempt, record=record, tokens=record.billed, usd=found, by_hand=by_hand)


def _list_price(record: Record, attempt: Attempt) -> Decimal:
    tokens, shape = record.usage or Tokens(), attempt.shape
    usage = Usage(
        input_tokens=tokens.prompt,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write_5m + tokens.cache_write_1h,
        cache_write_1h_tokens=tokens.cache_write_1h,
        web_searches=shape.web_searches if shape is not None else 0,
    )
    context: Mapping[str, str] | None = None
    if shape is not None and shape.is_batch:
        context = {"processing": "batch"}
    elif shape is not None and shape.speed is not None:
        context = {"speed": shape.speed}
    price = calc_price(
        usage,
        record.model,
        provider_id="anthropic",
        genai_request_timestamp=datetime.fromtimestamp(record.ended_at, UTC),
        price_context=context,
    )
    return price.total_price


def truths(sessions: Iterable[Session], records: Iterable[Record]) -> list[Truth]:
    """What every session must be told as, from the plan and the vendor's books."""
    by_number = {int(record.header(NUMBER_HEADER) or 0): record for record in records}
    return [_truth(session, by_number) for session in sessions]


def _truth(session: Session, records: Mapping[int, Record]) -> Truth:
    truth, pen, asked = Truth(session), Pen(session), dict[str, bool]()
    for call in session.calls:
        if call.kind == "elsewhere":
            continue
        sums = [truth.whole]
        if call.kind in TURNS:
            truth.turns.calls += 1
            sums += [truth.turns, truth.agents.setdefault(pen.agent_id(call.agent), Sum())]
            sums[-1].calls += 1
            truth.prompts += call.kind == "main" and not asked.get(call.agent, False)
            names = [name for _, name in records[call.attempts[-1].number].tool_uses] if call.shape else []
            asked[call.agent] = bool(names)
        else:
            names = []
            sums.append(truth.sides.setdefault(call.kind, Sum()))
            sums[-1].calls += len(call.attempts)
            truth.compactions += call.kind == "compaction" and call.shape is not None
            if call.kind == "compaction" and call.shape is not None:
                asked["main"] = False
        for attempt in call.attempts:
            exchange = worth(attempt, records[attempt.number])
            truth.exchanges.append(exchange)
            _tally(truth, call, exchange, sums)
    return truth


def _tally(truth: Truth, call: Call, exchange: Worth, sums: list[Sum]) -> None:
    record = exchange.record
    is_complete = record.complete or record.outcome == "error"
    for each in sums:
        each.attempts += 1
        each.failed += not record.complete
        each.tokens += exchange.tokens
        each.thinking += record.thinking_tokens
        each.usd += exchange.usd or Decimal(0)
        each.is_complete = each.is_complete and is_complete and exchange.usd is not None
    if call.kind in TURNS:
        for _, name in record.tool_uses:
            truth.tools[name] = truth.tools.get(name, 0) + 1
