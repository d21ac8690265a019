"""Too much of everything, kind by kind: each function sends so much of one kind through a town's proxy."""
