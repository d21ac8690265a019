"""Was it fair?  One rule of engagement per file."""
