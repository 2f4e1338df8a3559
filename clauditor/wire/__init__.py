"""Bytes to events: pure decoding of what passes between a client and the Messages API."""
