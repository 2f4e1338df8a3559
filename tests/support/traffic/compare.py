"""What Clauditor says of a run, held against the truth: every session, agent, side call and exchange."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

import httpx

from support.stack import RunningStack
from support.traffic.drive import Received
from support.traffic.truth import CLASSES, Sum, Truth, Worth
from support.waiting import until

USD_TOLERANCE = 1e-9
_SETTLED_SECONDS = 60.0
_MOST_SESSIONS = 1000


@dataclass(slots=True)
class Verdict:
    """`differences` says in words all that is not equal. `told` and `true` are the sums of both sides."""

    exchanges: int = 0
    sessions: int = 0
    by_hand: int = 0
    unpriced: int = 0
    compared: int = 0
    told: dict[str, int] = field(default_factory=dict)
    true: dict[str, int] = field(default_factory=dict)
    told_usd: float = 0.0
    true_usd: Decimal = Decimal(0)
    largest_usd: float = 0.0
    seen_by_edge: int = 0
    differences: list[str] = field(default_factory=list)


class Api:
    """The sidecar's own API, asked as any other program would."""

    def __init__(self, stack: RunningStack) -> None:
        self._http = httpx.Client(
            base_url=stack.status["sidecar"]["url"],
            headers={"authorization": f"Bearer {(stack.data_dir / 'token').read_text().strip()}"},
            trust_env=False,
            timeout=30,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str) -> Any:
        answer = self._http.get(f"/api/v1{path}")
        answer.raise_for_status()
        return answer.json()

    def metric(self, name: str, label: str = "") -> float:
        """The sum of a family's samples, or of those with a label (`kind="input"`)."""
        lines = (line.rpartition(" ") for line in self._http.get("/metrics").text.splitlines())
        return math.fsum(
            float(value) for sample, _, value in lines if sample.split("{")[0] == name and label in sample
        )


def compare(stack: RunningStack, truths: Sequence[Truth], received: Received) -> Verdict:
    """Waits until everything has arrived, then compares all of it."""
    verdict = Verdict(sessions=len(truths))
    with Api(stack) as api:
        shots = _settled(api, truths)
        told = {shot["session_id"]: shot for shot in shots}
        labels = {shot["label"]: shot for shot in shots if shot["identity"] == "derived"}
        known = set()
        for truth in truths:
            shot = told.get(truth.session.session_id or "") or labels.get(truth.session.label)
            if shot is None:
                verdict.differences.append(f"session {truth.session.number} is not told")
                continue
            known.add(shot["session_id"])
            where = f"session {truth.session.number}"
            found = [*_session(truth, shot), *_details(api, truth, shot["session_id"], verdict)]
            found += _changed(truth, received)
            verdict.differences += [f"{where}: {difference}" for difference in found]
            _add(verdict, truth, shot)
        verdict.differences += [f"invented: {name}" for name in told if name not in known]
        verdict.seen_by_edge = int(api.metric("clauditor_edge_exchanges_total"))
        verdict.differences += [f"all sessions: {difference}" for difference in _sums(api, verdict)]
    return verdict


def _settled(api: Api, truths: Sequence[Truth]) -> list[dict[str, Any]]:
    expected = sum(len(truth.exchanges) for truth in truths)
    seen = 0

    def look() -> list[dict[str, Any]] | None:
        nonlocal seen
        shots: list[dict[str, Any]] = api.get(f"/sessions?limit={_MOST_SESSIONS}")["sessions"]
        seen = sum(shot["attempts"] + shot["side_calls"] for shot in shots)
        asides = sum(truth.sides["compaction"].calls for truth in truths if "compaction" in truth.sides)
        agents = [agent for shot in shots for agent in shot["agents"]]
        is_busy = any(agent["state"] in ("thinking", "streaming") for agent in agents)
        return None if is_busy or seen < expected - asides else shots

    try:
        return until(look, f"{expected} exchanges to be told", _SETTLED_SECONDS)
    except AssertionError as error:
        raise AssertionError(f"{error}; {seen} are") from None


def _session(truth: Truth, shot: Mapping[str, Any]) -> Iterator[str]:
    sides = [each.calls for name, each in truth.sides.items() if name != "compaction"]
    told = {
        "identity": shot["identity"],
        "label": shot["label"],
        "prompts": shot["prompts"],
        "turns": shot["turns"],
        "attempts": shot["attempts"],
        "failed_attempts": shot["failed_attempts"],
        "side_calls": shot["side_calls"],
        "compactions": shot["context"]["compactions"],
        "tools": {name: tally["calls"] for name, tally in shot["tools"]["by_name"].items()},
        "tools.calls": shot["tools"]["calls"],
        "unobserved": shot["unobserved"]["exchanges"],
        "cost_complete": shot["cost_complete"],
        **_tokens_told(shot["tokens"]),
    }
    true = {
        "identity": truth.session.identity,
        "label": truth.session.label,
        "prompts": truth.prompts,
        "turns": truth.turns.calls,
        "attempts": truth.turns.attempts,
        "failed_attempts": truth.turns.failed,
        "side_calls": sum(sides),
        "compactions": truth.compactions,
        "tools": truth.tools,
        "tools.calls": sum(truth.tools.values()),
        "unobserved": 0,
        "cost_complete": truth.whole.is_complete,
        **_tokens_true(truth.whole),
    }
    yield from _unequal(told, true)
    yield from _usd("cost", shot["cost_usd"], truth.whole.usd)
    if truth.session.identity == "header":
        agents = {agent["agent_id"]: agent for agent in shot["agents"]}
        if set(agents) != set(truth.agents):
            yield f"agents {sorted(agents)} instead of {sorted(truth.agents)}"
        for name in set(agents) & set(truth.agents):
            yield from _agent(name, agents[name], truth.agents[name])


def _agent(name: str, told: Mapping[str, Any], true: Sum) -> Iterator[str]:
    counts = {"turns": true.calls, "attempts": true.attempts, "failed_attempts": true.failed}
    seen = {key: told[key] for key in counts} | _tokens_told(told["tokens"])
    for difference in _unequal(seen, counts | _tokens_true(true)):
        yield f"agent {name}: {difference}"
    yield from (f"agent {name}: {found}" for found in _usd("cost", told["cost_usd"], true.usd))


def _details(api: Api, truth: Truth, session_id: str, verdict: Verdict) -> Iterator[str]:
    """Side calls by name, and each exchange of a turn by the vendor's request id."""
    wanted = {each.record.request_id for each in truth.exchanges}

    def look() -> tuple[dict[str, Any], dict[str, dict[str, Any]]] | None:
        shown = api.get(f"/sessions/{session_id}")
        turns = api.get(f"/sessions/{session_id}/turns?limit=5000")["turns"]
        attempts = [attempt for turn in turns for attempt in turn["attempts"]]
        stored = len(attempts) + sum(side["calls"] for side in shown["side_calls_by_name"])
        if stored < len(truth.exchanges):
            return None
        return shown, {attempt["request_id"]: attempt for attempt in attempts if attempt["request_id"]}

    shown, attempts = until(look, f"{len(wanted)} exchanges of {session_id} in the history")
    sides = {side["name"]: side for side in shown["side_calls_by_name"]}
    if set(sides) != set(truth.sides):
        yield f"side calls {sorted(sides)} instead of {sorted(truth.sides)}"
    for name in set(sides) & set(truth.sides):
        told, true = sides[name], truth.sides[name]
        seen = {"calls": told["calls"], "complete": told["cost_complete"]} | _tokens_told(told["tokens"])
        for difference in _unequal(
            seen, {"calls": true.calls, "complete": true.is_complete} | _tokens_true(true)
        ):
            yield f"{name}: {difference}"
        yield from (f"{name}: {found}" for found in _usd("cost", told["cost_usd"], true.usd))
    for exchange in truth.exchanges:
        attempt = attempts.pop(exchange.record.request_id, None)
        if attempt is not None:
            verdict.compared += 1
            shape = exchange.attempt.shape
            of = f"exchange {exchange.attempt.number} ({shape.name if shape else exchange.attempt.outcome})"
            yield from (f"{of}: {difference}" for difference in _exchange(attempt, exchange, verdict))
    yield from (f"unknown exchange {request_id}" for request_id in attempts)


def _exchange(told: Mapping[str, Any], true: Worth, verdict: Verdict) -> Iterator[str]:
    seen = {
        "outcome": told["outcome"],
        "request_bytes": told["request_bytes"],
        "served": told["model"]["served"] if true.record.complete else None,
        "stop_reason": told["stop_reason"],
        **_tokens_told(told["tokens"] or dict.fromkeys((*CLASSES, "thinking"), 0)),
    }
    expected = {
        "outcome": true.attempt.outcome,
        "request_bytes": true.record.request_bytes,
        "served": true.record.model if true.record.complete else None,
        "stop_reason": true.record.stop_reason if true.record.complete else None,
        **{name: getattr(true.tokens, name) for name in CLASSES},
        "thinking": true.record.thinking_tokens,
    }
    yield from _unequal(seen, expected)
    if true.usd is None:
        if told["cost_usd"] is not None:
            yield f"cost {told['cost_usd']} instead of none"
        return
    verdict.largest_usd = max(verdict.largest_usd, abs((told["cost_usd"] or 0.0) - float(true.usd)))
    yield from _usd("cost", told["cost_usd"], true.usd)


def _sums(api: Api, verdict: Verdict) -> Iterator[str]:
    """What the sessions add up to, in the three places that add them up: themselves, the days, the metrics."""
    yield from _unequal(verdict.told, verdict.true)
    yield from _usd("cost", verdict.told_usd, verdict.true_usd)
    spent = api.get("/spend?by=model&days=2")["total"]
    yield from (f"spend: {difference}" for difference in _unequal(spent["tokens"], verdict.true))
    yield from (f"spend: {found}" for found in _usd("cost", spent["cost_usd"], verdict.true_usd))
    counted = {name: int(api.metric("clauditor_tokens_total", f'kind="{name}"')) for name in CLASSES}
    counted["thinking"] = int(api.metric("clauditor_thinking_tokens_total"))
    yield from (f"metrics: {difference}" for difference in _unequal(counted, verdict.true))
    yield from (
        f"metrics: {found}"
        for found in _usd("cost", api.metric("clauditor_cost_usd_total"), verdict.true_usd)
    )


def _changed(truth: Truth, received: Received) -> Iterator[str]:
    for exchange in truth.exchanges:
        number, record = exchange.attempt.number, exchange.record
        if record.complete and received.digests.get(number) != record.response_sha256:
            yield f"exchange {number}: its bytes changed: {received.broken.get(number)}"


def _add(verdict: Verdict, truth: Truth, shot: Mapping[str, Any]) -> None:
    verdict.exchanges += sum(1 for _ in truth.session.attempts)
    verdict.by_hand += sum(exchange.by_hand for exchange in truth.exchanges)
    verdict.unpriced += sum(exchange.usd is None for exchange in truth.exchanges)
    told, true = _tokens_told(shot["tokens"]), _tokens_true(truth.whole)
    for name in (*CLASSES, "thinking"):
        verdict.told[name] = verdict.told.get(name, 0) + told[name]
        verdict.true[name] = verdict.true.get(name, 0) + true[name]
    verdict.told_usd = math.fsum((verdict.told_usd, shot["cost_usd"] or 0.0))
    verdict.true_usd += truth.whole.usd


def _tokens_told(tokens: Mapping[str, int]) -> dict[str, int]:
    return {name: tokens[name] for name in (*CLASSES, "thinking")}


def _tokens_true(true: Sum) -> dict[str, int]:
    return {name: getattr(true.tokens, name) for name in CLASSES} | {"thinking": true.thinking}


def _unequal(told: Mapping[str, Any], true: Mapping[str, Any]) -> Iterator[str]:
    yield from (
        f"{name} {told[name]!r} instead of {true[name]!r}" for name in true if told[name] != true[name]
    )


def _usd(name: str, told: float | None, true: Decimal) -> Iterator[str]:
    if abs((told or 0.0) - float(true)) > USD_TOLERANCE:
        yield f"{name} {told} instead of {true}"
