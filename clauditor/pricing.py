"""Where price lists come from: the user's file, a small overlay, then `genai-prices` (offline).

Each list is resolved once for a model, speed and batch flag and kept for a day, so that a price which
starts on a date is taken up. `genai-prices` is only asked which rates apply; the arithmetic is ours
(`model.prices`), because it knows neither data residency nor what an answer's iterations mean.
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from clauditor.errors import ClauditorError
from clauditor.model.models import canonical
from clauditor.model.prices import PriceList, Rates

log = logging.getLogger(__name__)

_DAY_SECONDS: Final = 86_400
_WEB_SEARCH_USD: Final = 0.01
_MAX_KNOWN: Final = 1024  # model names come from the wire: bound what we remember of them


def _flat(input_: float, output: float, read: float, write_5m: float, write_1h: float) -> PriceList:
    rates = Rates(
        input=input_, output=output, cache_read=read, cache_write_5m=write_5m, cache_write_1h=write_1h
    )
    return PriceList(base=rates, web_search=_WEB_SEARCH_USD)


# What genai-prices 0.2.3 lacks (Claude Code's catalogue, 2026-11-22).
_OVERLAY: Final[Mapping[tuple[str, bool], PriceList]] = {
    ("claude-mythos-5-1", False): _flat(10, 50, 0.25, 12.5, 20),
    ("claude-mythos-5", False): _flat(10, 50, 1.00, 12.5, 20),
    ("claude-mythos-preview", False): _flat(10, 50, 1.00, 12.5, 20),
    ("claude-opus-4-7", True): _flat(30, 150, 3.00, 37.5, 60),
    ("claude-opus-4-6", True): _flat(30, 150, 3.00, 37.5, 60),
}


class Pricing:
    """A `PriceBook`. `user_prices`: price lists by canonical model id, which win over everything."""

    def __init__(self, user_prices: Mapping[str, PriceList] | None = None) -> None:
        self._user_prices = dict(user_prices or {})
        self._known: dict[tuple[str, bool, bool, int], PriceList | None] = {}

    def warm_up(self, at: float) -> None:
        """Import what `price_list` needs, so that its first caller does not wait. For a thread."""
        _ask_genai_prices("claude-opus-5-5", fast=False, batch=False, at=at)

    def price_list(self, model: str, *, speed: str | None, batch: bool, at: float) -> PriceList | None:
        """See `PriceBook`. The first call for a model takes about 0.1 s (an import), unless `warm_up` was called."""
        if (mine := self._user_prices.get(model)) is not None:
            return mine
        key = (model, speed == "fast", batch, int(at // _DAY_SECONDS))
        if key not in self._known:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[key] = _OVERLAY.get((model, key[1])) or _ask_genai_prices(
                model, fast=key[1], batch=batch, at=at
            )
        return self._known[key]


def _ask_genai_prices(model: str, *, fast: bool, batch: bool, at: float) -> PriceList | None:
    from genai_prices import Usage, calc_price  # noqa: PLC0415  # 0.1 s and 30 MB: only once it is needed

    context = {"processing": "batch"} if batch else {"speed": "fast"} if fast else None
    try:
        found = calc_price(
            Usage(input_tokens=0, output_tokens=0),
            model,
            provider_id="anthropic",
            genai_request_timestamp=datetime.fromtimestamp(at, UTC),
            price_context=context,
        )
        return _price_list(found.model_price)
    except LookupError:
        return None
    except Exception:
        log.exception("price of %s could not be resolved", model)
        return None


def _price_list(price: Any) -> PriceList | None:
    names = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok")
    values = [getattr(price, name) for name in names]
    if any(value is None for value in values):
        return None
    starts = sorted({tier.start for value in values for tier in getattr(value, "tiers", ())})
    searches = price.web_searches_kcount
    return PriceList(
        base=_rates([_at(value, 0) for value in values]),
        tiers=tuple((start, _rates([_at(value, start + 1) for value in values])) for start in starts),
        web_search=float(searches) / 1000 if isinstance(searches, Decimal) else _WEB_SEARCH_USD,
    )


def _at(value: Any, prompt_tokens: int) -> float:
    chosen = getattr(value, "base", value)
    for tier in getattr(value, "tiers", ()):
        if prompt_tokens > tier.start:
            chosen = tier.price
    return float(chosen)


def _rates(values: list[float]) -> Rates:
    return Rates(
        input=values[0],
        output=values[1],
        cache_read=values[2],
        cache_write_5m=values[3],
        cache_write_1h=values[4],
    )


def load_user_prices(path: Path) -> dict[str, PriceList]:
    """Read `prices.toml`: a table a model, US dollars a million tokens. A missing file is fine.

    `["claude-x"] input = 4, output = 20, cache_read = 0.2, cache_write_5m = 5, cache_write_1h = 8`, and
    optionally `web_search` (US dollars a search). Raises `ClauditorError` naming what is wrong.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ClauditorError(f"{path} cannot be read as prices ({error}): correct or remove it.") from error
    return {canonical(model): _user_price_list(path, model, table) for model, table in tables.items()}


def _user_price_list(path: Path, model: str, table: Any) -> PriceList:
    names = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
    rates: list[Any] = [table.get(name) if isinstance(table, dict) else None for name in names]
    search = table.get("web_search", _WEB_SEARCH_USD) if isinstance(table, dict) else None
    numbers: list[Any] = [*rates, search]
    if not all(isinstance(value, int | float) and 0 <= value < 1e6 for value in numbers):
        raise ClauditorError(f"{path}: [{model}] needs {', '.join(names)} as dollars a million tokens.")
    return PriceList(base=_rates([float(rate) for rate in rates]), web_search=float(numbers[-1]))
