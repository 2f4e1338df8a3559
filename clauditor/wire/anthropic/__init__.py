"""What the Anthropic Messages API means by its bytes."""
