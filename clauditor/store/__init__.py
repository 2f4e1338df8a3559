"""Facts on disk: SQLite, one writer thread, read-only queries."""
