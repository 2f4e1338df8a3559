"""Grafana's dashboards as code: `make dashboards` writes grafana/dashboards from it."""
