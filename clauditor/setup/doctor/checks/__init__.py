"""Judgements on facts, a subject a file; nothing in here looks at the machine."""
