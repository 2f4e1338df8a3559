"""A seed's week of sessions in virtual time: most of them healthy, some sick in a known way, and who was right.

`plan` deals out a hundred sessions, `play` lets them happen on machines of about ten (real wire bytes, a real
hub each), `judge` holds what was raised against what was planted and what was true.
"""
