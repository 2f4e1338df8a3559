"""The drill: a private proxy and sidecar are killed and stopped while answers stream, and what a client feels is told.

`stage.py` builds the private instance, `clients.py` streams through it, `faults.py` breaks it, `outcome.py` judges.
"""
