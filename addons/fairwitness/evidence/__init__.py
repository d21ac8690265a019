"""What happened, provably?  The append-only log."""
