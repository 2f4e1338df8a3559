"""Facts become reports: the post-mortem of a session, and our figures held against the client's. Pure."""
