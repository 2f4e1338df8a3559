"""Thousands of exchanges of every kind through a running stack, and what must come of each, worked out without
any of Clauditor's own reading, counting or price code.

`plan` deals sessions out of `shapes`, `requests` writes what goes over the wire, `drive` sends it, `truth` says
what it was worth, and `compare` holds that against what Clauditor says.
"""
