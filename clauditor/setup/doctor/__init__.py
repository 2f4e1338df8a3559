"""doctor: what of the chain from Claude Code to the API is in order, and what to do about the rest. Changes nothing.

Looks (`look/`) gather facts (`facts.py`) side by side; checks (`checks/`) judge them, one explicit list in
`catalogue.py`; `report.py` words it.
"""
