"""Events as lines of a terminal, and a tmux window with one pane a session."""
