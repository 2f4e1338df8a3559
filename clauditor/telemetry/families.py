"""Families that are counted as events come: made in one place, all of them in one registry.

Source: Prometheus' naming and histogram guides. Each family stands in docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

NAMESPACE: Final = "clauditor"


class Families:
    """Makes families; `registry` holds them."""

    def __init__(self) -> None:
        # A second series for each counter, which nobody asked for.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library is untyped here
        self.registry = CollectorRegistry(auto_describe=False)

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, namespace=NAMESPACE, registry=self.registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, namespace=NAMESPACE, registry=self.registry)

    def histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, text, labels, namespace=NAMESPACE, buckets=buckets, registry=self.registry)
