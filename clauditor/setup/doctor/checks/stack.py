"""supervisor, proxy, sidecar: whether each runs and answers, and whether one ends again and again."""

from __future__ import annotations

from dataclasses import replace

from clauditor.setup.doctor.facts import Facts, Program, Stack
from clauditor.setup.doctor.finding import Check, Finding, Unseen, note, ok, problem
from clauditor.text import clean

START = "clauditor up"
LOOK = "its log tells more; if it is of no help: clauditor down, then clauditor up"


def supervisor(facts: Facts) -> Finding:
    stack = facts.stack
    if isinstance(stack, Unseen):
        return stack.finding()
    if stack.supervisor_pid is not None:
        return ok(f"pid {stack.supervisor_pid}, starts again what ends")
    if _anything_runs(stack):
        return problem("gone: what ends now stays away", START)
    return replace(_nothing_runs(stack), remedy=START)


def proxy(facts: Facts) -> Finding:
    stack = facts.stack
    if isinstance(stack, Unseen):
        return stack.finding()
    program = stack.proxy
    return _judge(
        stack,
        program,
        stopped="Claude sessions that are sent here cannot reach the API",
        silent=f"pid {program.pid} runs at {program.url} and does not answer, or is not who listens there",
    )


def sidecar(facts: Facts) -> Finding:
    stack = facts.stack
    if isinstance(stack, Unseen):
        return stack.finding()
    program = stack.sidecar
    return _judge(
        stack,
        program,
        stopped="nothing is recorded",
        silent=f"pid {program.pid} runs and does not answer; nothing is recorded, traffic goes on",
        failing="nothing is recorded, traffic goes on. ",
    )


def _judge(stack: Stack, program: Program, *, stopped: str, silent: str, failing: str = "") -> Finding:
    """`stopped`, `silent`, `failing`: what it means that it does not run, does not answer, does not start."""
    match program.state:
        case "running":
            return _running(program)
        case "stopped":
            return _stopped(stack, stopped)
        case "starting" if program.trouble:
            return problem(f"{failing}{_trouble(program)}", LOOK)
        case "starting":
            return note("is being started", "ask again in a moment")
        case _:
            return problem(silent, f"end it, it is started again at once: kill -9 {program.pid}")


def _running(program: Program) -> Finding:
    text = f"answers at {program.url}, pid {program.pid}"
    return problem(f"{text}. {_trouble(program)}", LOOK) if program.trouble else ok(text)


def _stopped(stack: Stack, harm: str) -> Finding:
    if _anything_runs(stack) or stack.supervisor_pid is not None:
        return problem(f"does not run: {harm}", START)
    return _nothing_runs(stack)


def _nothing_runs(stack: Stack) -> Finding:
    if stack.was_stopped:
        return note("stopped by clauditor down")
    return note("does not run" if stack.has_run else "was never started")


def _anything_runs(stack: Stack) -> bool:
    return stack.proxy.pid is not None or stack.sidecar.pid is not None


def _trouble(program: Program) -> str:
    return clean(program.trouble or "").rstrip(".")


SUPERVISOR = Check(name="supervisor", topic="proxy", check=supervisor)
PROXY = Check(name="proxy", topic="proxy", check=proxy)
SIDECAR = Check(name="sidecar", topic="proxy", check=sidecar)
