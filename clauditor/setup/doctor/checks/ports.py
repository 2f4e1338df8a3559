"""proxy port, api port: whose process gets what is sent there. Whoever holds the proxy's port would get the keys."""

from __future__ import annotations

from clauditor.setup.doctor.facts import Facts, Port
from clauditor.setup.doctor.finding import Check, Finding, Unseen, note, ok, problem
from clauditor.text import clean


def proxy_port(facts: Facts) -> Finding:
    ports = facts.ports
    if isinstance(ports, Unseen):
        return ports.finding()
    return _judge(
        ports.proxy,
        is_ours=_pid(facts, "proxy") is not None,
        harm="it would get every key and prompt that is sent there",
        other="clauditor down, then: clauditor up --port PORT",
    )


def api_port(facts: Facts) -> Finding:
    ports = facts.ports
    if isinstance(ports, Unseen):
        return ports.finding()
    return _judge(
        ports.api,
        is_ours=_pid(facts, "sidecar") is not None,
        harm="the sidecar cannot answer there",
        other="clauditor down, then: clauditor up --api-port PORT",
    )


def _judge(port: Port, *, is_ours: bool, harm: str, other: str) -> Finding:
    """`is_ours`: our own program runs and should be the one that listens."""
    if not port.is_visible:
        return note(f"{port.number}; this system does not tell who listens")
    strangers = [owner for owner in port.owners if not owner.is_expected]
    named = ", ".join(clean(owner.name) for owner in strangers)
    if not port.owners:
        if is_ours:
            return problem(
                f"nobody listens on {port.number}, though our program runs",
                "clauditor down, then: clauditor up",
            )
        return ok(f"{port.number} is free")
    if strangers and is_ours:
        return problem(f"{named} listens on {port.number} as well: {harm}", f"stop it, or: {other}")
    if strangers:
        user = "" if all(owner.is_same_user for owner in strangers) else " of another user"
        return problem(f"{named}{user} listens on {port.number}: {harm}", f"stop it, or: {other}")
    return ok(f"{port.number} belongs to our {port.owners[0].name}")


def _pid(facts: Facts, name: str) -> int | None:
    if isinstance(facts.stack, Unseen):
        return None
    return (facts.stack.proxy if name == "proxy" else facts.stack.sidecar).pid


PROXY_PORT = Check(name="proxy port", topic="proxy", check=proxy_port)
API_PORT = Check(name="API port", topic="proxy", check=api_port)
