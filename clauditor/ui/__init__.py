"""What people look at: snapshots become rows and words."""
