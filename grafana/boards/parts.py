"""Panels in one hand: plain numbers, lines, bars; each with a unit, a word for "nothing", and how to read it.

Source: Grafana's panel options (stat, time series, bar gauge), grafana-foundation-sdk 11.6.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
"""Whatever Prometheus the reader chose: the files fit any Grafana."""

Panel = stat.Panel | timeseries.Panel | bargauge.Panel
Steps = Sequence[tuple[float | None, str]]
"""From that value on, that colour; the first value is None: from the bottom."""

PLAIN: Final[Steps] = ((None, "text"),)
ANY_IS_BAD: Final[Steps] = ((None, "green"), (1, "red"))
ANY_IS_A_NOTE: Final[Steps] = ((None, "green"), (1, "orange"))

USD: Final = "currencyUSD"
COUNT: Final = "none"
BIG: Final = "short"
SHARE: Final = "percentunit"
SECONDS: Final = "s"
BYTES: Final = "bytes"
AGE: Final = "dtdurations"

BAR: Final = "5m"
"""The shortest time of one bar: twenty scrapes, so that what Prometheus guesses at both ends is little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """An expression, and the name of each series it gives."""

    expr: str
    legend: str = ""


def number(
    title: str,
    expr: str,
    *,
    says: str,
    unit: str,
    empty: str,
    width: int = 4,
    height: int = 4,
    decimals: int | None = None,
    steps: Steps = PLAIN,
    words: Mapping[str, str] | None = None,
    since: Literal["now/d"] | None = None,
) -> stat.Panel:
    """One large number as of now. `words` says some values in words; `since` replaces the time shown."""
    panel = (
        stat.Panel()
        .title(title)
        .description(says)
        .datasource(SOURCE)
        .unit(unit)
        .no_value(empty)
        .span(width)
        .height(height)
        .with_target(_target(Query(expr=expr), "A", instant=True))
        .thresholds(_thresholds(steps))
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .color_mode(shapes.BigValueColorMode.VALUE)
        .graph_mode(shapes.BigValueGraphMode.NONE)
        .justify_mode(shapes.BigValueJustifyMode.AUTO)
        .text_mode(shapes.BigValueTextMode.VALUE)
        .orientation(shapes.VizOrientation.AUTO)
        .percent_change_color_mode(shapes.PercentChangeColorMode.STANDARD)
        .show_percent_change(False)
        .wide_layout(True)
    )
    if decimals is not None:
        panel.decimals(decimals)
    if words is not None:
        panel.mappings(
            [ValueMap(options={value: ValueMappingResult(text=text) for value, text in words.items()})]
        )
    if since is not None:
        panel.time_from(since)
    return panel


def lines(
    title: str,
    *queries: Query,
    says: str,
    unit: str,
    empty: str,
    width: int = 12,
    decimals: int | None = None,
    stacked: bool = False,
    bars: bool = False,
    most: float | None = None,
    steps: Steps | None = None,
    colors: Mapping[str, str] | None = None,
) -> timeseries.Panel:
    """Figures over time. `bars` is for counts of a `$__interval` each, `most` fixes the axis, `steps` draws limits.

    `colors` gives series of that name a colour that means something; the others keep one by their name.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(says)
        .datasource(SOURCE)
        .unit(unit)
        .no_value(empty)
        .span(width)
        .height(8)
        .min(0)
        .targets([_target(query, "ABCDEFGH"[place]) for place, query in enumerate(queries)])
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .draw_style(shapes.GraphDrawStyle.BARS if bars else shapes.GraphDrawStyle.LINE)
        .line_width(1)
        .fill_opacity(60 if bars else 25 if stacked else 8)
        .show_points(shapes.VisibilityMode.AUTO)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(shapes.LegendDisplayMode.LIST)
            .placement(shapes.LegendPlacement.BOTTOM)
            .calcs([])
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(shapes.TooltipDisplayMode.MULTI)
            .sort(shapes.SortOrder.DESCENDING)
            .hide_zeros(True)
        )
    )
    if decimals is not None:
        panel.decimals(decimals)
    if bars:
        panel.interval(BAR)
    if stacked:
        panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A"))
    if most is not None:
        panel.max(most)
    if steps is not None:
        panel.thresholds(_thresholds(steps))
        panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
        )
    for name, color in (colors or {}).items():
        fixed = DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": color})
        panel.override_by_name(name, [fixed])
    return panel


def ranking(
    title: str,
    query: Query,
    *,
    says: str,
    unit: str,
    empty: str,
    width: int = 8,
    decimals: int | None = None,
    steps: Steps = ((None, "blue"),),
    most: float | None = None,
) -> bargauge.Panel:
    """One bar a name, as of now."""
    panel = (
        bargauge.Panel()
        .title(title)
        .description(says)
        .datasource(SOURCE)
        .unit(unit)
        .no_value(empty)
        .span(width)
        .height(8)
        .min(0)
        .with_target(_target(query, "A", instant=True))
        .thresholds(_thresholds(steps))
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .orientation(shapes.VizOrientation.HORIZONTAL)
        .display_mode(shapes.BarGaugeDisplayMode.BASIC)
        .value_mode(shapes.BarGaugeValueMode.TEXT)
        .name_placement(shapes.BarGaugeNamePlacement.LEFT)
        .sizing(shapes.BarGaugeSizing.AUTO)
        .min_viz_height(16)
        .min_viz_width(8)
        .max_viz_height(32)
        .show_unfilled(True)
        .legend(
            common.VizLegendOptions()
            .show_legend(False)
            .display_mode(shapes.LegendDisplayMode.LIST)
            .placement(shapes.LegendPlacement.BOTTOM)
            .calcs([])
        )
    )
    if decimals is not None:
        panel.decimals(decimals)
    if most is not None:
        panel.max(most)
    return panel


def risen(family: str, chosen: str = "", by: str = "") -> str:
    """How much a counter rose in the time shown, with what a new series began with.

    `increase` alone leaves out whatever a series counted before it was first scraped, and the first call of a session is
    the dearest one. That value counts where it is sure to be of this time: the sidecar started in it, or it was scraped
    in the day before, and had no such series then.
    """
    counter = family + chosen
    new = f"min_over_time({counter}[$__range]) unless last_over_time({counter}[1d] offset $__range)"
    sure = (
        "last_over_time(clauditor_build_info[1d] offset $__range)"
        " or last_over_time(clauditor_process_start_time_seconds[$__range]) > time() - $__range_s"
    )
    parts = (
        f'label_replace(increase({counter}[$__range]), "of", "rise", "", "")',
        f'label_replace(({new}) and on (job, instance) ({sure}), "of", "start", "", "")',
    )
    return f"sum{f' by ({by}) ' if by else ''}({' or '.join(parts)})"


def at_least_a_zero(expr: str, label: str, word: str = "none") -> str:
    """`expr`, or one series at 0 called `word` where it has none: nothing went wrong is a figure as well."""
    return f'{expr} or on() label_replace(vector(0), "{label}", "{word}", "", "")'


def together(expr: str, first: str, between: str, second: str) -> str:
    """`expr` with two labels as one, `name`: so a legend reads well where neither is there as well."""
    return f'label_join({expr}, "name", "{between}", "{first}", "{second}")'


def while_recorded(expr: str) -> str:
    """`expr` while the sidecar answers; nothing while it does not, as old figures would look like good news."""
    return f"({expr}) and on() clauditor_build_info"


def _target(query: Query, ref: str, *, instant: bool = False) -> prometheus.Dataquery:
    target = (
        prometheus.Dataquery().expr(query.expr).ref_id(ref).datasource(SOURCE).legend_format(query.legend)
    )
    return target.instant() if instant else target.range()


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    config = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE)
    return config.steps([Threshold(value=value, color=color) for value, color in steps])
