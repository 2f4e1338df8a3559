"""`usage` objects of the Messages API read into `UsageReport` (python SDK 2.12.0, 2026-11)."""

from __future__ import annotations

from typing import Any, Final

from clauditor.model.usage import Iteration, UsageReport
from clauditor.wire.identity import identifier
from clauditor.wire.jsontext import count, mapping

_MAX_ITERATIONS: Final = 256  # model runs of one answer: server tools loop a few dozen times


def usage_report(value: object) -> UsageReport | None:
    """What the object says; None if it is no object. A member of the wrong type says nothing."""
    if not isinstance(value, dict):
        return None
    write, write_1h = _cache_write(value)
    iterations = value.get("iterations")
    return UsageReport(
        input=count(value.get("input_tokens")),
        output=count(value.get("output_tokens")),
        cache_read=count(value.get("cache_read_input_tokens")),
        cache_write=write,
        cache_write_1h=write_1h,
        thinking=count(mapping(value.get("output_tokens_details")).get("thinking_tokens")),
        web_searches=count(mapping(value.get("server_tool_use")).get("web_search_requests")),
        speed=identifier(value.get("speed")),
        geography=identifier(value.get("inference_geo")),
        service_tier=identifier(value.get("service_tier")),
        iterations=_iterations(iterations) if isinstance(iterations, list) else None,
    )


def _iterations(values: list[Any]) -> tuple[Iteration, ...]:
    found = []
    for value in values[-_MAX_ITERATIONS:]:
        entry = mapping(value)
        write, write_1h = _cache_write(entry)
        found.append(
            Iteration(
                kind=identifier(entry.get("type")) or "unknown",
                model=identifier(entry.get("model")),
                input=count(entry.get("input_tokens")) or 0,
                output=count(entry.get("output_tokens")) or 0,
                cache_read=count(entry.get("cache_read_input_tokens")) or 0,
                cache_write=write or 0,
                cache_write_1h=write_1h or 0,
            )
        )
    return tuple(found)


def _cache_write(value: dict[str, Any]) -> tuple[int | None, int | None]:
    """All tokens written to the cache and those for an hour; the total may only be there as its parts."""
    total = count(value.get("cache_creation_input_tokens"))
    split = mapping(value.get("cache_creation"))
    short, long = count(split.get("ephemeral_5m_input_tokens")), count(split.get("ephemeral_1h_input_tokens"))
    if total is None and (short is not None or long is not None):
        total = (short or 0) + (long or 0)
    return total, long
