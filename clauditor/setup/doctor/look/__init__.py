"""The rim: each function looks at one part of the machine, changes nothing, and may take its time or fail."""
