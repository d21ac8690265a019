"""Random traffic and random faults on a real proxy, and what came of them; ``scripts/soak`` prints it."""
