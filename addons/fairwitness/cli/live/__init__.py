"""The live terminal: one screen that shows the session and takes keys; traffic never waits for it."""
