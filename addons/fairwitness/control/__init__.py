"""How another terminal steers the running proxy: a unix socket, JSON lines, the same user only."""
