"""The live terminal screen (Textual)."""
