"""Numbers for other systems: Prometheus metrics."""
