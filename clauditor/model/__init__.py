"""What is known about sessions, as pure values: no clock, no IO."""
