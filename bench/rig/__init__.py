"""What the benches share: a vendor that costs little, clients, stacks under test, and figures with their place in a page."""
