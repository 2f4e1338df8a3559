"""The three programs, as files, locks and short probes show them; who listens on the two ports."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from clauditor.proxy import ports
from clauditor.proxy.process import LINUX, PidRecord, command_name
from clauditor.proxy.running import Name, running
from clauditor.proxy.status import Part
from clauditor.proxy.status import look as look_at_status
from clauditor.setup.doctor.facts import Owner, Port, Ports, Program, Stack
from clauditor.setup.doctor.look.scene import Scene


def look(scene: Scene) -> Stack:
    """About a second at most, also while both programs hang."""
    found = look_at_status(scene.run, scene.settings)
    supervisor = running(scene.run, "supervisor")
    return Stack(
        has_run=scene.plan is not None,
        was_stopped=scene.run.stopped.exists(),
        supervisor_pid=supervisor.process.pid if supervisor else None,
        proxy=_program(found.proxy),
        sidecar=_program(found.sidecar),
        version=scene.plan.version if scene.plan else None,
    )


def look_at_ports(scene: Scene) -> Ports:
    plan, settings = scene.plan, scene.settings
    return Ports(
        proxy=_port(scene, "envoy", plan.port if plan else settings.port),
        api=_port(scene, "sidecar", plan.api_port if plan else settings.api_port),
    )


def _program(part: Part) -> Program:
    return Program(url=part.url, pid=part.pid, state=part.state, trouble=part.trouble)


def _port(scene: Scene, name: Name, number: int) -> Port:
    record = running(scene.run, name)
    # An Envoy that is being replaced listens beside the new one for a while.
    draining = _draining(scene) if name == "envoy" else None
    expected = [pid for pid in (record.process.pid if record else None, draining) if pid is not None]
    unclaimed = {f"socket:[{found.inode}]": found for found in ports.listeners(number)}
    owners: list[Owner] = []
    for process in _own_first(expected):
        if not unclaimed:  # in good order our own program has them all, and nobody else is looked into
            break
        held = [unclaimed.pop(target) for target in ports.open_files(process) if target in unclaimed]
        if held:
            pid = int(process.name)
            owners.append(
                Owner(
                    name=f"{command_name(pid) or 'a program'} (pid {pid}, user {_user(held[0].uid)})",
                    is_expected=pid in expected,
                    is_same_user=held[0].uid == os.getuid(),
                )
            )
    owners += [  # those we may not look into
        Owner(name=f"a program of user {_user(uid)}", is_expected=False, is_same_user=uid == os.getuid())
        for uid in {found.uid for found in unclaimed.values()}
    ]
    return Port(number=number, owners=tuple(owners), is_visible=LINUX)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # as in a container
        return str(uid)


def _own_first(expected: list[int]) -> Iterator[Path]:
    yield from (Path(f"/proc/{pid}") for pid in expected)
    yield from Path("/proc").glob("[0-9]*")


def _draining(scene: Scene) -> int | None:
    record = PidRecord.read(scene.run.pid_file("envoy.draining"))
    return record.process.pid if record else None
