"""A two-minute story on loopback: a shop, a session that keeps to its rules, and what is left to show."""
