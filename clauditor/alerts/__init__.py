"""Alerts: which signals ring, once each and calmly, and the ways they take to a person."""
