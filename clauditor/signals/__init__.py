"""Sessions become findings: one file for each signal, `catalogue` lists them. Pure; see docs/signals.md."""
