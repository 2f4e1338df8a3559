"""Every check, in the order of the chain: from the proxy's program to the machine under it."""

from __future__ import annotations

from typing import Final

from clauditor.setup.doctor.checks import (
    base_url,
    claude,
    envoy,
    hooks,
    machine,
    ports,
    recording,
    stack,
    tools,
    upstream,
    variables,
)
from clauditor.setup.doctor.finding import Check

CHECKS: Final[tuple[Check, ...]] = (
    envoy.CHECK,
    stack.SUPERVISOR,
    stack.PROXY,
    ports.PROXY_PORT,
    upstream.CHECK,
    stack.SIDECAR,
    ports.API_PORT,
    recording.RECORDING,
    recording.HISTORY,
    claude.VERSION,
    base_url.BASE,
    base_url.PROVIDER,
    variables.COMPANY_PROXY,
    variables.HINT_HEADERS,
    hooks.HOOKS,
    hooks.STATUS_LINE,
    claude.NOT_WATCHED,
    claude.BEHIND,
    tools.SETTINGS,
    machine.PRIVATE_FILES,
    machine.DISK,
    machine.OPEN_FILES,
    machine.CLOCK,
    tools.TMUX,
    tools.PYTHON,
)
