"""What touches the user's own files: Claude Code's settings, service units, and the look at all of it (doctor)."""
