"""Numbers as people read them: durations, clock times, tokens, money, shares, bars.

Unknown (None) is always "-", never 0. Widths are part of the promise where a column depends on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

UNKNOWN = "-"
MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_BLOCKS = "▁▂▃▄▅▆▇█"


def duration(seconds: float | None) -> str:
    """A span in at most five cells: `0:08`, `59:59`, `1h05m`, `12h`, `3d`. Negative spans count as 0."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, int(seconds))
    if whole < HOUR:
        return f"{whole // MINUTE}:{whole % MINUTE:02}"
    if whole < 10 * HOUR:
        return f"{whole // HOUR}h{whole % HOUR // MINUTE:02}m"
    if whole < 2 * DAY:
        return f"{whole // HOUR}h"
    return f"{min(whole // DAY, 9999)}d"


def seconds(span: float | None) -> str:
    """A short span in at most six cells: `0.4 s`, `12.4 s`; from a minute on as `duration`."""
    if span is None:
        return UNKNOWN
    return f"{max(span, 0.0):.1f} s" if span < MINUTE else duration(span)


def ago(seconds: float | None) -> str:
    """A span in words of a sentence: `8 s`, `12 min`, `3 h`, `2 d`."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, int(seconds))
    if whole < 2 * MINUTE:
        return f"{whole} s"
    if whole < 2 * HOUR and whole != HOUR:
        return f"{whole // MINUTE} min"
    if whole < 2 * DAY:
        return f"{whole // HOUR} h"
    return f"{whole // DAY} d"


def _local(at: float, zone: tzinfo) -> datetime | None:
    try:
        return datetime.fromtimestamp(at, zone)
    except (OverflowError, ValueError, OSError):
        return None


def clock(at: float | None, zone: tzinfo = UTC, *, seconds: bool = False) -> str:
    """A point in time as `14:29` (`14:29:58`)."""
    local = None if at is None else _local(at, zone)
    if local is None:
        return UNKNOWN
    return f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"


def moment(at: float | None, now: float, zone: tzinfo = UTC) -> str:
    """A point in time as near as needed: `14:29` today, `Mon 09:00` within a week, else `2026-11-02`."""
    local = None if at is None else _local(at, zone)
    today = _local(now, zone)
    if local is None or today is None:
        return UNKNOWN
    if local.date() == today.date():
        return f"{local:%H:%M}"
    if abs((local.date() - today.date()).days) < 7:
        return f"{local:%a %H:%M}"
    return f"{local:%Y-%m-%d}"


def tokens(count: float | None) -> str:
    """Tokens in at most four cells up to a billion: `0`, `950`, `9.5k`, `118k`, `1M`, `1.2M`."""
    if count is None:
        return UNKNOWN
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # 999,500 and more would round to "1000k": that is 1M already.
        if count >= size * 0.9995:
            scaled = count / size
            text = f"{scaled:.1f}" if scaled < 9.95 else f"{scaled:.0f}"
            return text.removesuffix(".0") + unit
    return f"{max(count, 0):.0f}"


def percent(ratio: float | None) -> str:
    """A share in at most four cells: `57%`, `100%`. Never `0%` for what is above, nor `100%` for what is below."""
    if ratio is None:
        return UNKNOWN
    value = ratio * 100
    if 0 < value < 1:
        return "<1%"
    if 99 < value < 100:
        return "99%"
    return f"{min(value, 999):.0f}%"


def about(ratio: float | None) -> str:
    """A share that is an estimate: `~57%`, `<1%`."""
    shown = percent(ratio)
    return shown if ratio is None or shown.startswith("<") else f"~{shown}"


def amount(usd: float | None, cells: int = 5) -> str:
    """Dollars without a sign, as exact as `cells` cells allow: `<0.01`, `14.20`, `123.4`, `1234`, `12k`."""
    if usd is None:
        return UNKNOWN
    if 0 < usd < 0.005 and cells >= len("<0.01"):
        return "<0.01"
    for text in (f"{usd:.2f}", f"{usd:.1f}", f"{usd:.0f}"):
        if len(text) <= cells:
            return text
    return f"{usd / 1000:.0f}k"


def cost_cell(usd: float | None, *, complete: bool, cells: int = 5) -> str:
    """`amount` with a mark where it is the least it can be: `≥14.2`."""
    mark = "" if complete or usd is None else "≥"
    return mark + amount(usd, cells - len(mark))


def price(usd: float | None, *, estimated: bool, complete: bool = True) -> str:
    """Dollars in a sentence: `$2.31`, `~$2.31` at list price for a plan, `>= ~$2.31` when some is missing."""
    if usd is None:
        return UNKNOWN
    figure = f"{usd:,.0f}" if usd >= 9999.5 else f"{usd:.2f}"
    return f"{'' if complete else '>= '}{'~' if estimated else ''}${figure}"


def sparkline(ratios: Sequence[float], cells: int) -> str:
    """The last `cells` shares (0..1) as blocks of rising height."""
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round(min(max(ratio, 0.0), 1.0) * top)] for ratio in ratios[-cells:])


def bar(ratio: float, cells: int) -> tuple[str, str]:
    """A gauge of `cells` cells: what is full and what is left. Full only at 100 %, empty only at 0 %."""
    share = min(max(ratio, 0.0), 1.0)
    full = round(share * cells)
    if 0 < share < 1:
        full = min(max(full, 1), cells - 1)
    return "█" * full, "░" * (cells - full)


def whole(number: int | None) -> str:
    """A count as it is."""
    return UNKNOWN if number is None else str(number)


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 call`, `2 calls`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def size(number: int) -> str:
    """Bytes: `950 B`, `12 kB`, `3.4 MB`."""
    for scale, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= scale * 0.9995:
            scaled = number / scale
            return (
                f"{scaled:.1f}".removesuffix(".0") + f" {unit}" if scaled < 9.95 else f"{scaled:.0f} {unit}"
            )
    return f"{number} B"
